"""Signing in: links, passwords, sessions and their ends, and everything that must not work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from fastapi import FastAPI

from support import postgres
from support.issuer import ENV, FakeIssuer
from support.served import HastyClock, calling, deployed, settings_of
from support.visitor import PASSWORD, Visitor, cookies_of, let_in, quick_hashing, visiting
from trueup.domain.people import Person, Role, Standing
from trueup.postgres.people import People
from trueup.web.ui.turnstile import BURST


@dataclass
class World:
    """A served deployment with people, an issuer beside it, and a clock to turn."""

    app: FastAPI
    database: str
    people: People
    issuer: FakeIssuer
    clock: HastyClock

    def sql(self, query: str) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(query.encode())


@pytest.fixture(scope="module")
def world(postgres_server: str, template: str) -> Iterator[World]:
    issuer, clock = FakeIssuer(), HastyClock()
    with postgres.fresh_database(postgres_server, template) as database, quick_hashing():
        settings = settings_of(
            {"DATABASE_URL": database, "TRUEUP_SECRET_KEY": "invented-key-of-the-tests", **ENV}
        )
        with deployed(settings) as deployment:
            deployment.home.transport, deployment.home.clock = issuer.transport, clock
            with calling(deployment) as client:
                people = People(deployment.home.pool)
                let_in(people, Role.ADMIN, Role.VIEWER)
                app = client.app
                assert isinstance(app, FastAPI)
                yield World(app, database, people, issuer, clock)


@pytest.fixture
def visitor(world: World) -> Iterator[Visitor]:
    """A browser without cookies; whatever was tried before is forgotten."""
    world.clock.slept += 3600
    with visiting(world.app) as found:
        yield found


def test_without_a_session_every_page_leads_to_the_form_and_back(visitor: Visitor) -> None:
    asked = visitor.get("/w/default/people?x=1")
    assert asked.status_code == 303
    where = asked.headers["location"]
    assert where == "/login?next=%2Fw%2Fdefault%2Fpeople%3Fx%3D1"
    answer = visitor.sign_in("Admin", path=where)
    assert (answer.status_code, answer.headers["location"]) == (303, "/w/default/people?x=1")
    assert visitor.get("/w/default/people").status_code == 200


def test_the_cookie_is_out_of_reach(world: World, visitor: Visitor) -> None:
    cookie = cookies_of(visitor.sign_in("viewer"))["trueup_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "lax"
    assert not cookie["secure"]
    with visiting(world.app, "https://trueup.example") as safe:
        answer = safe.sign_in("viewer")
        assert answer.status_code == 303
        cookies = cookies_of(answer)
        assert all(name.startswith("__Host-") for name in cookies)
        assert all(one["secure"] and one["path"] == "/" for one in cookies.values())
        assert all(not one["domain"] for one in cookies.values())
        assert safe.get("/w/default/account").status_code == 200


def test_a_wrong_password_and_an_unknown_login_are_told_apart_by_nothing(visitor: Visitor) -> None:
    wrong = visitor.sign_in("viewer", "not the password")
    unknown = visitor.sign_in("nobody-at-all", "not the password")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    token = visitor.token("/login")
    texts = [a.text.replace(n, "") for a, n in ((wrong, "viewer"), (unknown, "nobody-at-all"))]
    assert texts[0] == texts[1]
    assert token in texts[0]
    assert not visitor.cookie("trueup_session")


@pytest.mark.parametrize("login", ["", "x" * 5000, "' or 1=1 --", "a\x00b", "<b>&\u202e"])
def test_hostile_logins_are_just_wrong(visitor: Visitor, login: str) -> None:
    answer = visitor.sign_in(login, "not the password")
    assert answer.status_code == 401
    assert "<b>" not in answer.text


def test_guessing_is_throttled_and_not_looked_at(world: World, visitor: Visitor) -> None:
    """Beyond a few a minute even the right one must wait; then it passes."""
    token = visitor.token("/login")
    for _ in range(BURST):
        answer = visitor.send("/login", form_token=token, login="viewer", password="guess")
        assert answer.status_code == 401
    refused = visitor.sign_in("viewer")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 6
    assert "Try again in" in refused.text
    world.clock.slept += 7
    assert visitor.sign_in("viewer").status_code == 303


def test_a_form_of_another_page_signs_nobody_in(world: World, visitor: Visitor) -> None:
    """Neither without a token, nor with one of another browser, nor from another origin."""
    right = {"login": "viewer", "password": PASSWORD}
    assert visitor.send("/login", **right).status_code == 403
    with visiting(world.app) as attacker:
        stolen = attacker.token("/login")
    assert visitor.send("/login", form_token=stolen, **right).status_code == 403
    token = visitor.token("/login")
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        fields = {**right, "form_token": token}
        assert visitor.client.post("/login", data=fields, headers=headers).status_code == 403
    assert not visitor.cookie("trueup_session")
    assert visitor.send("/login", form_token=token, **right).status_code == 303


def test_a_session_that_was_there_before_is_never_taken(world: World, visitor: Visitor) -> None:
    """Who plants a cookie, or keeps one, gets nothing by it."""
    visitor.client.cookies.set("trueup_session", "planted", "trueup.example")
    visitor.sign_in("viewer")
    first = visitor.cookie("trueup_session")
    assert first != "planted"
    assert world.people.whose("planted") is None


def test_signing_in_again_ends_the_session_before(world: World, visitor: Visitor) -> None:
    visitor.sign_in("viewer")
    first = visitor.cookie("trueup_session")
    with visiting(world.app) as same:
        token = same.token("/login")
        same.client.cookies.set("trueup_session", first, "trueup.example")
        same.send("/login", form_token=token, login="admin", password=PASSWORD)
    assert world.people.whose(first) is None


@pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example", "/%5Cevil.example"])
def test_signing_in_leads_nowhere_else(visitor: Visitor, next_: str) -> None:
    assert visitor.sign_in("viewer", path=f"/login?next={next_}").headers["location"] == "/"


def test_a_session_ends_without_use_and_in_any_case(world: World, visitor: Visitor) -> None:
    for change in (
        "seen_at = seen_at - interval '3 days 1 second'",
        "expires_at = clock_timestamp() - interval '1 second'",
    ):
        visitor.sign_in("viewer")
        assert visitor.get("/w/default/account").status_code == 200
        world.sql(f"update trueup.web_session set {change}")
        assert visitor.get("/w/default/account").status_code == 303
    visitor.sign_in("viewer")
    [session] = world.people.sessions(
        _person(world, "viewer").person_id, visitor.cookie("trueup_session")
    )
    assert session.own


def test_signing_out_ends_it_in_the_database(world: World, visitor: Visitor) -> None:
    visitor.sign_in("viewer")
    token = visitor.cookie("trueup_session")
    assert visitor.post("/logout", "/w/default/account").headers["location"] == "/login"
    assert world.people.whose(token) is None
    assert not visitor.cookie("trueup_session")


def test_a_large_form_is_not_read(visitor: Visitor) -> None:
    assert visitor.send("/login", login="x" * 100_000).status_code == 413


def test_a_link_works_once_and_a_poor_password_does_not_use_it_up(
    world: World, visitor: Visitor
) -> None:
    person = world.people.add("newcomer", "New Example", Role.OPERATOR)
    assert person is not None
    world.people.invite(person.person_id, "the-link")
    page = "/welcome/the-link"
    assert "New Example" in visitor.get(page).text
    assert visitor.send(page, password=PASSWORD).status_code == 403
    assert visitor.post(page, password="short").status_code == 400
    assert visitor.post(page, password=PASSWORD).status_code == 303
    assert visitor.get("/w/default/account").status_code == 200
    assert visitor.get(page).status_code == 410
    world.people.invite(person.person_id, "a-late-link")
    world.sql("update trueup.invitation set expires_at = clock_timestamp()")
    assert visitor.get("/welcome/a-late-link").status_code == 410
    assert visitor.get("/welcome/").status_code == 404


# --- with an issuer ------------------------------------------------------------------------------


def travel(world: World, visitor: Visitor, start: str = "/login/oidc") -> tuple[int, str]:
    """There and back; how it ends, and where."""
    there = visitor.get(start).headers["location"]
    answer = visitor.get(world.issuer.visit(there))
    return answer.status_code, answer.headers.get("location", answer.text)


def test_an_issuer_lets_somebody_in_and_gives_the_role(world: World, visitor: Visitor) -> None:
    page = visitor.get("/login?next=/w/default/health").text
    assert "Sign in with Example Login" in page
    assert 'href="/login/oidc?next=%2Fw%2Fdefault%2Fhealth"' in page
    assert travel(world, visitor, "/login/oidc?next=/w/default/health") == (
        303, "/w/default/health",
    )  # fmt: skip
    ann = _person(world, "ann")
    assert (ann.role, ann.standing, ann.name) == (Role.OPERATOR, Standing.ACTIVE, "Ann Example")
    assert "there is no password here" in visitor.get("/w/default/account").text
    with visiting(world.app) as other:
        assert other.sign_in("ann", "not the password").status_code == 401
    world.issuer.claims["groups"] = ["sync-admins"]
    assert travel(world, visitor)[0] == 303
    assert _person(world, "ann").role is Role.ADMIN
    world.issuer.claims["groups"] = []
    with visiting(world.app) as other:
        assert travel(world, other)[0] == 403
    world.issuer.claims["groups"] = ["sync-staff"]
    world.people.change(ann.person_id, standing=Standing.DISABLED)
    with visiting(world.app) as other:
        assert travel(world, other)[0] == 403
        assert not other.cookie("trueup_session")


def test_an_issuer_takes_over_no_account_with_a_password(world: World, visitor: Visitor) -> None:
    before = dict(world.issuer.claims)
    world.issuer.claims |= {"sub": "another", "preferred_username": "Admin"}
    status, said = travel(world, visitor)
    world.issuer.claims = before
    assert status == 403
    assert "another account with the login" in said


def test_an_answer_in_another_browser_or_used_twice(world: World, visitor: Visitor) -> None:
    there = visitor.get("/login/oidc").headers["location"]
    back = world.issuer.visit(there)
    with visiting(world.app) as other:
        assert other.get(back).status_code == 403
        other.get("/login/oidc")
        assert other.get(back).status_code == 403
    visitor.client.cookies.clear()
    assert visitor.get(back).status_code == 403


def _person(world: World, login: str) -> Person:
    person = world.people.find(login)
    assert person is not None
    return person
