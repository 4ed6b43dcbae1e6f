"""Sessions, tokens and passwords against somebody who guesses, plants, steals or has left."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import httpx2
import pytest
import structlog.testing
from hypothesis import given
from hypothesis import strategies as st

from support import postgres
from support.guests import COOKIE, FORM, SITE, Guests, open_guests, session
from support.visitor import PASSWORD, cookies_of, quick_hashing
from trueup import logs
from trueup.domain.people import Person, Role, Standing
from trueup.postgres.api_tokens import ApiTokens
from trueup.postgres.people import digest
from trueup.web.ui import passwords
from trueup.web.ui.session import local_path
from trueup.web.ui.turnstile import BURST

ACCOUNT, PEOPLE = "/w/default/account", "/w/default/people"
ELSEWHERE = (
    "//evil.example",
    "///evil.example",
    "////evil.example/%2f..",
    "/\\evil.example",
    "/\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "\x00//evil.example",
    "https://evil.example",
    "https:evil.example",
    "HTTPS://evil.example",
    "//evil.example@trueup.example",
    "//[::1]",
    "http://[evil",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "?next=//evil.example",
    "\u2028//evil.example",
    "/\u202e//evil.example",
)


@pytest.fixture(scope="module")
def guests(postgres_server: str, template: str) -> Iterator[Guests]:
    with (
        postgres.fresh_database(postgres_server, template) as url,
        quick_hashing(),
        open_guests(url) as found,
    ):
        yield found


def newcomer(guests: Guests, login: str, role: Role) -> Person:
    """Somebody with a password and a session that is called after them."""
    person = guests.people.add(login, f"{login} Example", role)
    assert person is not None
    guests.people.invite(person.person_id, f"link-{login}")
    assert guests.people.accept(f"link-{login}", passwords.hashed(PASSWORD)) is not None
    guests.people.open(person.person_id, f"session-{login}", "192.0.2.1")
    return person


def status(guests: Guests, path: str, token: str) -> int:
    """What a session is answered."""
    return guests.ask("GET", path, headers={"cookie": f"{COOKIE}={token}"}).status_code


def enter(guests: Guests, cookie: str, login: str, password: str = PASSWORD) -> httpx2.Response:
    """Sign in with the form that the browser of these cookies was shown."""
    guests.clock.slept += 600
    shown = guests.ask("GET", "/login", headers={"cookie": cookie})
    before = cookies_of(shown)["__Host-trueup_before"].value
    found = FORM.search(shown.text)
    assert found
    fields = {"form_token": found[1], "login": login, "password": password}
    headers = {"cookie": f"{cookie}; __Host-trueup_before={before}"}
    return guests.ask("POST", "/login", data=fields, headers=headers)


def test_a_role_and_a_standing_hold_from_the_next_request_on(guests: Guests) -> None:
    one = newcomer(guests, "bea", Role.ADMIN)
    assert status(guests, PEOPLE, "session-bea") == 200
    guests.people.change(one.person_id, role=Role.VIEWER)
    assert status(guests, PEOPLE, "session-bea") == 403
    guests.people.change(one.person_id, standing=Standing.DISABLED)
    assert status(guests, ACCOUNT, "session-bea") == 303
    assert guests.people.sessions(one.person_id) == []
    guests.people.change(one.person_id, standing=Standing.ACTIVE)
    assert status(guests, ACCOUNT, "session-bea") == 303


def test_what_was_planted_or_kept_from_before_opens_nothing(guests: Guests) -> None:
    """Signing in makes another session, and ends the one before with the tokens of its forms."""
    one = newcomer(guests, "cleo", Role.OPERATOR)
    guests.people.close_all(one.person_id)
    answer = enter(guests, f"{COOKIE}=planted", "cleo")
    assert answer.status_code == 303
    first = cookies_of(answer)[COOKIE]
    assert first.value not in ("", "planted")
    assert (first["httponly"], first["secure"], first["path"]) == (True, True, "/")
    assert (first["samesite"], first["domain"]) == ("lax", "")
    assert status(guests, ACCOUNT, "planted") == 303
    found = FORM.search(
        guests.ask("GET", ACCOUNT, headers={"cookie": f"{COOKIE}={first.value}"}).text
    )
    assert found
    guests.people.open(one.person_id, "another", "192.0.2.1")
    sent = {"form_token": found[1]}
    for token in ("another", first.value):
        cookie = {"cookie": f"{COOKIE}={token}"}
        out = guests.ask("POST", f"{ACCOUNT}/out", data=sent, headers=cookie)
        assert out.status_code == (403 if token == "another" else 303), token
    left = guests.ask("POST", "/logout", data=sent, headers={"cookie": f"{COOKIE}={first.value}"})
    assert left.status_code == 303
    assert status(guests, ACCOUNT, first.value) == 303


def test_a_session_is_kept_as_a_digest_and_touched_once_a_minute(guests: Guests) -> None:
    one = newcomer(guests, "dora", Role.VIEWER)
    with guests.deployment.home.pool.connection() as connection:
        seen = "select seen_at::text from trueup.web_session where person_id = %s"
        [[first]] = connection.execute(seen, [one.person_id]).fetchall()
        assert status(guests, ACCOUNT, "session-dora") == 200
        assert connection.execute(seen, [one.person_id]).fetchall() == [(first,)]
        back = (
            "update trueup.web_session set seen_at = seen_at - interval '61 s' where person_id = %s"
        )
        connection.execute(back, [one.person_id])
        assert status(guests, ACCOUNT, "session-dora") == 200
        [[later]] = connection.execute(seen, [one.person_id]).fetchall()
        assert later > first
        [[kept]] = connection.execute(
            "select string_agg(s::text, ' ') from trueup.web_session as s"
        ).fetchall()
    assert "session-dora" not in kept
    assert digest("session-dora").hex() in kept


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_signing_in_leads_nowhere_else(guests: Guests, wanted: str) -> None:
    """What is wanted is said in the address; who is signed in already is led there at once."""
    cookie = {"cookie": f"{COOKIE}={session(Role.VIEWER)}"}
    answer = guests.ask("GET", "/login", params={"next": wanted}, headers=cookie)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@given(
    st.lists(st.sampled_from([*"/\\.:?#@ \t\n%[]\u202e\x00", "https:", "x.example"]), max_size=6)
)
def test_no_address_to_come_back_to_is_elsewhere(pieces: list[str]) -> None:
    """As a browser reads it, which drops tabs and takes one slash for the other."""
    found = local_path("".join(pieces))
    read = "".join(c for c in found.replace("\\", "/") if c not in "\t\r\n").strip("\x00 ")
    assert read.startswith("/")
    assert not read.startswith("//")


def test_an_unknown_login_costs_as_much_and_reads_the_same(guests: Guests) -> None:
    """Whatever is wrong, one password is hashed."""
    newcomer(guests, "edda", Role.VIEWER)
    gone = newcomer(guests, "gone", Role.VIEWER)
    guests.people.change(gone.person_id, standing=Standing.DISABLED)
    told = set()
    with patch.object(passwords, "matches", wraps=passwords.matches) as hashing:
        for login in ("edda", "gone", "nobody-at-all"):
            answer = enter(guests, "", login, "not the password")
            text = FORM.sub("", answer.text).replace(f'value="{login}"', 'value=""')
            told.add((answer.status_code, text))
        assert hashing.call_count == 3
    assert len(told) == 1
    assert told.pop()[0] == 401


def test_ones_own_password_cannot_be_guessed_in_a_stolen_session(guests: Guests) -> None:
    newcomer(guests, "fay", Role.VIEWER)
    cookie = {"cookie": f"{COOKIE}=session-fay"}
    found = FORM.search(guests.ask("GET", ACCOUNT, headers=cookie).text)
    assert found
    sent = {"form_token": found[1], "password": "guess", "new": "another pass phrase"}
    path = f"{ACCOUNT}/password"
    told = [
        guests.ask("POST", path, data=sent, headers=cookie).status_code for _ in range(BURST + 1)
    ]
    assert told == [403] * BURST + [429]


def test_a_token_is_nowhere_but_in_its_header(guests: Guests) -> None:
    """Kept as a digest, in no line of the log, dead once revoked, and of no use in an address."""
    tokens = ApiTokens(guests.deployment.home.pool)
    made = tokens.add("dashboard", Role.VIEWER, "Ann Example", 3600)
    assert made is not None
    token, text = made
    path, header = "/api/v1/workspaces", {"authorization": f"Bearer {text}"}
    logs.set_up(verbose=True)
    with structlog.testing.capture_logs() as lines:
        assert guests.ask("GET", path, headers=header).status_code == 200
        for query in ("token", "access_token", "authorization", "api_key"):
            guests.clock.slept += 60
            assert guests.ask("GET", f"{path}?{query}={text}").status_code == 401
        cookie = {"cookie": f"{COOKIE}={text}"}
        assert guests.ask("GET", ACCOUNT, headers=cookie).status_code == 303
    assert [line["path"] for line in lines if line["event"] == "request"] == [path] * 5 + [ACCOUNT]
    assert text not in str(lines)
    with guests.deployment.home.pool.connection() as connection:
        [[kept]] = connection.execute("select t::text from trueup.api_token as t").fetchall()
    assert text not in kept
    assert digest(text).hex() in kept
    assert tokens.revoke(token.token_id) is not None
    assert guests.ask("GET", path, headers=header).status_code == 401


def test_nobody_but_this_site_is_told_anything(guests: Guests) -> None:
    """No page elsewhere may read an answer, whatever it says it is."""
    for way in ("GET", "OPTIONS"):
        headers = {"origin": "https://evil.example", "access-control-request-method": "GET"}
        answer = guests.ask(way, f"{SITE}/api/v1/workspaces", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]
