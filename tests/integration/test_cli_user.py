"""`trueup user`: letting people in, changing what they may do, and shutting them out."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Thread

import psycopg

from support.program import Result, run_cli
from trueup.domain.errors import UsageError
from trueup.domain.people import Person, Role, Standing
from trueup.postgres.people import People
from trueup.postgres.pool import open_pool

LINK = re.compile(r"http://127\.0\.0\.1:8080/welcome/(\S{40,})")


User = Callable[..., Result]


def test_from_the_first_admin_to_the_last(database_url: str) -> None:
    """Add, accept, role, disable, reset; the last admin stays; each deed is written down."""

    def user(*arguments: str) -> Result:
        everywhere = {"TRUEUP_HOST": "0.0.0.0"}  # noqa: S104 (a container's; the link is for people)
        return run_cli("user", *arguments, env={"DATABASE_URL": database_url} | everywhere)

    first = user("add", "ann", "--name", "Ann Example")
    assert first.code == 0, first
    assert "ann (admin)" in first.stdout
    link = LINK.search(first.stdout)
    assert link
    second = user("add", "bea", "--address", "https://trueup.example/")
    assert "bea (viewer)" in second.stdout
    assert "https://trueup.example/welcome/" in second.stdout
    with open_pool(database_url, 1) as pool:
        people = People(pool)
        assert people.accept(link[1], "a hash") is not None
        assert people.accept(link[1], "another hash") is None
        _refusals(user)
        assert user("role", "bea", "approver").code == 0
        assert _found(people, "bea").role is Role.APPROVER
        _out_and_in(user, people)
        deeds = [(deed.action, deed.subject, deed.via) for deed in people.deeds(9)]
    said = ["disabled", "reset the password", "disabled", "signed out everywhere"]
    said += ["changed the role", "invited", "invited"]
    assert [action for action, *_ in deeds] == said
    assert {via for *_, via in deeds} == {"cli"}
    told = user("list", "--json").document["people"]
    assert [(p["login"], p["role"], p["standing"]) for p in told] == [
        ("ann", "admin", "active"),
        ("bea", "approver", "disabled"),
    ]


def _refusals(user: User) -> None:
    for arguments in (("disable", "ann"), ("role", "ann", "viewer")):
        refused = user(*arguments)
        assert refused.code == 2, refused
        assert "the last admin" in refused.stderr
    assert user("add", "cleo", "--name", "ANN EXAMPLE").code == 2
    assert user("add", "ann", "--role", "viewer").code == 2
    assert user("add", " ").code == 2
    assert user("role", "nobody", "viewer").code == 2
    assert user("role", "bea", "emperor").code == 2


def _found(people: People, login: str) -> Person:
    person = people.find(login)
    assert person is not None
    return person


def _out_and_in(user: User, people: People) -> None:
    assert user("out", "bea").code == 0
    assert user("disable", "bea").code == 0
    assert user("add", "bea").code == 2
    assert LINK.search(user("reset", "bea").stdout)
    assert _found(people, "bea").standing is Standing.INVITED
    assert user("disable", "bea").code == 0


def test_two_admins_cannot_leave_at_one_moment(database_url: str) -> None:
    """The second waits for the first, looks again, and is refused."""
    with open_pool(database_url, 4) as pool, psycopg.connect(database_url) as other:
        people, ids = People(pool), []
        refused: list[UsageError] = []
        for login in ("ann", "bea"):
            person = people.add(login, login, Role.ADMIN)
            assert person is not None
            people.invite(person.person_id, login)
            people.accept(login, "a hash")
            ids.append(person.person_id)

        def leave(person_id: int) -> None:
            try:
                people.change(person_id, role=Role.VIEWER)
            except UsageError as error:
                refused.append(error)

        other.execute("select pg_advisory_xact_lock(hashtext('trueup.person'))")
        leaving = [Thread(target=leave, args=(one,)) for one in ids]
        for thread in leaving:
            thread.start()
        other.rollback()
        for thread in leaving:
            thread.join(30)
        assert len(refused) == 1
        assert sorted(p.role for p in people.everybody()) == [Role.ADMIN, Role.VIEWER]
