"""How everything stands at a glance, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trueup.domain.errors import CredentialsError
from trueup.domain.runs import Run, RunState
from trueup.domain.states import Standing

if TYPE_CHECKING:
    from trueup.domain.guards import Rule
    from trueup.postgres.attention import HeldReason, Pause, Writer
    from trueup.postgres.reports import Overview
    from trueup.views.desk import Desk
    from trueup.views.times import BusinessTime

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
