"""The accounts server (zoho-facts §1)."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest

from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.clock import ManualClock
from zoho_emulator.oauth.options import OAuthOptions
from zoho_emulator.options import LimitOptions, Options
from zoho_emulator.wire import Request


def an_emulator(**oauth: object) -> tuple[Emulator, ManualClock]:
    clock = ManualClock()
    options = Options(oauth=OAuthOptions(**oauth), limits=LimitOptions.unlimited())
    return Emulator(options, clock), clock


def works(caller: Caller, token: str) -> bool:
    caller.token = token
    return caller("GET", "/billing/v1/products")[0] == 200


def test_a_refresh_answers_a_token_of_an_hour_and_no_refresh_token() -> None:
    answer = Caller(an_emulator()[0]).refresh()
    assert re.fullmatch(r"1000\.[0-9a-f]{32}\.[0-9a-f]{32}", answer["access_token"])
    assert answer["expires_in"] == 3600
    assert answer["token_type"] == "Bearer"
    assert answer["api_domain"] == "https://www.zohoapis.com"
    assert "refresh_token" not in answer


def test_parameters_may_come_in_the_query_string() -> None:
    emulator, _ = an_emulator()
    query = {
        "grant_type": "refresh_token",
        "client_id": emulator.options.client_id,
        "client_secret": emulator.options.client_secret,
        "refresh_token": emulator.options.refresh_token,
    }
    reply = emulator.handle(Request("POST", "/oauth/v2/token", query))
    assert "access_token" in json.loads(reply.response.body)


def test_a_redirect_uri_is_ignored_on_refresh() -> None:
    assert "access_token" in Caller(an_emulator()[0]).refresh(redirect_uri="https://x.example")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "1000.NOBODY"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client_secret"),
        ({"refresh_token": "1000.unknown"}, "invalid_code"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "1000.never"}, "invalid_code"),
    ],
)
def test_refusals_come_with_http_200(change: dict[str, str], error: str) -> None:
    emulator, _ = an_emulator()
    answer = Caller(emulator).refresh(**change)
    assert answer == {"error": error}
    assert emulator.journal()[-1]["status"] == 200


@pytest.mark.parametrize("status", [400, 200])
def test_the_eleventh_refresh_in_ten_minutes_is_denied(status: int) -> None:
    emulator, clock = an_emulator(throttle_status=status, refused_counts=False)
    caller = Caller(emulator)
    for _ in range(9):
        assert "access_token" in caller.refresh()
    assert caller.refresh()["error"] == "Access Denied"
    assert emulator.journal()[-1]["status"] == status
    clock.advance(600)
    assert "access_token" in caller.refresh()


def test_a_refused_refresh_prolongs_the_refusal() -> None:
    emulator, clock = an_emulator()
    caller = Caller(emulator)
    for _ in range(9):
        caller.refresh()
    clock.advance(400)
    assert [caller.refresh().get("error") for _ in range(10)] == ["Access Denied"] * 10
    clock.advance(300)
    assert caller.refresh()["error"] == "Access Denied"


def test_the_sixteenth_live_token_silently_ends_the_oldest() -> None:
    emulator, _ = an_emulator(refreshes=None)
    caller = Caller(emulator)
    tokens = [caller.token] + [caller.refresh()["access_token"] for _ in range(15)]
    assert [works(caller, token) for token in tokens] == [False] + [True] * 15


def test_a_token_lives_one_hour() -> None:
    emulator, clock = an_emulator()
    caller = Caller(emulator)
    clock.advance(3599)
    assert works(caller, caller.token)
    clock.advance(1)
    assert not works(caller, caller.token)


def test_a_grant_code_is_exchanged_once_and_brings_a_refresh_token() -> None:
    emulator, _ = an_emulator()
    caller = Caller(emulator)
    code = emulator.grant_code()
    answer = caller.refresh(grant_type="authorization_code", code=code)
    assert caller.refresh(refresh_token=answer["refresh_token"])["access_token"]
    assert caller.refresh(grant_type="authorization_code", code=code) == {"error": "invalid_code"}


def test_a_grant_code_expires() -> None:
    emulator, clock = an_emulator()
    code = emulator.grant_code()
    clock.advance(60)
    answer = Caller(emulator).refresh(grant_type="authorization_code", code=code)
    assert answer == {"error": "invalid_code"}


def test_the_twenty_first_refresh_token_ends_the_oldest() -> None:
    emulator, clock = an_emulator()
    caller = Caller(emulator)
    for _ in range(20):
        clock.advance(61)  # ten codes in ten minutes, no more
        caller.refresh(grant_type="authorization_code", code=emulator.grant_code())
    assert caller.refresh() == {"error": "invalid_code"}
    assert not works(caller, caller.token)


def test_revoking_a_refresh_token_ends_its_access_tokens() -> None:
    emulator, _ = an_emulator()
    caller = Caller(emulator)
    body = urlencode({"token": emulator.options.refresh_token}).encode()
    reply = emulator.handle(Request("POST", "/oauth/v2/token/revoke", body=body))
    assert json.loads(reply.response.body) == {"status": "success"}
    assert not works(caller, caller.token)
    assert caller.refresh() == {"error": "invalid_code"}
    again = emulator.handle(Request("POST", "/oauth/v2/token/revoke", body=body))
    assert json.loads(again.response.body) == {"error": "invalid_token"}


def test_a_token_answer_may_lack_expires_in() -> None:
    assert "expires_in" not in Caller(an_emulator(omit_expires_in=True)[0]).refresh()


def test_serverinfo_lists_the_data_centres() -> None:
    emulator, _ = an_emulator()
    request = Request("GET", "/oauth/serverinfo")
    locations = json.loads(emulator.handle(request).response.body)["locations"]
    assert locations["eu"] == "https://accounts.zoho.eu"
    emulator.served_at("http://127.0.0.1:1")
    locations = json.loads(emulator.handle(request).response.body)["locations"]
    assert set(locations.values()) == {"http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("header", "status"),
    [({}, 401), ({"authorization": "Bearer {token}"}, 401), ({"authorization": "{token}"}, 401)],
)
def test_only_the_zoho_scheme_is_accepted(header: dict[str, str], status: int) -> None:
    emulator, _ = an_emulator()
    caller = Caller(emulator)
    headers = {name: text.format(token=caller.token) for name, text in header.items()}
    for path in ("/billing/v1/products", "/crm/v8/org"):
        request = Request("GET", path, headers=headers)
        assert emulator.handle(request).response.status == status


def test_a_token_without_the_scope_is_refused() -> None:
    emulator, _ = an_emulator(scope="ZohoSubscriptions.plans.READ,ZohoCRM.modules.products.READ")
    caller = Caller(emulator)
    assert caller("GET", "/billing/v1/plans")[0] == 200
    assert caller("POST", "/billing/v1/plans", {})[1]["code"] == 57
    assert caller("GET", "/billing/v1/items")[0] == 401
    assert caller("GET", "/crm/v8/org")[1]["code"] == "OAUTH_SCOPE_MISMATCH"
