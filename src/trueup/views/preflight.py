"""The preflight: lines with a verdict and a remedy, and the questions that need no Zoho."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from trueup.domain.errors import TrueupError
from trueup.settings.workspaces import DEFAULT_WORKSPACE

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.settings import Settings
    from trueup.views.catalogue_use import CatalogueUse

_CREDENTIALS, _CONFIGURATION = 4, 2  # exit codes (spec §3.2)
_MINUTE, _DAY = 60, 86_400
# Billing refuses above 100 a minute; one of its pages says 30 (zoho-facts §3.8).
_REFUSED_ABOVE, _DOUBTFUL_ABOVE = 100, 30
_NOTABLE_SKEW = 30.0  # seconds
_SHOWN_FINDINGS = 3


class Verdict(StrEnum):
    """How one question was answered."""

    OK = "ok"
    NOTE = "note"  # nothing is wrong, and somebody may want to know
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"  # could not be asked, because something before it failed


@dataclass(frozen=True, slots=True)
class Line:
    """One answer. `exit_code` is what the command ends with when this is its worst failure."""

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""
    exit_code: int = 1


Question = Callable[[], Iterator[Line]]


class Findings:
    """Collects the lines, and tells each one as it comes."""

    def __init__(self, tell: Callable[[Line], None]) -> None:
        self.lines: list[Line] = []
        self._tell = tell

    def add(self, line: Line) -> None:
        """Keep a line and tell it."""
        self.lines.append(line)
        self._tell(line)

    def ask(self, check: str, question: Question) -> bool:
        """Ask; whatever is raised becomes a failing line. True when nothing failed."""
        before = len(self.lines)
        try:
            for line in question():
                self.add(line)
        except TrueupError as error:
            self.add(Line(check, Verdict.FAIL, error.message, error.remedy, error.exit_code))
        return all(line.verdict is not Verdict.FAIL for line in self.lines[before:])

    def skip(self, check: str, why: str) -> None:
        """Say that something could not be asked."""
        self.add(Line(check, Verdict.SKIPPED, why))

    @property
    def verdict(self) -> Verdict:
        """The worst of all lines."""
        found = {line.verdict for line in self.lines}
        return next((v for v in (Verdict.FAIL, Verdict.WARN) if v in found), Verdict.OK)

    @property
    def exit_code(self) -> int:
        """0 without a failure; configuration before credentials before anything else."""
        codes = {line.exit_code for line in self.lines if line.verdict is Verdict.FAIL}
        for code in (_CONFIGURATION, _CREDENTIALS):
            if code in codes:
                return code
        return 1 if codes else 0


def configuration(settings: Settings) -> Iterator[Line]:
    """What was read; reading it has refused whatever is wrong in itself."""
    given = sum(1 for origin in settings.origin.values() if origin != "default")
    file = f"{settings.file}, " if settings.file else ""
    whose = f"workspace {settings.workspace}, " if settings.workspace != DEFAULT_WORKSPACE else ""
    yield Line(
        "configuration", Verdict.OK, f"{whose}{file}settings that are not the default: {given}"
    )


def stored_key(settings: Settings) -> Iterator[Line]:
    """The key that encrypts tokens: configured, or in the data directory."""
    from trueup.settings.secret_key import secret_key

    secret_key(settings)
    where = "TRUEUP_SECRET_KEY" if settings.secret_key else f"in {settings.data_dir}"
    yield Line("secret key", Verdict.OK, where)


def database(app: App) -> Iterator[Line]:
    """Whether it answers, what it is, and whether its clock is ours."""
    from trueup.postgres.inventory import describe_server

    with app.bare_pool.connection() as connection:
        server = describe_server(connection)
        now = app.clock.now()
    kind = "" if app.settings.database_url else " (embedded)"
    size = f"{server.size / 1_000_000:,.0f} MB"
    yield Line(
        "database", Verdict.OK, f"Postgres {server.version}{kind} at {server.address}, {size}"
    )
    yield from clock_skew("the database", server.now, now)


def clock_skew(whose: str, theirs: datetime, ours: datetime) -> Iterator[Line]:
    """A line only where two clocks differ notably."""
    seconds = abs((theirs - ours).total_seconds())
    if seconds > _NOTABLE_SKEW:
        detail = f"the clock of {whose} and this machine's differ by {seconds:,.0f} s"
        yield Line("clock", Verdict.WARN, detail, "let both follow a time server")


def schema(app: App) -> Iterator[Line]:
    """Whether the schema is the one that this version needs; raises `SchemaError` if not."""
    from trueup.postgres.migrate import state

    with app.pool.connection() as connection:
        version = state(connection).current
    yield Line("schema", Verdict.OK, f"version {version}, the latest")


def run_lock(app: App) -> Iterator[Line]:
    """Who writes at the moment."""
    holder = app.lease.holder()
    if holder is None:
        yield Line("lock", Verdict.OK, "free")
        return
    run = holder.run_id or "a run"
    since = f"{holder.acquired_at:%Y-%m-%d %H:%M:%S %Z}"
    yield Line(
        "lock",
        Verdict.OK,
        f"{run} is at work, on {holder.host}, process {holder.pid}, since {since}",
    )


def second_writer(app: App) -> Iterator[Line]:
    """Whether somebody else writes the fields that we write; what a run then holds."""
    from trueup.postgres.second_writers import second_writers
    from trueup.settings.rules import guard_limits

    with app.pool.connection() as connection:
        found = second_writers(connection, app.clock.now(), guard_limits(app.settings))
    if not found:
        yield Line("second writer", Verdict.OK, "no field is changed back again and again")
    for one in found[:_SHOWN_FINDINGS]:
        who = f" by {', '.join(one.editors)}" if one.editors else ""
        records = "1 record" if one.records == 1 else f"{one.records:,} records"
        yield Line(
            "second writer",
            Verdict.WARN,
            f"{one.kind.value} {one.field} of {records} ({', '.join(one.skus)}) was put back up to"
            f" {one.times} times in {app.settings.flip_days} days, and changed again{who}",
            "switch the other writer off, or leave the field to it (policy ignore in trueup.toml)",
        )


def catalogue(table: str, use: CatalogueUse) -> Iterator[Line]:
    """How many rows there are, and what a run would refuse to send of them."""
    if use.rows == 0:
        yield Line(
            "catalogue",
            Verdict.WARN,
            f"{table} is empty: a run would do nothing",
            "load rows with `trueup db import FILE`, or check DATABASE_URL",
        )
        return
    yield Line("catalogue", Verdict.OK, f"{use.rows:,} rows in {table}, {use.on_sale:,} on sale")
    if use.findings:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(use.findings.items()))
        samples = "; ".join(f"{f.sku}: {f.message}" for f in use.samples[:_SHOWN_FINDINGS])
        yield Line(
            "catalogue",
            Verdict.WARN,
            f"{sum(use.findings.values())} findings ({kinds}), such as {samples}",
            "`trueup plan` lists them; what they name is not sent until the rows are corrected",
        )


def rate(settings: Settings) -> Iterator[Line]:
    """Whether Zoho would take the configured rate (zoho-facts §3.8)."""
    minute = settings.rate_limit / settings.rate_window * _MINUTE
    day = f", {settings.daily_budget:,} a day" if settings.daily_budget else ""
    detail = f"{minute:,.0f} requests a minute{day}, {settings.concurrency} at once"
    if minute > _REFUSED_ABOVE:
        yield Line(
            "rate",
            Verdict.WARN,
            f"{detail}; Billing refuses above {_REFUSED_ABOVE} a minute",
            "lower TRUEUP_RATE_LIMIT (right for an emulator whose time runs faster)",
        )
        return
    if minute > _DOUBTFUL_ABOVE:
        detail += f"; one page of Zoho's says {_DOUBTFUL_ABOVE}: on a refusal the rate halves"
    yield Line("rate", Verdict.OK, detail)
