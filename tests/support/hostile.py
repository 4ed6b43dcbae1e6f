"""A deployment in which everything that somebody else can write is written by somebody hostile,
and a reader of pages that takes nothing for granted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any, Final

from support.agreement import a_catalogue_row
from support.ledgers import PostgresBench, a_change, a_record, a_result, a_run, key
from trueup.bootstrap import App
from trueup.domain.changes import Action, FieldDelta, Outcome, Status
from trueup.domain.deeds import Did
from trueup.domain.guards import Held, Rule
from trueup.domain.jobs import Ending, JobKind, JobOutcome, JobRequest, Priority, Terms
from trueup.domain.people import Deed
from trueup.domain.plan import Plan
from trueup.domain.records import Kind
from trueup.domain.runs import ProductStatus, RunState, Trigger
from trueup.jobs.looking import keep_drift, keep_duplicates
from trueup.jobs.searching import Search
from trueup.planner.duplicates import Certainty, Found, Group, Member, Why
from trueup.postgres.guardbook import PostgresGuardbook
from trueup.postgres.importing import import_rows
from trueup.postgres.people import People
from trueup.postgres.queue import PostgresQueue

# Closes what may stand around it, and would do something in each place where markup is read.
EVIL: Final = "<script>alert(1)</script>'\"><img src=x>&lt;{{7*7}}"
TURNED: Final = "=cmd|'/C calc'!A0\N{RIGHT-TO-LEFT OVERRIDE}" + EVIL
LONG: Final = "x" * 10_000
NOW: Final = datetime.now(UTC).replace(microsecond=0)
RUN: Final = "a-run"
ONE, TWO = (f"00000000-0000-4000-8000-{number:012d}" for number in (1, 2))


def fill(app: App, queue: PostgresQueue, people: People) -> None:
    """A night, what it left for people, and what people left."""
    bench = PostgresBench(app.pool)
    _catalogue(bench)
    change = _night(bench)
    _looks(app, change)
    _jobs(queue)
    _deeds(people)


def _catalogue(bench: PostgresBench) -> None:
    words = {"name": TURNED, "description": EVIL + LONG, "service_type": EVIL}
    rows = [
        a_catalogue_row(1, sku=EVIL, **words),
        a_catalogue_row(2, sku=f"=2{EVIL}", name=LONG[:100]),
    ]
    with bench.pool.connection() as connection:
        import_rows(connection, rows)


def _night(bench: PostgresBench) -> Any:
    """One product fails and is quarantined, the other is held."""
    fence = bench.take_over()
    run = replace(a_run(RUN, started_at=NOW), trigger=Trigger.SCHEDULE)
    bench.ledger.begin(run, fence)
    change = replace(
        a_change(key(EVIL), Action.UPDATE, owner=ONE, sku=EVIL),
        deltas={"Product_Name": FieldDelta(EVIL, TURNED), EVIL: FieldDelta(None, LONG)},
        remote_id=EVIL,
        editor=EVIL,
    )
    outcomes = [
        Outcome(change, Status.REJECTED, detail=EVIL, code=EVIL, at=NOW),
        Outcome(change, Status.APPLIED, remote_id=EVIL, at=NOW),
    ]
    bench.ledger.record(outcomes, RUN, fence)
    failed = a_result(ONE, ProductStatus.FAILED, error=EVIL, permanent=True)
    bench.ledger.settle([failed, a_result(TWO, ProductStatus.HELD, error=EVIL)], RUN, fence, NOW)
    held = Held(replace(change, owner=TWO), (Rule.PRICE_FALL,), EVIL)
    PostgresGuardbook(bench.pool).hold([held], RUN, fence)
    done = replace(run, state=RunState.FAILED, finished_at=NOW + timedelta(1), error=EVIL)
    bench.ledger.finish(done, fence)
    return change


def _looks(app: App, change: Any) -> None:
    keep_drift(app, Plan((change,), looked=2), {}, NOW, EVIL)
    pair = [
        Member(a_record(f"{EVIL}{n}", EVIL, fields={"Product_Name": f"{n}{EVIL}"}), sku=EVIL)
        for n in range(2)
    ]
    group = Group(Kind.CRM_PRODUCT, Why.NAME, Certainty.POSSIBLE, EVIL, tuple(pair))
    keep_duplicates(app, Search({Kind.CRM_PRODUCT: Found((group,), 0, 2)}), NOW, EVIL)


def _jobs(queue: PostgresQueue) -> None:
    """One that ended badly, and one that waits, for everything that can be asked for."""
    terms = Terms((EVIL,), reason=EVIL)
    for kind in (JobKind.DRIFT, JobKind.DUPLICATES, JobKind.SYNC):
        wanted = JobRequest("default", kind, Trigger.CLI, Priority.PERSON, terms, asked_by=EVIL)
        ended = queue.ask(wanted)
        assert ended is not None
        job = queue.claim(ended.job_id, EVIL)
        assert job is not None
        assert queue.finish(job, JobOutcome(Ending.FAILED, message=EVIL, report={"error": EVIL}))
    queue.ask(
        JobRequest("default", JobKind.SYNC, Trigger.CLI, Priority.PERSON, terms, asked_by=EVIL)
    )


def _deeds(people: People) -> None:
    states = {"before": {EVIL: EVIL}, "after": {EVIL: TURNED}}
    people.note(Deed(NOW, EVIL, Did.REVERTED, EVIL, "default", reason=TURNED, via=EVIL, **states))


# --- reading -------------------------------------------------------------------------------------

_NAME: Final = re.compile(r"[a-z][a-z0-9:-]*")
_BANNED: Final = re.compile(r"on.*|style|srcdoc")  # attributes that are scripts or looks
_ELEMENTS: Final = frozenset({"style", "iframe", "object", "embed", "base", "img"})
_LEADS: Final = frozenset({"href", "src", "action", "formaction"})
_OURS: Final = ("/", "#", "?")
_NOT_OURS: Final = ("//", "/\\")


@dataclass
class Reader(HTMLParser):
    """What a browser would make of a page: its text, its links, and what should not be there."""

    wrong: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)) or tag in _ELEMENTS:
            self.wrong.append(f"<{tag} {names}>")
        for name, value in attrs:
            self._look_at(tag, name, value or "")
        if tag == "script" and "src" not in names:
            self.wrong.append("a script within the page")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._inside in ("script", "style") and data.strip():
            self.wrong.append(f"within {self._inside}: {data[:60]!r}")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def _look_at(self, tag: str, name: str, value: str) -> None:
        if _BANNED.fullmatch(name) or not _NAME.fullmatch(name):
            self.wrong.append(f"<{tag} {name}={value[:60]!r}>")
        if name in _LEADS:
            self.links += [value] if (tag, name) == ("a", "href") else []
            here = value == "" or (value.startswith(_OURS) and not value.startswith(_NOT_OURS))
            elsewhere = (tag, name) == ("a", "href") and value.startswith("https://")
            if not (here or elsewhere):
                self.wrong.append(f"<{tag} {name}={value[:60]!r}>")
        if name in ("value", "title", "aria-label", "placeholder"):
            self.text += f" {value} "


def read(page: str) -> Reader:
    """The page, read."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader
