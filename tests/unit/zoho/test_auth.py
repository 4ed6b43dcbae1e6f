"""The accounts server in all its moods (zoho-facts §1)."""

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from support.zoho import CREDENTIALS, REFRESH, SECRET, TOKEN, Zoho, a_token, zoho
from trueup.domain.errors import CredentialsError, PausedError, TargetDownError, TrueupError
from trueup.zoho.auth import SCOPES

HTML = "<html>maintenance</html>"
DENIED = {"error": "Access Denied", "error_description": "text", "status": "failure"}


def answering(*answers: httpx2.Response | Exception) -> tuple[Zoho, list[httpx2.Request]]:
    asked: list[httpx2.Request] = []
    left = list(answers)

    def respond(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return zoho(httpx2.MockTransport(respond)), asked


def form(request: httpx2.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def test_secrets_travel_in_the_body_and_no_redirect_uri() -> None:
    z, asked = answering(a_token(scope="a,b"))
    token = z.door.authenticator.mint()
    assert (token.value, token.expires_in, token.scope) == (TOKEN, 3600.0, "a,b")
    assert asked[0].url.query == b""
    sent = form(asked[0])
    assert sent == {
        "grant_type": "refresh_token",
        "client_id": "1000.CLIENT",
        "client_secret": SECRET,
        "refresh_token": REFRESH,
    }
    assert z.budget.acquired == ["oauth"]


@pytest.mark.parametrize(
    "life", [{"expires_in": None}, {"expires_in": 3600000, "expires_in_sec": 3600}]
)
def test_a_token_lives_an_hour_unless_told_otherwise(life: dict[str, object]) -> None:
    z, _ = answering(a_token(**life))
    assert z.door.authenticator.mint().expires_in == 3600.0


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("error", "named"),
    [
        ("invalid_code", ("ZOHO_REFRESH_TOKEN", "ZOHO_REGION")),
        ("invalid_client", ("ZOHO_CLIENT_ID", "ZOHO_REGION")),
        ("invalid_client_secret", ("ZOHO_CLIENT_SECRET",)),
        ("brand_new", ("ZOHO_",)),
    ],
)
def test_each_refusal_names_the_variable(status: int, error: str, named: tuple[str, ...]) -> None:
    """In both forms, HTTP 200 and 400 (zoho-facts §1.5)."""
    z, _ = answering(httpx2.Response(status, json={"error": error}))
    with pytest.raises(CredentialsError) as caught:
        z.door.authenticator.mint()
    assert all(name in caught.value.remedy for name in named)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("status", [200, 400, 429])
def test_a_throttled_endpoint_starts_the_cooldown(status: int) -> None:
    """By its code: the text comes in the language of the data centre."""
    z, asked = answering(httpx2.Response(status, json=DENIED))
    with pytest.raises(PausedError):
        z.door.authenticator.mint()
    assert len(z.tokens.cooldowns) == 1
    assert len(asked) == 1


@pytest.mark.parametrize(
    "trouble",
    [httpx2.Response(200, text=HTML), httpx2.Response(503, text=HTML), httpx2.ReadTimeout("late")],
    ids=repr,
)
def test_a_refresh_is_repeated_then_the_endpoint_is_down(
    trouble: httpx2.Response | Exception,
) -> None:
    z, asked = answering(*[trouble] * 3)
    with pytest.raises(TargetDownError):
        z.door.authenticator.mint()
    assert len(asked) == 3


def test_an_answer_without_a_token_is_no_success() -> None:
    z, _ = answering(*[httpx2.Response(200, json={"access_token": ""})] * 3)
    with pytest.raises(TargetDownError):
        z.door.authenticator.mint()


def test_a_grant_code_becomes_a_refresh_token_once() -> None:
    """The code is not sent twice: it works once."""
    z, asked = answering(a_token(refresh_token="1000.new"), httpx2.ReadTimeout("late"))
    grant = z.door.authenticator.exchange(" 1000.code ")
    assert grant.refresh_token == "1000.new"
    assert form(asked[0])["code"] == "1000.code"
    assert "redirect_uri" not in form(asked[0])
    with pytest.raises(TargetDownError):
        z.door.authenticator.exchange("1000.code")
    assert len(asked) == 2


@pytest.mark.parametrize(
    "answer", [httpx2.Response(200, json={"error": "invalid_code"}), a_token()]
)
def test_a_code_that_gives_no_refresh_token_is_an_error(answer: httpx2.Response) -> None:
    z, _ = answering(answer)
    with pytest.raises(CredentialsError):
        z.door.authenticator.exchange("1000.code")


def test_the_consent_page_asks_for_everything_and_shows_no_secret() -> None:
    z, _ = answering()
    url = z.door.authenticator.authorisation_url()
    asked = parse_qs(urlsplit(url).query)
    assert asked["scope"] == [",".join(SCOPES)]
    assert SECRET not in url
    assert urlsplit(z.door.authenticator.console_url()).hostname == "api-console.zoho.com"


def test_nothing_shows_a_secret() -> None:
    z, _ = answering(a_token(refresh_token="1000.new"), httpx2.Response(200, json={"error": "x"}))
    grant = z.door.authenticator.exchange("1000.code")
    with pytest.raises(TrueupError) as caught:
        z.door.authenticator.mint()
    said = f"{grant!r} {CREDENTIALS!r} {caught.value!r} {caught.value.remedy} {z.events!r}"
    assert not any(secret in said for secret in (SECRET, TOKEN, REFRESH, "1000.new", "1000.code"))


def test_a_refusal_is_remembered_for_a_minute() -> None:
    """Both targets ask within one run; a process that lives on asks again later."""
    refused = httpx2.Response(400, json={"error": "invalid_client"})
    z, asked = answering(refused, a_token())
    for _ in range(2):
        with pytest.raises(CredentialsError, match="client id"):
            z.door.authenticator.mint()
    assert len(asked) == 1
    z.clock.sleep(61)
    assert z.door.authenticator.mint().value == TOKEN
