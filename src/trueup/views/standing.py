"""How everything stands at a glance, and what needs a person."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from trueup.domain.errors import CredentialsError
from trueup.domain.runs import Run, RunState
from trueup.domain.states import Standing
from trueup.views.tally import Tally

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.domain.guards import Rule
    from trueup.postgres.attention import HeldReason, Pause, Writer
    from trueup.postgres.reports import Overview
    from trueup.views.desk import Desk
    from trueup.views.drift import Product
    from trueup.views.duplicates import Group
    from trueup.views.times import BusinessTime

_TROUBLE = frozenset({RunState.FAILED, RunState.PARTIAL})
_LIMITS = ("/health", "See the limits")
_TOKEN = "token"  # noqa: S105 (the name of what is paused)
_LEFT_OUT = "…"  # what differs between reasons that are told as one
_HEADLINES = {
    "wait for a decision": ("waits for a decision", "wait for a decision"),
    "held": ("is held", "are held"),
    "refused": ("is refused", "are refused"),
    "quarantined": ("is in quarantine", "are in quarantine"),
    "failing": ("keeps failing", "keep failing"),
    "changed at Zoho": ("was changed at Zoho", "were changed at Zoho"),
    "there twice": ("is there more than once", "are there more than once"),
}


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person should know of: what, how many products, why, what to do.

    `remedy` is for whoever sits at a terminal. `page` is where it is mended on the pages, below the
    workspace's own, and `press` says so on the way there; `plain` is why, for those who know
    neither commands nor the names of settings.
    """

    what: str
    why: str
    remedy: str
    products: int | None = None
    page: str = ""
    press: str = ""
    plain: str = ""

    @property
    def headline(self) -> str:
        """`4 products are held`; `last run`, where it is not about products."""
        if self.products is None:
            return self.what
        one, more = _HEADLINES.get(self.what, (self.what, self.what))
        if self.products == 1:
            return f"1 product {one}"
        return f"{self.products:,} products {more}"


@dataclass(frozen=True, slots=True)
class Status:
    """Whether they agree, whether it runs, whether it needs a person."""

    overview: Overview
    never_compared: int
    last_success: Run | None
    writer: Writer | None
    attention: tuple[Attention, ...]
    counted_at: datetime

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
    from trueup.postgres import attention, looks, reports

    connection = desk.connection
    runs = tuple(reports.last_runs(connection, 1))
    moves = tuple((run.run_id, run.state, run.finished_at) for run in runs)
    tally = desk.good("tally", moves, lambda: _count(desk))
    overview = reports.Overview(
        tally.standings, runs, tally.oldest_verification, *reports.persistent(connection)
    )
    writer = attention.writer(connection, f"{WORKSPACE}/run")
    paused = attention.pauses(connection, WORKSPACE)
    guarded = attention.held_by_guards(connection)
    held = desk.good(
        "reasons",
        (moves, tuple(guarded.items())),
        lambda: attention.held_reasons(connection),
    )
    refused = sum(c.products for c in overview.standings if Standing.SKIPPED in (c.crm, c.billing))
    notes = (
        *_setting_notes(desk),
        *_run_notes(overview, writer),
        *(_pause_note(pause, desk.time) for pause in paused),
        *_guard_notes(guarded),
        *(_held_note(reason) for reason in held),
        *_product_notes(overview, refused),
        *_look_notes(desk, (moves, looks.newest(connection))),
    )
    return Status(
        overview,
        tally.never_compared,
        reports.last_success(connection),
        writer,
        notes,
        tally.at,
    )


def _count(desk: Desk) -> Tally:
    from trueup.postgres import attention, reports
    from trueup.postgres.catalogue_source import CatalogueSource

    settings = desk.app.settings
    source = CatalogueSource(settings.catalogue_table, dict(settings.columns))
    counts, oldest = reports.standings(desk.connection)
    never = attention.never_compared(desk.connection, source)
    return Tally(counts, oldest, never, desk.time.now)


def _setting_notes(desk: Desk) -> Iterator[Attention]:
    from trueup.bootstrap import require_credentials

    try:
        require_credentials(desk.app.settings)
    except CredentialsError as error:
        yield Attention(
            "credentials", error.message, error.remedy, page="/health", press="See what is missing"
        )


def _run_notes(overview: Overview, writer: Writer | None) -> Iterator[Attention]:
    last = overview.runs[0] if overview.runs else None
    if last is None:
        return
    show = f"`trueup runs show {last.run_id}`"
    there = (f"/runs/{last.run_id}", "See that run")
    if last.state in _TROUBLE and last.error:
        yield Attention("last run", last.error, show, None, *there)
    if last.state is RunState.RUNNING and (writer is None or writer.run_id != last.run_id):
        remedy = "the next run continues: `trueup run`"
        yield Attention("last run", "its process died", remedy, None, *there)


def _pause_note(pause: Pause, time: BusinessTime) -> Attention:
    why = f"until {time.at(pause.until)} ({time.ago(pause.until)})"
    if pause.target == _TOKEN:
        said = f"{pause.why}; no token is asked for {why}"
        return Attention("token cooldown", said, "`trueup limits`", None, *_LIMITS)
    said = f"{pause.target} is left alone {why}"
    return Attention("paused", said, "`trueup limits`", None, *_LIMITS)


def _guard_notes(held: Mapping[Rule, int]) -> Iterator[Attention]:
    from trueup.planner.explain import RULES

    for rule, products in held.items():
        why = f"{RULES[rule]} ({rule.value})"
        remedy, page = "`trueup held` shows it", f"/approvals#{rule.value}"
        plain = f"{RULES[rule]}; nothing is written before somebody says yes"
        yield Attention("wait for a decision", why, remedy, products, page, "Decide", plain)


def _held_note(reason: HeldReason) -> Attention:
    where = " and ".join(sorted(target.value for target in reason.targets))
    why = f"{reason.why} (at {where})"
    said = max(reason.why.split(_LEFT_OUT), key=len).strip()
    page = f"/products?{urlencode({'status': Standing.HELD.value, 'error': said})}"
    plain = f"{reason.why}; correct {'the row' if reason.products == 1 else 'the rows'}"
    return Attention("held", why, "correct the rows", reason.products, page, "See which", plain)


def _product_notes(overview: Overview, refused: int) -> Iterator[Attention]:
    from trueup.postgres.reports import PATIENCE

    if refused:
        why = "a finding about the row"
        plain = "their rows cannot be used as they are; each product says what to correct"
        yield Attention("refused", why, "`trueup errors`", refused, *_products("refused"), plain)
    if overview.quarantined:
        remedy = "correct the row, or `trueup resync SKU`"
        why, page = "refused by the target", _products("quarantined")
        plain = "Zoho refused what was sent; nothing is tried until the row changes or is released"
        yield Attention("quarantined", why, remedy, overview.quarantined, *page, plain)
    if overview.stubborn:
        why = f"failed more than {PATIENCE} times in a row"
        page = _products("backing_off")
        yield Attention("failing", why, "`trueup errors`", overview.stubborn, *page)


def _look_notes(desk: Desk, moves: Hashable) -> Iterator[Attention]:
    """What the last looks have found and nobody has settled since."""
    edited, seen_at, rivals = desk.good("looks", moves, lambda: _unsettled(desk))
    if edited and seen_at:
        why = f"somebody's edit, seen {desk.time.ago(seen_at)}"
        yield Attention(
            "changed at Zoho", why, "`trueup drift` shows it", edited, "/drift", "See and repair"
        )
    if rivals:
        why = "of several records nobody knows which is ours"
        remedy = "`trueup duplicates` shows them"
        yield Attention("there twice", why, remedy, rivals, "/duplicates", "Say which")


def _unsettled(desk: Desk) -> tuple[int, datetime | None, int]:
    """Products that somebody edited, when that was seen, and what is there several times."""
    from trueup.views import drift, duplicates

    looked, searched = drift.gather(desk, earlier=0), duplicates.gather(desk, earlier=0)
    return (
        sum(map(_is_edited, looked.products)) if looked else 0,
        looked.look.ended_at if looked else None,
        sum(map(_has_rivals, searched.groups)) if searched else 0,
    )


def _is_edited(product: Product) -> bool:
    return any(one.edited and one.to_write for one in product.differences)


def _has_rivals(group: Group) -> bool:
    """Whether a product has no record, as more than one could be it."""
    return bool(group.offers) and not any(one.bound_now for one in group.records)


def _products(why: str) -> tuple[str, str]:
    """The page of the products that somebody looks for because of this, and what to press."""
    return f"/products?why={why}", "See which"
