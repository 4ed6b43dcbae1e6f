"""`python -m bench.pages`: how long people wait for each page, with a large catalogue.

Builds a database with so many products and a year of runs (as `bench.large` does), serves it with
`trueup serve` as a process of its own, and asks for every page over HTTP as somebody who is signed
in. Prints Markdown; a page that is slower than the goal makes it fail.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import psycopg
from psycopg import sql

from bench.lab import Lab
from bench.large import build
from bench.machine import describe
from bench.serving import memory, served
from trueup.domain.people import Role, Standing
from trueup.postgres.api_tokens import ApiTokens
from trueup.postgres.people import People
from trueup.postgres.pool import open_pool

GOAL = 100.0  # milliseconds, the median of a page
_TEXT = (Path(__file__).parent / "pages.sql").read_text(encoding="utf-8")
_PARTS = re.split(r"^-- name: (\w+)\n", _TEXT, flags=re.MULTILINE)[1:]
_MORE = {n: sql.SQL(body) for n, body in zip(_PARTS[0::2], _PARTS[1::2], strict=True)}
_SESSION = "an-invented-session-of-the-benchmark"
COOKIES = {"trueup_session": _SESSION}
_W = "/w/default"
_NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Page:
    """An address, and how people call it."""

    name: str
    path: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Places:
    """What addresses name: a product, one that waits for a decision, a long run, the last SKU."""

    product: str = _NOBODY
    held: str = _NOBODY
    run: str = "schedule-6"
    last: str = "FIB-0099950"


def pages(at: Places) -> list[Page]:
    """Every page, and of the lists every filter and every order."""
    products, run = f"{_W}/products", f"{_W}/runs/{at.run}"
    return [
        Page("overview", _W),
        Page("products", products),
        Page("… the last page", f"{products}?after={at.last}&id={_NOBODY}"),
        Page("… from the end", f"{products}?down=1"),
        *(
            Page(f"… by {order}{', turned' if down else ''}", f"{products}?sort={order}{down}")
            for order in ("name", "price")
            for down in ("", "&down=1")
        ),
        Page("… by price, in the middle", f"{products}?sort=price&after=650&id={_NOBODY}"),
        *(
            Page(f"… {place}={word}", f"{products}?{place}={word}")
            for place in ("status", "crm", "billing")
            for word in ("ok", "failed", "held", "skipped", "pending")
        ),
        Page("… crm=ok and billing=failed", f"{products}?crm=ok&billing=failed"),
        Page("… crm=pending by price", f"{products}?crm=pending&sort=price"),
        *(
            Page(f"… why={word}", f"{products}?why={word}")
            for word in ("quarantined", "backing_off", "decision", "refused", "never", "gone")
        ),
        Page("… why=never by name", f"{products}?why=never&sort=name"),
        Page("… of a family", f"{products}?family=Family+7"),
        Page("… of a family that is not there", f"{products}?family=None"),
        Page("… of a family by price", f"{products}?family=Line+3&sort=price"),
        Page("… with an error", f"{products}?error=no+such+tax"),
        Page("… search: how a SKU begins", f"{products}?q=FIB-00123"),
        Page("… search: in the middle of SKUs", f"{products}?q=0777"),
        Page("… search: in names", f"{products}?q=karoo+fibre+9"),
        Page("… search: two signs", f"{products}?q=99"),
        Page("… search: nothing is like it", f"{products}?q=qqqqqqqq"),
        Page("… search: hostile", f"{products}?q=%25_%25%27%3B--%3Cscript%3E%5C"),
        Page("… search by price, a filter", f"{products}?q=fibre&sort=price&crm=failed"),
        Page("… its rows alone", f"{products}?part=rows&q=FIB-00"),
        Page("product", f"{products}/id/{at.product}"),
        Page("product that a guard holds", f"{products}/id/{at.held}"),
        Page("product that nobody knows", f"{products}/id/{_NOBODY}", 404),
        Page("product by its SKU", f"{products}/FIB-0000007", 303),
        Page("a SKU that nobody knows", f"{products}/FIB-9999999", 404),
        Page("a SKU that is like none", f"{products}/something+else", 404),
        Page("runs", f"{_W}/runs"),
        Page("runs that failed in part", f"{_W}/runs?state=partial"),
        Page("run of 1,000 changes", run),
        Page("… what failed", f"{run}?show=failed"),
        Page("… one SKU", f"{run}?sku=FIB-0000007"),
        Page("run: taking it back", f"{run}/revert"),
        Page("approvals, 5,000 held", f"{_W}/approvals"),
        Page("… of one guard", f"{_W}/approvals/by/price_fall/billing"),
        Page("… its last page", f"{_W}/approvals/by/price_fall/billing?page=90"),
        Page(
            "… deciding on all of it",
            f"{_W}/approvals/decide?verb=approve&all=price_fall:billing&upto=999999",
        ),
        Page("drift", f"{_W}/drift"),
        Page("duplicates", f"{_W}/duplicates"),
        Page("trends of a month", f"{_W}/trends"),
        Page("trends of a year", f"{_W}/trends?days=365"),
        Page("health", f"{_W}/health"),
        Page("settings", f"{_W}/settings"),
        Page("people", f"{_W}/people"),
        Page("account", f"{_W}/account"),
        Page("deeds, 20,000", f"{_W}/deeds"),
        Page("… of one person", f"{_W}/deeds?who=Person+3"),
    ]


def endpoints(at: Places) -> list[Page]:
    """What programs read."""
    base = "/api/v1/workspaces/default"
    return [
        Page("API: status", f"{base}/status"),
        Page("API: products", f"{base}/products?limit=100"),
        Page("API: products by price", f"{base}/products?limit=100&order=price"),
        Page("API: products, a search", f"{base}/products?limit=100&search=0777"),
        Page("API: product", f"{base}/products/{at.product}"),
        Page("API: its history", f"{base}/products/{at.product}/history"),
        Page("API: runs", f"{base}/runs"),
        Page("API: run", f"{base}/runs/{at.run}"),
        Page("API: its changes", f"{base}/runs/{at.run}/changes?limit=100"),
        Page("API: held", f"{base}/held"),
        Page("API: limits", f"{base}/limits"),
        Page("API: trends", f"{base}/trends"),
        Page("API: drift", f"{base}/drift"),
        Page("API: duplicates", f"{base}/duplicates"),
        Page("API: jobs", f"{base}/jobs"),
        Page("API: schedule", f"{base}/schedule"),
        Page("API: settings", f"{base}/settings"),
        Page("API: deeds", f"{base}/deeds"),
    ]


def main() -> int:
    """Build or take over, serve, measure, print."""
    given = _parser().parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="trueup-bench-")))
        if given.database:
            url, facts = given.database, {}
        else:
            lab = Lab(folder, quick=False)
            stack.callback(lab.close)
            facts = describe(lab)
            url = stack.enter_context(lab.database())
            build(url, given.products, given.nights)
            vary(url, given.products)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("vacuum analyze")
        token = sign_in(url)
        for name, text in facts.items():
            print(f"- {name}: {text}")
        with served(folder, DATABASE_URL=url) as (address, pid):
            slow = _measure(address, pid, token, places(url), given)
    for name in slow:
        print(f"SLOW {name}")
    return 1 if slow else 0


def vary(url: str, products: int) -> None:
    """Give the large database what pages are slow with: families, gone rows, 5,000 held, looks."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        for statement in _MORE.values():
            connection.execute(statement, {"products": products})


def sign_in(url: str) -> str:
    """An admin with a session, and a token for the API, which is returned."""
    with open_pool(url, 1) as pool:
        people, tokens = People(pool), ApiTokens(pool)
        person = people.add("bench", "The benchmark", Role.ADMIN) or people.find("bench")
        assert person is not None
        people.change(person.person_id, standing=Standing.ACTIVE)
        people.close(_SESSION)
        people.open(person.person_id, _SESSION, "127.0.0.1")
        added = tokens.add(f"bench {time.time():.0f}", Role.ADMIN, "bench", None)
        assert added is not None
        return added[1]


def places(url: str) -> Places:
    """The places of a database that was built and varied."""
    with psycopg.connect(url) as connection:
        found: dict[str, str] = dict(
            connection.execute(
                "select sku, id::text from service_packages"
                " where sku in ('FIB-0000007', 'FIB-0000040')"
            ).fetchall()
        )
        [(last,)] = connection.execute(
            "select sku from service_packages order by sku desc offset 30 limit 1"
        ).fetchall()
    return Places(found["FIB-0000007"], found["FIB-0000040"], last=last)


def _measure(
    address: str, pid: int, token: str, at: Places, given: argparse.Namespace
) -> list[str]:
    """Print the table; which pages are slower than the goal."""
    slow: list[str] = []
    bearer = {"Authorization": f"Bearer {token}"}
    print("\n| page | median ms | best ms | worst ms | kB |\n|---|---:|---:|---:|---:|")
    with httpx2.Client(base_url=address, cookies=COOKIES, timeout=60) as client:
        for page in (*pages(at), *endpoints(at)):
            if given.only and given.only not in page.name + page.path:
                continue
            headers = bearer if page.path.startswith("/api/") else {}
            taken, size = _ask(client, page, headers, given.times)
            median = statistics.median(taken)
            figures = (f"{ms:.0f}" for ms in (median, min(taken), max(taken)))
            print(f"| {page.name} | {' | '.join(figures)} | {size / 1024:.0f} |")
            sys.stdout.flush()
            if median > GOAL:
                slow.append(f"{page.name}: {median:.0f} ms ({page.path})")
        if not given.only:
            _export(client, pid)
    return slow


def _ask(
    client: httpx2.Client, page: Page, headers: dict[str, str], times: int
) -> tuple[list[float], int]:
    """How long so many requests took, after one that warms up, and how large the answer is."""
    taken: list[float] = []
    size = 0
    for _ in range(times + 1):
        began = time.perf_counter()
        answer = client.get(page.path, headers=headers)
        taken.append((time.perf_counter() - began) * 1000)
        if answer.status_code != page.status:
            raise RuntimeError(f"{page.path}: {answer.status_code}: {answer.text[:2000]}")
        size = len(answer.content)
    return taken[1:], size


def _export(client: httpx2.Client, pid: int) -> None:
    """The whole catalogue as CSV: how soon it begins, how fast it comes, what memory it takes."""
    before, began, size, first = memory(pid), time.perf_counter(), 0, 0.0
    with client.stream("GET", f"{_W}/products.csv") as answer:
        for piece in answer.iter_bytes():
            first = first or (time.perf_counter() - began) * 1000
            size += len(piece)
    seconds = time.perf_counter() - began
    print(
        f"\nThe whole list as CSV: the first bytes after {first:.0f} ms, {size / 1e6:.1f} MB in"
        f" {seconds:.1f} s; the server's memory went from {before:.0f} to {memory(pid):.0f} MB.\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--nights", type=int, default=400)
    parser.add_argument("--times", type=int, default=15, help="requests of each page")
    parser.add_argument("--only", default="", help="pages with this in their name or address")
    parser.add_argument("--database", default="", help="one that is there, instead of building")
    return parser


if __name__ == "__main__":
    sys.exit(main())
