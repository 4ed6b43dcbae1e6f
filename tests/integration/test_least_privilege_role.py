"""deploy/supabase/role.sql: a role that can do the whole job, and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors, sql

from support.agreement import a_catalogue_row
from support.crew import open_crew
from support.postgres import fresh_database, with_database
from support.site import Site, open_site
from trueup.domain.deeds import Did
from trueup.domain.jobs import Ending, Priority
from trueup.postgres.people import People
from trueup.postgres.pool import open_pool

LOOKING = ("status", "held", "jobs", "verify")
ROLE = Path(__file__).parents[2] / "deploy/supabase/role.sql"


def make_role(connection: psycopg.Connection, name: str) -> None:
    """The file's role under a name of the test's own: roles belong to the whole server."""
    connection.execute(ROLE.read_text().replace("trueup_app", name).encode())


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A site whose program has the role; `site.sql` is the owner."""
    name = f"trueup_app_{uuid.uuid4().hex[:8]}"
    owner = psycopg.connect(database_url, autocommit=True)
    with owner, open_site(database_url, products=3) as place:
        assert place.call("db", "upgrade").code == 0  # the engine's tables too
        owner.execute("create table public.customers (name text)")
        make_role(owner, name)
        make_role(owner, name)
        place.env["DATABASE_URL"] = _as(database_url, name)
        try:
            yield place
        finally:
            name_it = sql.Identifier(name)
            owner.execute(sql.SQL("drop owned by {}").format(name_it))
            owner.execute(sql.SQL("drop role {}").format(name_it))


def _as(url: str, role: str) -> str:
    rest = with_database(url, psycopg.conninfo.conninfo_to_dict(url)["dbname"]).partition("@")[2]
    return f"postgresql://{role}@{rest}"


def test_the_role_can_do_the_job(site: Site) -> None:
    """A night, a price that waits for a person, its approval, housekeeping, a job of a worker."""
    ran = site.call("run", "--json")
    assert (ran.code, ran.document["summary"]["billingSucceeded"]) == (0, 3), str(ran)
    site.fill([a_catalogue_row(1, monthly=9_999)])
    assert site.call("run", "--json").code == 3
    approved = site.call("approve", "last", "--by", "ann", "--yes", "--json")
    assert approved.code == 0, str(approved)
    for words in (*([word] for word in LOOKING), ["db", "status"], ["db", "prune"]):
        done = site.call(*words, "--json")
        assert done.code == 0, f"{words}: {done}"
    site.sql("select public.record_rate_limit_hit(id, 'crm') from public.service_packages limit 1")
    with open_crew(site) as crew:
        worker = crew.hire(TRUEUP_SCHEDULE="0 0 1 1 *")
        [job] = crew.until_over(crew.ask(Priority.PERSON, force=True))
        assert job.ending is Ending.SUCCEEDED, job
        assert worker.end() == 0, crew.logs()
    site.assert_nothing_left()


def test_the_role_can_let_people_in(site: Site) -> None:
    """Accounts, links, sessions, tokens, deeds, and what a look found."""
    for words in (["user", "add", "ann"], ["token", "add", "board"], ["drift"], ["products"]):
        done = site.call(*words)
        assert done.code in {0, 1}, f"{words}: {done}"
    with open_pool(site.env["DATABASE_URL"], 2) as pool:
        people = People(pool)
        [ann] = people.everybody()
        people.invite(ann.person_id, "a link")
        assert people.accept("a link", "a hash") is not None
        people.open(ann.person_id, "a session", "127.0.0.1")
        assert people.whose("a session") is not None
        people.close_all(ann.person_id)
        assert people.whose("a session") is None
        assert {deed.action for deed in people.deeds(10)} >= {Did.INVITED, Did.LET_PROGRAM_IN}


@pytest.mark.parametrize(
    "statement",
    [
        "update public.service_packages set price = 1",
        "update public.price_changes set new_price = 1",
        "select * from public.customers",
        "delete from public.product_integrations",
        "insert into trueup.migration (version, name, checksum) values (999, 'x', 'x')",
        "create table trueup.mine (x int)",
        "create table public.mine (x int)",
        "create schema mine",
        "alter table trueup.run disable row level security",
        "drop table trueup.change_history",
        "truncate trueup.change_history",
        "select trueup.touch(array['x'])",
        "create role mine",
    ],
)
def test_the_role_can_do_nothing_else(refused: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege), refused.transaction():
        refused.execute(statement.encode())


@pytest.fixture(scope="module")
def refused(postgres_server: str, template: str) -> Iterator[psycopg.Connection]:
    """The role's connection to a database that nobody else uses."""
    name = f"trueup_app_{uuid.uuid4().hex[:8]}"
    with (
        fresh_database(postgres_server, template) as url,
        psycopg.connect(url, autocommit=True) as owner,
    ):
        owner.execute("create table public.customers (name text)")
        make_role(owner, name)
        with psycopg.connect(_as(url, name), autocommit=True) as connection:
            yield connection
        owner.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        owner.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
