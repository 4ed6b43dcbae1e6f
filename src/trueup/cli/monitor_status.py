"""How everything stands at a glance, gathered once and shown as text or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trueup.cli import output
from trueup.cli.monitor_runs import run_as_json, run_in_one_line
from trueup.domain.errors import CredentialsError
from trueup.domain.records import TargetName
from trueup.domain.runs import Run, RunState
from trueup.domain.states import Standing

if TYPE_CHECKING:
    from trueup.cli.reading import BusinessTime, Desk
    from trueup.domain.guards import Rule
    from trueup.postgres.attention import HeldReason, Pause, Writer
    from trueup.postgres.reports import Overview

_TROUBLE = frozenset({RunState.FAILED, RunState.PARTIAL})
_TOKEN = "token"  # noqa: S105 (the name of what is paused)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person should know of: what, how many products, why, what to do."""

    what: str
    why: str
    remedy: str
    products: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Whether they agree, whether it runs, whether it needs a person."""

    overview: Overview
    never_compared: int
    last_success: Run | None
    writer: Writer | None
    attention: tuple[Attention, ...]

    @property
    def last_run(self) -> Run | None:
        """The newest run."""
        return self.overview.runs[0] if self.overview.runs else None

    @property
    def total(self) -> int:
        """Products that should agree."""
        return self.overview.total + self.never_compared


def gather(desk: Desk) -> Status:
    """Ask the ledger everything that `status` says."""
    from trueup.bootstrap import WORKSPACE
    from trueup.postgres import attention, reports
    from trueup.postgres.catalogue_source import CatalogueSource

    settings, connection = desk.app.settings, desk.connection
    overview = reports.overview(connection, runs=1)
    source = CatalogueSource(settings.catalogue_table, dict(settings.columns))
    writer = attention.writer(connection, f"{WORKSPACE}/run")
    paused = attention.pauses(connection, WORKSPACE)
    held = attention.held_reasons(connection)
    refused = sum(c.products for c in overview.standings if Standing.SKIPPED in (c.crm, c.billing))
    notes = (
        *_setting_notes(desk),
        *_run_notes(overview, writer),
        *(_pause_note(pause, desk.time) for pause in paused),
        *_guard_notes(attention.held_by_guards(connection)),
        *(_held_note(reason) for reason in held),
        *_product_notes(overview, refused),
    )
    return Status(
        overview,
        attention.never_compared(connection, source),
        reports.last_success(connection),
        writer,
        notes,
    )


def _setting_notes(desk: Desk) -> Iterator[Attention]:
    from trueup.bootstrap import require_credentials

    try:
        require_credentials(desk.app.settings)
    except CredentialsError as error:
        yield Attention("credentials", error.message, error.remedy)


def _run_notes(overview: Overview, writer: Writer | None) -> Iterator[Attention]:
    last = overview.runs[0] if overview.runs else None
    if last is None:
        return
    show = f"`trueup runs show {last.run_id}`"
    if last.state in _TROUBLE and last.error:
        yield Attention("last run", last.error, show)
    if last.state is RunState.RUNNING and (writer is None or writer.run_id != last.run_id):
        yield Attention("last run", "its process died", "the next run continues: `trueup run`")


def _pause_note(pause: Pause, time: BusinessTime) -> Attention:
    why = f"until {time.at(pause.until)} ({time.ago(pause.until)})"
    if pause.target == _TOKEN:
        said = f"{pause.why}; no token is asked for {why}"
        return Attention("token cooldown", said, "`trueup limits`")
    return Attention("paused", f"{pause.target} is left alone {why}", "`trueup limits`")


def _guard_notes(held: Mapping[Rule, int]) -> Iterator[Attention]:
    from trueup.planner.explain import RULES

    for rule, products in held.items():
        why = f"{RULES[rule]} ({rule.value})"
        yield Attention("wait for a decision", why, "`trueup held` shows it", products)


def _held_note(reason: HeldReason) -> Attention:
    where = " and ".join(sorted(target.value for target in reason.targets))
    return Attention("held", f"{reason.why} (at {where})", "correct the rows", reason.products)


def _product_notes(overview: Overview, refused: int) -> Iterator[Attention]:
    from trueup.postgres.reports import PATIENCE

    if refused:
        yield Attention("refused", "a finding about the row", "`trueup errors`", refused)
    if overview.quarantined:
        remedy = "correct the row, or `trueup resync SKU`"
        yield Attention("quarantined", "refused by the target", remedy, overview.quarantined)
    if overview.stubborn:
        why = f"failed more than {PATIENCE} times in a row"
        yield Attention("failing", why, "`trueup errors`", overview.stubborn)


def status_as_json(found: Status, time: BusinessTime) -> dict[str, Any]:
    """The document of `trueup status --json`."""
    success, writer = found.last_success, found.writer
    return {
        "now": time.iso(time.now),
        "time_zone": str(time.zone),
        "products": {
            "total": found.total,
            "agreeing": found.overview.agreeing,
            "never_compared": found.never_compared,
            "quarantined": found.overview.quarantined,
            "failing_repeatedly": found.overview.stubborn,
        },
        "standings": [
            {"crm": c.crm.value, "billing": c.billing.value, "products": c.products}
            for c in found.overview.standings
        ],
        "oldest_verification": time.iso(found.overview.oldest_verification),
        "running": writer
        and {
            "run_id": writer.run_id,
            "host": writer.host,
            "pid": writer.pid,
            "since": time.iso(writer.since),
        },
        "last_success": success and run_as_json(success, time),
        "last_run": found.last_run and run_as_json(found.last_run, time),
        "attention": [
            {"what": a.what, "products": a.products, "why": a.why, "remedy": a.remedy}
            for a in found.attention
        ],
    }


def show_status(found: Status, time: BusinessTime) -> None:
    """The verdict first, then the counts, then what needs a person."""
    _show_verdict(found)
    output.facts(_vital_facts(found, time))
    _show_matrix(found.overview)
    output.heading("Needs a person")
    if not found.attention:
        output.say("nothing")
    for note in found.attention:
        many = "" if note.products is None else f"{note.products:,} "
        output.say(f"{many}{note.what}: {note.why}", "yellow")
        output.say(f"  → {note.remedy}", "cyan")
    output.say()
    output.say(f"→ {_next_look(found)}", "cyan")


def _show_verdict(found: Status) -> None:
    if not found.total:
        output.say("The catalogue is empty: nothing to agree on.", "yellow")
        return
    agreeing = found.overview.agreeing
    all_well = agreeing == found.total
    some = f"{agreeing:,} of {found.total:,} {_products(found.total)}"
    word = "agrees" if found.total == 1 else "agree"
    output.say(f"{some} {word} in both targets.", "bold green" if all_well else "bold yellow")


def _products(number: int) -> str:
    return "product" if number == 1 else "products"


def _vital_facts(found: Status, time: BusinessTime) -> dict[str, object]:
    success, writer, last = found.last_success, found.writer, found.last_run
    ended = success.finished_at if success else None
    facts: dict[str, object] = {
        "last success": f"{time.at(ended)} ({time.ago(ended)})" if ended else "never",
        "last run": run_in_one_line(last, time) if last else "none yet",
        "running now": f"{writer.run_id or 'yes'} since {time.at(writer.since)}"
        f" ({writer.host}, process {writer.pid})"
        if writer
        else "no",
    }
    if found.never_compared:
        facts["never compared"] = f"{found.never_compared:,} {_products(found.never_compared)}"
    oldest = found.overview.oldest_verification
    if oldest is not None:
        facts["oldest look"] = f"{time.at(oldest)} ({time.ago(oldest)})"
    return facts


def _show_matrix(overview: Overview) -> None:
    """CRM down, Billing across; only standings that occur."""
    if not overview.standings:
        return
    counts = {(c.crm, c.billing): c.products for c in overview.standings}
    down = [s for s in Standing if overview.products(TargetName.CRM, s)]
    across = [s for s in Standing if overview.products(TargetName.BILLING, s)]
    output.heading("Products by standing")
    output.table(
        ("CRM", *(f"#Billing {s.value}" for s in across)),
        [(crm.value, *(counts.get((crm, billing)) for billing in across)) for crm in down],
    )


def _next_look(found: Status) -> str:
    if found.last_run is None:
        return "`trueup check`, then `trueup plan` shows what a first run would do"
    if found.attention:
        return "`trueup errors` lists products, `trueup check` looks at the connection"
    return "`trueup runs`, `trueup trends`, `trueup plan`"
