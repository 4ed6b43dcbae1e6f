"""Whatever somebody hostile writes into products, errors, reasons and names stays text, on every
page that a walk through the links finds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urljoin

import pytest

from support import postgres
from support.all_routes import Way
from support.guests import Guests, open_guests
from support.hostile import EVIL, LONG, ONE, RUN, Reader, fill, read
from trueup.domain.people import Role

HERE = "/w/default"
# Where buttons lead that ask a question, and an address that people type.
QUESTIONS = (
    f"{HERE}/approvals/decide?verb=approve&all=price_fall:crm&upto=999",
    f"{HERE}/approvals/decide?verb=reject&all=price_fall:crm&upto=999",
    f"{HERE}/approvals/by/price_fall/crm",
    f"{HERE}/drift/repair?all=1",
    f"{HERE}/jobs/1",
    f"{HERE}/people/1/disable",
    f"{HERE}/people/1/reset",
    f"{HERE}/products/id/{ONE}/ignore?kind=crm_product&field=Unit_Price",
    f"{HERE}/products/id/{ONE}/adopt",
    f"{HERE}/products?q={quote(EVIL)}&family={quote(EVIL)}&error={quote(EVIL)}",
    f"{HERE}/deeds?who={quote(EVIL)}&subject={quote(EVIL)}",
    f"{HERE}/runs/{RUN}?sku={quote(EVIL)}",
    f"{HERE}/runs/{RUN}/revert",
)
# Streams, which are no pages.
NOT_WALKED = frozenset(
    {
        "GET /w/{workspace}/jobs/{job_id}/moves",
        "GET /w/{workspace}/jobs/{number}/events",
        "GET /w/{workspace}/runs/{run_id}/events",
    }
)
_ONE = re.compile(r"(?<=/)(\d+|[0-9a-f-]{36})(?=/|$)")
_FORMULA = re.compile(r"^[=+@\t\r-](?!\d+(\.\d+)?$)")


@dataclass
class Walk:
    """What was found: pages by address, files by address, and which addresses failed."""

    pages: dict[str, Reader] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def guests(postgres_server: str, template: str) -> Iterator[Guests]:
    with postgres.fresh_database(postgres_server, template) as url, open_guests(url) as found:
        with found.deployment.home.pool.connection() as connection:
            connection.execute("update trueup.person set name = %s where login = 'admin'", [EVIL])
        deployment = found.deployment
        with deployment.open(deployment.settings("default")) as app:
            fill(app, deployment.queue, found.people)
        yield found


@pytest.fixture(scope="module")
def walk(guests: Guests) -> Walk:
    """Every link of every page is followed once, one of each sort."""
    found, known, left = Walk(), {HERE}, [HERE, *QUESTIONS]
    while left:
        address = left.pop()
        answer = guests.ask("GET", address, Role.ADMIN)
        while answer.status_code == 303:
            answer = guests.ask("GET", answer.headers["location"], Role.ADMIN)
        if answer.status_code != 200:
            found.failed.append(f"{answer.status_code} {address}")
        elif "html" not in answer.headers["content-type"]:
            found.files[address] = answer.text
        else:
            found.pages[address] = page = read(answer.text)
            for there in (urljoin(address, link).partition("#")[0] for link in page.links):
                sort = _ONE.sub("one", re.sub(r"=[^&]*", "=", there))
                if there.startswith(HERE) and sort not in known:
                    known.add(sort)
                    left.append(there)
    return found


def test_the_walk_leads_to_every_page(guests: Guests, walk: Walk) -> None:
    """Else what is not seen could be anything; and no link leads nowhere."""
    assert walk.failed == []
    seen = {address.partition("?")[0] for address in (*walk.pages, *walk.files)}
    missed = {
        str(way)
        for way in guests.pages
        if way.method == "GET"
        and not way.path.endswith("/")
        and not any(_fits(way, one) for one in seen)
    }
    assert missed == NOT_WALKED


def test_nothing_that_somebody_wrote_is_markup(walk: Walk) -> None:
    wrong = {address: page.wrong for address, page in walk.pages.items() if page.wrong}
    assert wrong == {}


def test_all_of_it_can_be_read(walk: Walk) -> None:
    """It is neither cut nor changed where it is shown, and shown on these pages at least."""
    for page in (
        "", "/jobs/", "/products", "/products/id/", "/runs/a-run", "/approvals",
        "/approvals/decide",
        "/drift", "/duplicates", "/deeds", "/people", "/people/", "/account", "/trends",
    ):  # fmt: skip
        found = [p for a, p in walk.pages.items() if a.startswith(f"{HERE}{page}")]
        assert any(EVIL in one.text for one in found), page
    for address, page in walk.pages.items():
        assert "49" not in re.findall(r"&lt;(.{1,9})", page.text), address
    assert any(LONG in page.text for page in walk.pages.values())


def test_no_cell_of_a_file_is_a_formula(walk: Walk) -> None:
    """A spreadsheet would carry it out; numbers stay numbers."""
    names = {address.partition("?")[0].rpartition("/")[2] for address in walk.files}
    assert names >= {"products.csv", "deeds.csv", "trends.csv"}
    cells = [
        cell
        for text in walk.files.values()
        for row in csv.reader(io.StringIO(text.lstrip("\ufeff")))
        for cell in row
    ]
    assert [cell[:30] for cell in cells if _FORMULA.match(cell)] == []
    assert any(EVIL in cell for cell in cells)
    assert any(cell.startswith("'=") for cell in cells)


def _fits(way: Way, address: str) -> bool:
    pattern = re.sub(r"\{\w+:path\}", ".+", way.path)
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), address) is not None
