"""Addresses to come back to, tries that are counted, and what is a password."""

from __future__ import annotations

import pytest

from trueup.web.ui.passwords import why_not
from trueup.web.ui.session import local_path
from trueup.web.ui.turnstile import BURST, Turnstile, browser_mark, lanes


@pytest.mark.parametrize("path", ["/", "/w/default", "/w/default/products?q=a%20b&page=2#x"])
def test_a_path_of_ours_is_kept(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "/\t/elsewhere.example",
        "\t//elsewhere.example",
        "javascript:alert(1)",
        "http:elsewhere.example",
        "elsewhere.example",
        "/w\r\nSet-Cookie: a=b",
        "http://[elsewhere",
    ],
)
def test_an_address_elsewhere_is_the_first_page(address: str) -> None:
    assert local_path(address) == "/"


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_tries_run_out_and_come_back() -> None:
    """Ten in a row, then one in six seconds; what was right does not count."""
    clock = _Clock()
    stile = Turnstile(clock)
    mine = lanes("192.0.2.1", "ann")
    for _ in range(BURST):
        assert stile.enter(mine) == 0
    assert stile.enter(mine) == pytest.approx(6)
    clock.now += 6.1
    assert stile.enter(mine) == 0
    stile.give_back(mine)
    assert stile.enter(mine) == 0
    assert stile.enter(mine) > 0


def test_neither_many_addresses_nor_many_logins_help() -> None:
    stile = Turnstile(_Clock())
    for number in range(BURST):
        assert stile.enter(lanes(f"192.0.2.{number}", " Ann")) == 0
    assert stile.enter(lanes("198.51.100.1", "ann")) > 0
    for number in range(BURST):
        assert stile.enter(lanes(f"2001:db8:0:1::{number:x}", f"login-{number}")) == 0
    assert stile.enter(lanes("2001:db8:0:1:ffff::1", "bea")) > 0
    assert stile.enter(lanes("2001:db8:0:2::1", "bea")) == 0


def test_who_guesses_elsewhere_locks_nobody_out() -> None:
    """A browser that its owner signed in with before has a lane of its own."""
    stile = Turnstile(_Clock())
    while not stile.enter(lanes("192.0.2.1", "ann")):
        pass
    assert stile.enter(lanes("192.0.2.2", "ann")) > 0
    assert stile.enter(lanes("192.0.2.2", "ann", known=True)) == 0
    assert browser_mark("key", "ann") == browser_mark("key", " Ann")
    assert browser_mark("key", "ann") != browser_mark("key", "bea")
    assert browser_mark("key", "ann") != browser_mark("another", "ann")


def test_memory_is_bounded() -> None:
    stile = Turnstile(_Clock(), most=50)
    for number in range(200):
        stile.enter(lanes(f"192.0.2.{number}", "x" * 10_000 + str(number)))
    assert len(stile) == 50


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "annann-annann", "x" * 201])
def test_a_poor_password(password: str) -> None:
    assert why_not(password, "annann")


def test_a_good_password() -> None:
    assert not why_not("a few words, annann knows them", "annann")
