"""What the pages do, the API and the commands do as well: docs/api.md has the table of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from json import loads
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from support import postgres
from support.all_routes import FOR_STRANGERS, Way, ways
from support.api import Api, api_of
from support.builders import a_change
from support.crew import a_request
from support.ledgers import PostgresBench
from support.monitored import FIRST, GOOD, SECOND, two_nights
from support.pages import Pages, open_pages, session
from trueup.domain.deeds import Did
from trueup.domain.guards import Held, Rule
from trueup.domain.people import Role
from trueup.postgres.decisions import PostgresDecisions
from trueup.postgres.guardbook import PostgresGuardbook
from trueup.views import approvals
from trueup.web.app import make_app

DOCS = Path(__file__).parents[2] / "docs"
SKUS = {"skus": ["SKU-0001"]}
RECORD = {"target": "crm", "remote_id": "4611000000000123"}


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the table; `order` is the path of the API, `body` what it says to send."""

    name: str
    page: str
    order: str
    body: Mapping[str, Any]
    command: str
    role: Role
    kind: str
    deed: str


def read_table() -> list[Action]:
    """The table, cell by cell."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    lines = text.partition("<!-- actions -->\n")[2].partition("<!-- end -->")[0].splitlines()
    return [action(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines[2:]]


def action(name: str, page: str, api: str, command: str, role: str, kind: str, deed: str) -> Action:
    order, *body = re.findall("`([^`]+)`", api) or [""]
    found = loads(body[0]) if body else {}
    return Action(name, page[1:-1], order, found, command[1:-1], Role(role), kind, deed)


ACTIONS = read_table()
BY_NAME = pytest.mark.parametrize("asked", ACTIONS, ids=lambda one: one.name)
IN_API = [one for one in ACTIONS if one.order]
# What has to be there already, or is about one's own session: told in tests of these pages.
ELSEWHERE = {
    "adopt a duplicate",  # test_page_drift
    "repair it",  # test_page_drift
    "try again what failed",  # test_page_runs
    "take a run back",  # test_page_approvals
    "one's own password",  # test_page_people
}

ON_PAGES = [one for one in ACTIONS if one.name not in ELSEWHERE]


@pytest.fixture(scope="module")
def url(postgres_server: str, template: str) -> Iterator[str]:
    """Two nights, after which a guard holds two changes."""
    with postgres.fresh_database(postgres_server, template) as url:
        with ConnectionPool(url, min_size=1, max_size=4, kwargs={"autocommit": True}) as pool:
            fence = two_nights(PostgresBench(pool))
            held = [Held(fall(number), (Rule.PRICE_FALL,), "falls by half") for number in (1, 2)]
            PostgresGuardbook(pool).hold(held, SECOND, fence)
        yield url


def fall(number: int) -> Any:
    change = a_change({f"Unit_Price{number}": (Decimal("9.00"), Decimal("4.00"))}, owner=GOOD)
    return replace(change, sku="SKU-0001", key=replace(change.key, code=f"SKU-0001-{number}"))


@pytest.fixture(scope="module")
def pages(url: str) -> Iterator[Pages]:
    with open_pages({"DATABASE_URL": url}) as found:
        yield found


@pytest.fixture(scope="module")
def api(pages: Pages) -> Iterator[Api]:
    with api_of(pages.deployment) as found:
        yield found


def posts(pages: Pages, start: str) -> set[str]:
    found = ways(make_app(pages.deployment))
    return {w.path.removeprefix(start) for w in found if w.method == "POST" and start in w.path}


def test_every_action_of_a_page_is_in_the_table(pages: Pages) -> None:
    """And so is every order of the API; nothing else is."""
    assert {one.page for one in ACTIONS} == posts(pages, "/w/{workspace}/")
    orders = posts(pages, "/api/v1/workspaces/{workspace}/")
    assert {one.order for one in IN_API} == orders
    others = {way for way in ways(make_app(pages.deployment)) if way.method == "POST"}
    left = {w.path for w in others if not w.path.startswith(("/w/", "/api/", *FOR_STRANGERS))}
    assert left == set()


def test_every_command_is_one_and_every_deed_a_word() -> None:
    told = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert {one.command for one in ACTIONS if f"\n## `{one.command}`\n" not in told} == set()
    known = {*Did, "-"}
    assert {one.deed for one in ACTIONS} <= known
    past = re.compile(r"(asked for|[a-z]+ed|chose|reset|made|signed)\b")
    assert [word for word in Did if not past.match(word)] == []


@BY_NAME
def test_the_role_is_the_same_everywhere(asked: Action, pages: Pages, api: Api) -> None:
    """Who may not is told so before anything else is looked at."""
    here, there = Way(f"/w/default/{asked.page}", "POST"), Way(f"/{asked.order}", "POST")
    for role in Role:
        seen = pages.client.post(here.at(), headers=session(role), data={"form_token": "wrong"})
        assert seen.status_code in (403, 429), seen.text
        assert ("your role" in seen.text.lower()) != role.may(asked.role), (role, seen.text)
        if asked.order and not role.may(asked.role):
            path = there.at(product_id=GOOD)
            assert api.post(path, role, {}).status_code == 403
            assert f"{asked.role.value} may" in api.post(path, role, {}).json()["error"]


@pytest.mark.parametrize("asked", ON_PAGES, ids=lambda one: one.name)
def test_through_a_page_it_is_one_deed(asked: Action, pages: Pages) -> None:
    """With who and what; and one job, where it is one."""

    def act() -> None:
        path, fields = by_page(asked, pages)
        answer = pages.post(f"/w/default/{path}", fields, Role.ADMIN, form="/w/default")
        assert answer.status_code in (200, 303), answer.text

    assert_noted(asked, pages, act, ("Admin Example", "page"))


@pytest.mark.parametrize("asked", IN_API, ids=lambda one: one.name)
def test_through_the_api_it_is_the_same_deed(asked: Action, pages: Pages, api: Api) -> None:
    """The same word, the same kind of job."""

    def act() -> None:
        path, body = by_api(asked, pages)
        answer = api.post(f"/{path}", asked.role, body)
        assert answer.status_code in (200, 202), answer.text

    assert_noted(asked, pages, act, (asked.role.value, "api"))


def assert_noted(
    asked: Action, pages: Pages, act: Callable[[], None], who: tuple[str, str]
) -> None:
    before = deeds(pages)
    act()
    new = deeds(pages)[len(before) :]
    assert [one[:3] for one in new] == ([] if asked.deed == "-" else [(*who, asked.deed)])
    assert all(one[3] for one in new)
    if asked.kind != "-":
        # Approvals, and looks, tell of no job in their deed: it is the last one.
        [job_id] = [one[4].get("job") for one in new] or [None]
        query = "select kind from trueup.job where job_id = %s or %s::bigint is null"
        last = sql(pages, f"{query} order by job_id desc limit 1", job_id, job_id)
        assert last == [(asked.kind,)]


def deeds(pages: Pages) -> list[tuple[Any, ...]]:
    return sql(pages, "select who, via, action, subject, after from trueup.deed order by deed_id")


def sql(pages: Pages, query: str, *values: object) -> list[tuple[Any, ...]]:
    with pages.deployment.home.pool.connection() as home:
        return home.execute(query.encode(), values).fetchall()


def by_page(asked: Action, pages: Pages) -> tuple[str, dict[str, Any]]:
    """The address and the fields; what must be there for it is made."""
    what = asked.body.get("kind", "")
    fields: dict[str, dict[str, Any]] = {
        "products/id/{offering_id}/ask": {"what": what, "reason": "it was asked for"},
        "products/id/{offering_id}/adopt": RECORD,
        "people": {"login": "somebody", "role": "viewer"},
        "people/{person_id}/role": {"role": "operator"},
    }
    if asked.page == "approvals/decide":
        yes = {"verb": asked.name, "c": held_again(pages)[0], "reason": "agreed", "when": "now"}
        return asked.page, yes
    place = Way(asked.page, "POST")
    values = {"offering_id": GOOD, "run_id": FIRST, "number": str(a_job(pages))}
    if asked.page == "runs/{run_id}/cancel":
        values["run_id"] = running(pages)
    return place.at(**values, person_id=other_person(pages)), fields.get(asked.page, {})


def by_api(asked: Action, pages: Pages) -> tuple[str, Any]:
    """The address and the body; what must be there for it is made."""
    body: dict[str, Any] = dict(asked.body)
    if body.get("kind") in ("resync", "look", "verify", "repair"):
        body |= SKUS
    if asked.order == "adopt":
        body = {"sku": "SKU-0001", **RECORD}
    if asked.name == "take a run back":
        body = {"dry_run": False, "reason": "a test"}
    if asked.order.startswith("held/"):
        body = {"fingerprints": [held_again(pages)[1]], "reason": "agreed"}
    values = {"product_id": GOOD, "run_id": FIRST, "job_id": str(a_job(pages))}
    if asked.order == "runs/{run_id}/cancel":
        values["run_id"] = running(pages)
    return Way(asked.order, "POST").at(**values), body


def a_job(pages: Pages) -> int:
    """One that waits."""
    job = pages.deployment.queue.ask(a_request())
    assert job is not None
    return job.job_id


def running(pages: Pages) -> str:
    """A run that is being made, and that nobody has stopped."""
    query = "update trueup.run set state = 'running', cancelled_by = '' where run_id = %s"
    sql(pages, f"{query} returning run_id", SECOND)
    return SECOND


def held_again(pages: Pages) -> tuple[str, str]:
    """The mark that a form has, and the fingerprint, of a held change that nobody decided on."""
    undecided = "set state = 'open', decided_by = '', decided_at = null"
    sql(pages, f"update trueup.held_change {undecided} returning id")
    waiting = PostgresDecisions(pages.deployment.home.pool).waiting()
    return approvals.token_of(waiting[0]), waiting[0].fingerprint


def other_person(pages: Pages) -> str:
    [(found,)] = sql(pages, "select person_id from trueup.person where login = 'viewer'")
    return str(found)
