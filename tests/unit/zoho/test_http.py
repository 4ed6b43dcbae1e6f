"""What the door sends again, what it gives up, and what it says then."""

from collections.abc import Iterator

import httpx2
import pytest

from support.zoho import SECRET, TOKEN, Zoho, a_token, scripted, zoho
from trueup.domain.errors import (
    CredentialsError,
    LostAnswerError,
    PausedError,
    RejectedError,
    ScopeError,
    TargetDownError,
    TrueupError,
)
from trueup.domain.records import TargetName
from trueup.zoho.http import Answer, Safety

CRM, BILLING = TargetName.CRM, TargetName.BILLING
GOOD = {"data": [{"id": "1"}]}
HTML = "<html><body>Bad gateway</body></html>"
Trouble = httpx2.Response | Exception
LOST: list[Trouble] = [
    httpx2.ReadTimeout("late"),
    httpx2.ReadError("reset"),
    httpx2.RemoteProtocolError("hung up"),
    httpx2.Response(502, text=HTML),
    httpx2.Response(200, text=HTML),
    httpx2.Response(200, text='{"data":['),
    httpx2.Response(500, json={"code": "INTERNAL_ERROR", "status": "error"}),
]
NOT_SENT: list[Trouble] = [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("no route")]


def good() -> httpx2.Response:
    return httpx2.Response(200, json=GOOD)


def throttled(seconds: int | None = None) -> httpx2.Response:
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return httpx2.Response(
        429, json={"code": "TOO_MANY_REQUESTS", "status": "error"}, headers=headers
    )


def refused_token() -> httpx2.Response:
    return httpx2.Response(401, json={"code": "INVALID_TOKEN", "status": "error"})


def billing(status: int, code: int) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "message": "text"})


def read(z: Zoho, path: str = "/crm/v8/Products") -> Answer:
    return z.door.send(CRM, "GET", path)


def create(z: Zoho) -> Answer:
    return z.door.send(CRM, "POST", "/crm/v8/Products", safety=Safety.CREATE, body={"data": []})


def update(z: Zoho) -> Answer:
    return z.door.send(CRM, "PUT", "/crm/v8/Products", safety=Safety.SAME, body={"data": []})


@pytest.mark.parametrize("trouble", [*LOST, *NOT_SENT], ids=repr)
def test_a_read_is_tried_four_times_then_the_target_is_down(trouble: Trouble) -> None:
    z, asked = scripted(*[trouble] * 4)
    with pytest.raises(TargetDownError):
        read(z)
    assert len(asked) == 4
    assert z.budget.acquired == ["oauth", *["crm"] * 4]


@pytest.mark.parametrize("trouble", [*LOST, *NOT_SENT], ids=repr)
def test_a_read_survives_three_failures(trouble: Trouble) -> None:
    z, _ = scripted(trouble, trouble, trouble, good())
    assert read(z).document == GOOD
    assert len(z.clock.slept) == 3
    assert all(0 <= nap <= 4 for nap in z.clock.slept)


@pytest.mark.parametrize("trouble", LOST, ids=repr)
def test_a_create_whose_answer_is_lost_is_sent_once(trouble: Trouble) -> None:
    """Whatever came instead of an answer, it may have been carried out (spec law 4)."""
    z, asked = scripted(trouble)
    with pytest.raises(LostAnswerError):
        create(z)
    assert len(asked) == 1


@pytest.mark.parametrize("trouble", NOT_SENT, ids=repr)
def test_a_create_that_never_left_is_sent_again(trouble: Trouble) -> None:
    z, asked = scripted(trouble, trouble, good())
    assert create(z).document == GOOD
    assert len(asked) == 3


def test_a_create_that_never_leaves_finds_the_target_down() -> None:
    """Surely nothing was carried out, so nothing is unknown."""
    z, _ = scripted(*[NOT_SENT[0]] * 4)
    with pytest.raises(TargetDownError):
        create(z)


@pytest.mark.parametrize("trouble", LOST, ids=repr)
def test_an_update_is_repeated_because_it_sets_the_same_values(trouble: Trouble) -> None:
    z, asked = scripted(trouble, trouble, good())
    assert update(z).repeated
    assert asked[0].content == asked[2].content


def test_an_update_that_stays_lost_is_unknown() -> None:
    z, asked = scripted(*[LOST[0]] * 3)
    with pytest.raises(LostAnswerError):
        update(z)
    assert len(asked) == 3


def test_what_stops_a_doubtful_update_leaves_it_unknown() -> None:
    """Its first attempt may have been carried out: not "deferred", whatever came after."""
    z, _ = scripted(LOST[0], throttled(9999))
    with pytest.raises(LostAnswerError):
        update(z)


def test_five_lost_writes_in_a_row_stop_the_target() -> None:
    """Reads still pass, and one that is answered opens it again."""
    z, asked = scripted(*[LOST[0]] * 5, good(), good())
    for _ in range(5):
        with pytest.raises(LostAnswerError):
            create(z)
    with pytest.raises(TargetDownError):
        create(z)
    assert len(asked) == 5
    read(z)
    create(z)


@pytest.mark.parametrize("call", [read, create, update])
def test_a_throttled_call_waits_and_passes(call: object) -> None:
    """429 means not carried out, so creates are sent again too; Retry-After is obeyed."""
    assert callable(call)
    z, _ = scripted(throttled(7), good())
    call(z)
    assert z.budget.throttles == [("crm", 7.0)]
    assert z.clock.monotonic() >= 7


def test_a_wait_beyond_patience_pauses_the_target() -> None:
    z, asked = scripted(throttled(9999))
    with pytest.raises(PausedError) as caught:
        create(z)
    assert len(asked) == 1
    assert caught.value.until is not None


def test_refusals_close_the_target_longer_each_time_and_at_last_for_the_quota() -> None:
    """CRM does not tell the minute from the day (zoho-facts §2.13)."""
    z, _ = scripted(*[throttled() for _ in range(9)])
    for _ in range(5):
        with pytest.raises(PausedError):
            read(z)
        z.clock.advance(3600)
        if z.budget.exhaustions:
            break
    waits = [wait or 0.0 for _, wait in z.budget.throttles]
    assert waits == sorted(waits)
    assert z.budget.exhaustions == [("crm", 3600.0)]


def test_a_good_answer_ends_the_streak() -> None:
    z, _ = scripted(throttled(1), good(), throttled(1), good())
    read(z)
    read(z)
    assert z.budget.throttles == [("crm", 1.0), ("crm", 1.0)]


def test_billings_daily_quota_closes_billing_at_once() -> None:
    z, asked = scripted(billing(429, 45), good())
    with pytest.raises(PausedError):
        z.door.send(BILLING, "GET", "/billing/v1/plans")
    assert z.budget.exhaustions == [("billing", 3600.0)]
    read(z)
    assert len(asked) == 2


@pytest.mark.parametrize("code", [44, 1070])
def test_billings_minute_and_concurrency_limits_only_delay(code: int) -> None:
    z, _ = scripted(billing(429, code), billing(200, 0))
    assert z.door.send(BILLING, "GET", "/billing/v1/plans").status == 200


def test_a_refused_token_is_renewed_once() -> None:
    z, asked = scripted(refused_token(), good())
    read(z)
    assert z.budget.acquired == ["oauth", "crm", "oauth", "crm"]
    assert asked[1].headers["authorization"] == f"Zoho-oauthtoken {TOKEN}"


def test_a_fresh_token_refused_is_final_for_everybody() -> None:
    """The next call does not burn another token either."""
    z, _ = scripted(refused_token(), refused_token(), refused_token())
    for _ in range(2):
        with pytest.raises(CredentialsError):
            read(z)
    assert z.door.requests["oauth"] == 2


def test_a_token_that_lived_may_be_renewed_again() -> None:
    z, _ = scripted(refused_token(), good(), refused_token(), good())
    read(z)
    z.clock.advance(3600)
    read(z)
    assert z.door.requests["oauth"] == 3


def test_not_authorised_after_a_fresh_token_is_a_missing_scope() -> None:
    """Billing says 57 for both (zoho-facts §3.8)."""
    z, _ = scripted(billing(401, 57), billing(401, 57))
    with pytest.raises(ScopeError, match=r"ZohoSubscriptions\.plans\.READ"):
        z.door.send(BILLING, "GET", "/billing/v1/plans")


def test_a_scope_mismatch_names_the_scope_and_renews_nothing() -> None:
    z, _ = scripted(httpx2.Response(401, json={"code": "OAUTH_SCOPE_MISMATCH", "status": "error"}))
    with pytest.raises(ScopeError, match=r"ZohoCRM\.modules\.products\.CREATE"):
        create(z)
    assert z.door.requests["oauth"] == 1


def test_a_missing_profile_permission_stops() -> None:
    z, _ = scripted(httpx2.Response(403, json={"code": "NO_PERMISSION", "status": "error"}))
    with pytest.raises(ScopeError):
        read(z)


@pytest.mark.parametrize(("code", "variable"), [(6041, "ZOHO_ORG_ID"), (9, "ZOHO_REGION")])
def test_a_wrong_organisation_or_host_names_the_variable(code: int, variable: str) -> None:
    z, _ = scripted(billing(400, code))
    with pytest.raises(CredentialsError) as caught:
        z.door.send(BILLING, "GET", "/billing/v1/plans")
    assert variable in caught.value.remedy


def test_an_unknown_refusal_keeps_its_code() -> None:
    z, _ = scripted(billing(400, 123456))
    with pytest.raises(RejectedError) as caught:
        z.door.send(BILLING, "POST", "/billing/v1/plans", safety=Safety.CREATE, body={})
    assert caught.value.code == "123456"


def test_a_wrapped_error_never_passes_for_rows() -> None:
    wrapped = {"data": [{"code": "INVALID_DATA", "status": "error", "message": "", "details": {}}]}
    z, _ = scripted(httpx2.Response(400, json=wrapped))
    with pytest.raises(RejectedError):
        read(z)


def test_nothing_there_is_an_answer() -> None:
    z, _ = scripted(httpx2.Response(204))
    assert read(z).document is None


def test_the_api_host_comes_from_the_token() -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/oauth/v2/token":
            return a_token(api_domain="https://www.zohoapis.eu")
        assert request.url.host == "www.zohoapis.eu"
        return good()

    read(zoho(httpx2.MockTransport(respond)))


def test_redirects_are_not_followed() -> None:
    """They would carry the token to another host."""
    z, asked = scripted(*[httpx2.Response(302, headers={"Location": "https://x"})] * 4)
    with pytest.raises(TargetDownError):
        read(z)
    assert {r.url.host for r in asked} == {"www.zohoapis.com"}


def test_every_request_is_told_with_its_verdict_and_attempt() -> None:
    z, _ = scripted(NOT_SENT[0], LOST[3], good())
    read(z)
    told = [(e.target, e.status, e.attempt, e.verdict) for e in z.events]
    assert told == [
        ("oauth", 200, 1, "ok"),
        ("crm", 0, 1, "not_sent"),
        ("crm", 502, 2, "server"),
        ("crm", 200, 3, "ok"),
    ]
    assert dict(z.door.requests) == {"oauth": 1, "crm": 3}


@pytest.fixture(
    params=[*LOST, *NOT_SENT, throttled(9999), refused_token(), billing(400, 7)], ids=repr
)
def troubled(request: pytest.FixtureRequest) -> Iterator[Zoho]:
    z, _ = scripted(*[request.param] * 4)
    yield z
    assert not z.budget.open_tickets


def test_every_ticket_is_released_and_no_secret_is_told(troubled: Zoho) -> None:
    """Neither in messages and remedies, nor in what logs see."""
    with pytest.raises(TrueupError) as caught:
        create(troubled)
    said = f"{caught.value!r} {caught.value.remedy} {troubled.events!r}"
    assert not any(secret in said for secret in (SECRET, TOKEN, "1000.refresh"))


def test_files_come_back_as_they_are() -> None:
    z, _ = scripted(httpx2.Response(200, content=b"PK\x03\x04"))
    assert z.door.send(CRM, "GET", "/crm/bulk/v8/read/1/result", raw=True).content == b"PK\x03\x04"


def test_uploads_go_to_the_content_host() -> None:
    z, asked = scripted(httpx2.Response(200, json={"status": "success"}))
    files = {"file": ("p.zip", b"PK", "application/zip")}
    z.door.send(CRM, "POST", "/crm/v8/upload", safety=Safety.CREATE, files=files, host="content")
    assert asked[0].url.host == "content.zohoapis.com"
    assert asked[0].headers["content-type"].startswith("multipart/form-data")
