"""Secrets and those who guess at them."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from support.served import BEFORE, SECRET, settings_of
from trueup.web.bearer import BURST, Attempts, Gate


class Hand:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def gate(**changes: Any) -> Gate:
    settings = settings_of({}, **changes)
    return Gate(settings, {"default": settings}, Attempts(Hand()))


def test_both_secrets_open_during_a_rotation() -> None:
    found = gate()
    for secret in (SECRET, BEFORE):
        assert found.opens([f"Bearer {secret}"]) == {"default"}
    assert not gate(cron_secret_previous="").opens([f"Bearer {BEFORE}"])


def test_what_is_not_set_opens_nothing() -> None:
    for found in (gate(cron_secret=""), gate(cron_secret="", cron_secret_previous="")):
        assert not found.configured
    for secret in ("", " ", BEFORE):
        assert not gate(cron_secret="", cron_secret_previous="").opens([f"Bearer {secret}"])
    assert not gate(cron_secret_previous="").opens(["Bearer "])


def test_one_header_and_the_right_scheme() -> None:
    found = gate()
    right = f"Bearer {SECRET}"
    assert not found.opens([right, right])
    for wrong in ("", SECRET, f"Basic {SECRET}", f"Bearer{SECRET}", f"Bearer {SECRET} {SECRET}"):
        assert not found.opens([wrong])
    for good in (f"bearer {SECRET}", f"BEARER   {SECRET}  "):
        assert found.opens([good])


def test_a_secret_need_not_be_ascii() -> None:
    """On the wire it is bytes; the server reads them as latin-1."""
    found = gate(cron_secret="geheim-für-alle-éé")
    assert found.opens([f"Bearer {'geheim-für-alle-éé'.encode().decode('latin-1')}"])


@pytest.mark.parametrize("header", [f"Bearer {SECRET}", "Bearer x", "", f"Bearer {BEFORE}"])
@pytest.mark.parametrize("previous", [BEFORE, ""])
def test_every_secret_is_compared_whichever_fits(
    monkeypatch: pytest.MonkeyPatch, header: str, previous: str
) -> None:
    """Always as many, of one length, by the function whose time does not depend on them."""
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def counted(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    found = gate(cron_secret_previous=previous)
    monkeypatch.setattr("trueup.web.bearer.hmac.compare_digest", counted)
    found.opens([header] if header else [])
    assert compared == [(32, 32), (32, 32)]


def test_a_client_has_so_many_wrong_secrets_and_then_ten_a_minute() -> None:
    clock = Hand()
    attempts = Attempts(clock)
    assert [attempts.count("192.0.2.1") for _ in range(BURST)] == [0.0] * BURST
    wait = attempts.count("192.0.2.1")
    assert 5.9 < wait <= 6.0
    assert attempts.count("192.0.2.2") == 0.0
    clock.now += wait
    assert attempts.count("192.0.2.1") == 0.0
    assert attempts.count("192.0.2.1") > 0.0
    clock.now += 3600
    assert [attempts.count("192.0.2.1") for _ in range(BURST + 1)][-1] > 0.0


def test_a_flood_from_everywhere_is_remembered_up_to_a_bound() -> None:
    """Who was heard of last is kept: one that goes on is not forgotten for others."""
    attempts = Attempts(Hand(), most=100)
    for number in range(1000):
        attempts.count(f"client-{number}")
        attempts.count("192.0.2.1")
    assert len(attempts) == 100
    assert attempts.count("192.0.2.1") > 0.0


def test_the_network_of_an_address_of_version_6_is_one_client() -> None:
    attempts = Attempts(Hand())
    found = [attempts.count(f"2001:db8:1:2::{number:x}") for number in range(BURST + 1)]
    assert found[-1] > 0.0
    assert attempts.count("2001:db8:1:3::1") == 0.0
    mapped = [attempts.count(f"::ffff:192.0.2.{number}") for number in range(BURST + 1)]
    assert set(mapped) == {0.0}
