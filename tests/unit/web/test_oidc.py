"""What an issuer says is believed only when all of it fits."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from support.issuer import ENV, FakeIssuer
from trueup.domain.errors import UsageError
from trueup.domain.people import Role
from trueup.settings import Settings, load
from trueup.web.ui.oidc import Issuer, NotVouchedError, Trip, Vouched, vouched

BACK = "https://trueup.example/login/oidc/back"


def settings(**env: str) -> Settings:
    return load(environment=ENV | env, use_file=False)


def travel(fake: FakeIssuer, issuer: Issuer | None = None, **changed: str) -> Vouched:
    """There and back; `changed` replaces parts of the answer."""
    chosen = issuer or Issuer(settings(), time.monotonic, fake.transport)
    trip = Trip.begin()
    answer = parse_qs(urlsplit(fake.visit(chosen.ask(trip, BACK))).query)
    return chosen.hear(trip, {k: v[0] for k, v in answer.items()} | changed, BACK)


def test_somebody_is_vouched_for() -> None:
    who = travel(FakeIssuer())
    assert (who.subject, who.login, who.name, who.role) == (
        "248289", "ann", "Ann Example", Role.OPERATOR,
    )  # fmt: skip


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims.__setitem__(name, value)


@pytest.mark.parametrize(
    "lie",
    [
        _set("iss", "https://id.example/realms/others"),
        _set("aud", "another-client"),
        _set("aud", ["trueup", "another-client"]),
        _set("azp", "another-client"),
        _set("nonce", "of-another-sign-in"),
        _set("exp", 1_000_000_000),
        _set("iat", 4_000_000_000),
        _set("nbf", 4_000_000_000),
        lambda claims: claims.pop("nonce"),
        lambda claims: claims.pop("exp"),
        lambda claims: claims.pop("sub"),
    ],
)
def test_a_token_that_does_not_fit(lie: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(NotVouchedError):
        travel(FakeIssuer(lie=lie))


def _unsigned(_: FakeIssuer, claims: dict[str, Any]) -> str:
    head, body = ({"alg": "none"}, claims)
    parts = (base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (head, body))
    return b".".join(parts).decode() + "."


def _with_a_guessed_secret(fake: FakeIssuer, claims: dict[str, Any]) -> str:
    return jwt.encode(
        claims, "the-client-secret-or-a-public-key-as-text", "HS256", {"kid": "first"}
    )


def _with_another_key(fake: FakeIssuer, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, FakeIssuer().key, "ES256", {"kid": "first"})


def _with_an_unknown_key(fake: FakeIssuer, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, FakeIssuer().key, "ES256", {"kid": "unknown"})


@pytest.mark.parametrize(
    "sign",
    [
        _unsigned,
        _with_a_guessed_secret,
        _with_another_key,
        _with_an_unknown_key,
        lambda *_: "not.a.token",
        lambda *_: "",
    ],
)
def test_a_signature_that_is_not_the_issuers(sign: Callable[[FakeIssuer, Any], str]) -> None:
    with pytest.raises(NotVouchedError):
        travel(FakeIssuer(sign=sign))


@pytest.mark.parametrize(
    "changed", [{"state": "another"}, {"iss": "https://evil.example"}, {"code": "stolen"}]
)
def test_an_answer_that_belongs_to_no_way(changed: dict[str, str]) -> None:
    with pytest.raises(NotVouchedError):
        travel(FakeIssuer(), **changed)


def test_a_new_key_of_the_issuer_is_read_once_it_is_met() -> None:
    now = [0.0]
    fake = FakeIssuer()
    issuer = Issuer(settings(), lambda: now[0], fake.transport)
    travel(fake, issuer)
    travel(fake, issuer)
    assert fake.asked.count("/realms/staff/keys") == 1
    now[0] += 61
    fake.change_key("second")
    assert travel(fake, issuer).login == "ann"
    assert fake.asked.count("/realms/staff/keys") == 2


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"groups": ["sync-staff", "sync-admins"]}, Role.ADMIN),
        ({"groups": "sync-staff"}, Role.OPERATOR),
        ({"groups": ["others"]}, None),
        ({}, None),
    ],
)
def test_the_highest_role_counts(claims: dict[str, Any], role: Role | None) -> None:
    assert vouched({"iss": "i", "sub": "s", **claims}, settings()).role is role


def test_a_claim_within_a_claim_and_everybody() -> None:
    inner = settings(
        TRUEUP_OIDC_ROLE_CLAIM="realm_access.roles", TRUEUP_OIDC_ROLES="*=viewer, boss=admin"
    )
    claims: dict[str, Any] = {"iss": "i", "sub": "s"}
    assert vouched(claims, inner).role is Role.VIEWER
    assert vouched(claims | {"realm_access": {"roles": ["boss"]}}, inner).role is Role.ADMIN


def test_an_address_that_was_not_checked_is_no_name() -> None:
    claims = {"iss": "i", "sub": "s-1", "email": "boss@shop.example"}
    assert vouched(claims, settings()).login == "s-1"
    assert vouched(claims | {"email_verified": True}, settings()).login == "boss@shop.example"


@pytest.mark.parametrize(
    "changes",
    [{"oidc_issuer": "http://id.example"}, {"oidc_client_id": ""}, {"oidc_roles": ()}],
)
def test_what_could_not_be_safe_is_refused_at_the_start(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Issuer(replace(settings(), **changes), time.monotonic)


def test_a_role_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="VALUE=ROLE"):
        settings(TRUEUP_OIDC_ROLES="staff=emperor")
