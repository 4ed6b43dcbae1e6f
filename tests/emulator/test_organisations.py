"""Several organisations on one port: a token leads to its own, and each is by itself."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from zoho_emulator.options import Options, OptionsError
from zoho_emulator.organisations import Organisations
from zoho_emulator.wire import Request

LIST = "/billing/v1/products"


class Client:
    """Somebody with one refresh token."""

    def __init__(self, organisations: Organisations, known: dict[str, str]) -> None:
        self.organisations = organisations
        self.org_id = known["org_id"]
        form = {"grant_type": "refresh_token"} | {
            name: known[name] for name in ("client_id", "client_secret", "refresh_token")
        }
        request = Request("POST", "/oauth/v2/token", body=urlencode(form).encode())
        self.token = send(organisations, request)[1]["access_token"]

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"authorization": f"Zoho-oauthtoken {self.token}"}
        content = b"" if body is None else json.dumps(body).encode()
        return send(self.organisations, Request(method, path, {}, headers, content))


def send(organisations: Organisations, request: Request) -> tuple[int, Any]:
    ticket = organisations.begin(request)
    organisations.finish(ticket)
    response = ticket.reply.response
    return response.status, json.loads(response.body)


def console(organisations: Organisations, path: str, **query: str) -> tuple[int, Any]:
    return send(organisations, Request("GET", f"/_emulator/{path}", query))


def several(**more: Any) -> Organisations:
    return Organisations(Options.from_json({"organisations": [{}, {}, more]}))


def test_a_token_leads_to_its_own_organisation() -> None:
    organisations = several()
    known = console(organisations, "organisations")[1]
    assert [one["org_id"] for one in known] == ["700000001", "700000002", "700000003"]
    clients = [Client(organisations, one) for one in known]
    made = clients[1].call("POST", LIST, {"name": "Only here"})
    assert made[0] == 201
    names = [[p["name"] for p in c.call("GET", LIST)[1]["products"]] for c in clients]
    assert names == [[], ["Only here"], []]
    sent = [console(organisations, "state", org_id=c.org_id)[1]["requests"] for c in clients]
    assert [counts["total"] for counts in sent] == [2, 3, 2]
    windows = console(organisations, "state", org_id=clients[1].org_id)[1]["largest_windows"]
    assert windows["total"] == 3
    assert console(organisations, "state", org_id="1")[0] == 404


def test_a_foreign_token_is_refused() -> None:
    organisations = several()
    client = Client(organisations, console(organisations, "organisations")[1][2])
    client.token = "1000.nobody"
    assert client.call("GET", LIST)[0] == 401


def test_each_may_differ() -> None:
    organisations = several(org_id="42", limits={"billing_per_minute": 1}, latency=0.5)
    known = console(organisations, "organisations")[1]
    strict, plain = Client(organisations, known[2]), Client(organisations, known[1])
    assert [plain.call("GET", LIST)[0] for _ in range(3)] == [200] * 3
    assert [strict.call("GET", LIST)[0] for _ in range(2)] == [200, 429]
    assert strict.org_id == "42"


@pytest.mark.parametrize("own", [{"org_id": "700000001"}, {"orgid": "1"}])
def test_a_mistake_is_refused(own: dict[str, str]) -> None:
    with pytest.raises(OptionsError, match=r"organisations|orgid"):
        several(**own)
