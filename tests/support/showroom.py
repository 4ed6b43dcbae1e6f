"""A served site with people, and with something of everything that can be wrong.

`FIB-0001` has a price that a guard holds, `FIB-0002` a row that cannot be read, `FIB-0003` is
refused by Billing, `FIB-0004` and `FIB-0005` were changed by hand at Zoho, `FIB-0009` is in the CRM
twice and nobody knows which is ours; the others agree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from support.agreement import a_catalogue_row
from support.program import program
from support.served import wait_for
from support.site import Rule, Site, open_site
from trueup.domain.people import Role
from trueup.postgres.people import People
from trueup.postgres.pool import open_pool
from trueup.web.ui.passwords import hashed

HELD, UNREADABLE, REFUSED, EDITED, DRIFTED = (f"FIB-000{number}" for number in range(1, 6))
TWICE = "FIB-0009"
PRODUCTS = 8
OUT = Path(__file__).parents[2] / ".ci" / "out"  # what a failed test is explained with
PASSWORD = "an invented pass phrase"
REFUSAL: Rule = {
    "match": {"service": "billing", "path": f"*/plans/{REFUSED}*", "method": "PUT"},
    "do": "refuse",
    "status": 400,
    "code": 3006,
}


@dataclass
class Showroom:
    """Where it is served, and the sessions of one person for each role."""

    site: Site
    address: str
    sessions: dict[Role, str] = field(default_factory=dict)

    def crm_price(self, sku: str) -> float:
        """What the CRM has."""
        [one] = [r for r in self.site.console.records("crm") if r["Product_Code"] == sku]
        return float(one["Unit_Price"])

    def edit_crm(self, sku: str, **fields: object) -> None:
        """Somebody changes a record by hand."""
        [one] = [r for r in self.site.console.records("crm") if r["Product_Code"] == sku]
        self.site.console.edit("crm", "products", str(one["id"]), **fields)

    def quiet(self) -> bool:
        """Whether no job waits or runs."""
        return self.site.sql("select 1 from trueup.job where state <> 'done'") == []

    def deeds(self, action: str) -> list[tuple[str, str, str]]:
        """Who did that, to what, and why."""
        found = self.site.sql(
            "select who, subject, reason from trueup.deed where action = %s order by deed_id",
            action,
        )
        return [(str(who), str(subject), str(reason)) for who, subject, reason in found]

    def invite(self, login: str) -> str:
        """A link for a new person."""
        with open_pool(self.site.database, 1) as pool:
            people = People(pool)
            person = people.add(login, login.title(), Role.OPERATOR)
            assert person is not None
            people.invite(person.person_id, f"token-of-{login}")
        return f"/welcome/token-of-{login}"


@contextmanager
def open_showroom(database: str) -> Iterator[Showroom]:
    """Two nights and a day have passed; a worker is at work."""
    with open_site(database, products=PRODUCTS) as site:
        _let_nights_pass(site)
        with _served(site) as address:
            yield Showroom(site, address, _hire(site))


def _let_nights_pass(site: Site) -> None:
    first = site.call("run")
    assert first.code == 0, str(first)
    site.fill(
        [
            a_catalogue_row(1, monthly=100),
            a_catalogue_row(2, monthly=0),
            a_catalogue_row(3, monthly=510),
            a_catalogue_row(6, description="Now installed within ten days"),
            a_catalogue_row(9),
        ]
    )
    for name in ("One of them", "The other"):
        site.console.add("crm", "products", Product_Code=TWICE, Product_Name=name)
    site.console.weather(REFUSAL)
    second = site.call("run")
    assert second.code == 1, str(second)
    room = Showroom(site, "")
    room.edit_crm(EDITED, Unit_Price=1)
    room.edit_crm(DRIFTED, Product_Name="Somebody's own name for it")


def _hire(site: Site) -> dict[Role, str]:
    """One person for each role, all with one password; the tokens of their sessions."""
    kept, sessions = hashed(PASSWORD), {}
    with open_pool(site.database, 1) as pool:
        people = People(pool)
        for role in Role:
            person = people.add(role.value, f"{role.value.title()} Example", role)
            assert person is not None
            people.invite(person.person_id, f"link-{role.value}")
            assert people.accept(f"link-{role.value}", kept) is not None
            sessions[role] = f"session-of-the-{role.value}"
            people.open(person.person_id, sessions[role], "127.0.0.1")
    return sessions


@contextmanager
def _served(site: Site) -> Iterator[str]:
    """`trueup serve` as a process of its own: where it listens."""
    told: list[str] = []
    with program("serve", "--port", "0", env=site.env, cwd=site.folder) as process:

        def where() -> str:
            assert process.poll() is None, "".join(told)
            lines = (json.loads(line) for line in list(told) if line.startswith("{"))
            return next((str(x["address"]) for x in lines if x["event"] == "serving"), "")

        assert process.stderr is not None
        reading = Thread(target=told.extend, args=(process.stderr,), daemon=True)
        reading.start()
        wait_for(where, "the address")
        try:
            yield where()
        finally:
            process.terminate()
            process.wait(60)
            reading.join(60)
            OUT.mkdir(parents=True, exist_ok=True)
            (OUT / f"serve-{process.pid}.log").write_text("".join(told), encoding="utf-8")
