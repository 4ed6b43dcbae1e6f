"""Looking: how everything stands and what is wrong. The other monitoring commands are beside it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trueup.cli import output
from trueup.cli.monitor_changes import history
from trueup.cli.monitor_limits import limits
from trueup.cli.monitor_runs import runs
from trueup.cli.monitor_trends import trends
from trueup.cli.reading import Limit, open_desk
from trueup.cli.selectors import Json, Targets, targets_of

if TYPE_CHECKING:
    from trueup.postgres.reports import TroubledProduct
    from trueup.views.times import BusinessTime

__all__ = ["errors", "history", "limits", "runs", "status", "trends"]

_MOST = 50


def status(*, json: Json = False) -> None:
    """How the products stand at both targets, the last run, and what needs a person.

    Needs no credentials and sends nothing to Zoho.

    For example:
      trueup status
      trueup status --json
    """
    from trueup.cli.monitor_status import show_status
    from trueup.views.documents import status_as_json
    from trueup.views.standing import gather

    with open_desk() as desk:
        found = gather(desk)
    if json:
        output.print_json(status_as_json(found, desk.time))
    else:
        show_status(found, desk.time)


def errors(*, target: Targets = None, limit: Limit = _MOST, json: Json = False) -> None:
    """What fails and why, since when, when it is tried again, and what a person can do.

    A second part lists rows that are held (their money cannot be trusted) or refused (their SKU
    or text cannot be sent): they wait for a correction in the catalogue, or for a person's yes or
    no (`trueup held`).

    For example:
      trueup errors
      trueup errors --target billing --limit 10
    """
    from trueup.domain.states import Standing
    from trueup.postgres import attention, reports

    places = targets_of(target)
    waiting = (Standing.HELD, Standing.SKIPPED)
    with open_desk() as desk:
        counts = reports.trouble_counts(desk.connection, places)
        failing = reports.troubled_products(desk.connection, targets=places, limit=limit)
        rows = attention.held_reasons(desk.connection, limit=1)
        guarded = attention.held_by_guards(desk.connection)
        others = reports.troubled_products(desk.connection, waiting, targets=places, limit=limit)
    total = counts[Standing.HELD] + counts[Standing.SKIPPED]
    if json:
        output.print_json(
            {
                "counts": {
                    "failing": counts[Standing.FAILED],
                    "held": counts[Standing.HELD],
                    "refused": counts[Standing.SKIPPED],
                },
                "failing": [_failing_as_json(one, desk.time) for one in failing],
                "waiting": [_waiting_as_json(one, desk.time) for one in others],
            }
        )
        return
    if not failing and not others:
        output.say("Nothing fails, nothing is held, nothing is refused.", "bold green")
        return
    _show_failing(failing, counts[Standing.FAILED], desk.time)
    _show_waiting(others, total, desk.time, rows=bool(rows) or counts[Standing.SKIPPED] > 0)
    if guarded:
        output.say("→ `trueup held` shows what waits for a decision, and how to decide", "cyan")


def _remedy(trouble: TroubledProduct) -> str:
    if not trouble.sku.strip():
        return "give the row a SKU"
    return f"trueup resync {shlex.quote(trouble.sku.strip())}"


def _next(trouble: TroubledProduct, time: BusinessTime) -> str:
    if trouble.quarantined:
        return "quarantined"
    due = trouble.next_attempt_at
    return "next run" if due is None or due <= time.now else time.at(due)


def _show_failing(found: Sequence[TroubledProduct], total: int, time: BusinessTime) -> None:
    if not found:
        return
    output.heading(f"Failing ({total:,})")
    for one in found:
        output.say(f"{one.sku or '(no SKU)'}  {one.target.value}  {one.name}".rstrip(), "bold red")
        output.facts(
            {
                "  error": one.error,
                "  since": time.at(one.failing_since or one.last_attempt_at),
                "  attempts": one.failures,
                "  next try": _next(one, time),
                "  remedy": f"`{_remedy(one)}`" if one.sku.strip() else _remedy(one),
            }
        )
    _say_rest(len(found), total)


def _show_waiting(
    found: Sequence[TroubledProduct], total: int, time: BusinessTime, *, rows: bool
) -> None:
    if not found:
        return
    output.heading(f"Held or refused ({total:,})")
    output.table(
        ("SKU", "target", "status", "last agreed", "why"),
        [
            (
                one.sku or "(no SKU)",
                one.target.value,
                _word(one),
                time.at(one.last_success_at),
                one.error,
            )
            for one in found
        ],
    )
    _say_rest(len(found), total)
    if rows:
        output.say("→ correct the row in the catalogue; every run reads it again", "cyan")


def _word(trouble: TroubledProduct) -> str:
    from trueup.domain.states import Standing

    return "held" if trouble.standing is Standing.HELD else "refused"


def _say_rest(shown: int, total: int) -> None:
    if shown < total:
        output.say(f"… and {total - shown:,} more; --limit {total} shows all", "dim")


def _failing_as_json(trouble: TroubledProduct, time: BusinessTime) -> dict[str, Any]:
    return {
        **_named(trouble),
        "error": trouble.error,
        "failing_since": time.iso(trouble.failing_since),
        "attempts": trouble.failures,
        "last_attempt_at": time.iso(trouble.last_attempt_at),
        "next_attempt_at": time.iso(trouble.next_attempt_at),
        "quarantined": trouble.quarantined,
        "last_success_at": time.iso(trouble.last_success_at),
        "remedy": _remedy(trouble),
    }


def _waiting_as_json(trouble: TroubledProduct, time: BusinessTime) -> dict[str, Any]:
    return {
        **_named(trouble),
        "status": _word(trouble),
        "why": trouble.error,
        "last_decided_at": time.iso(trouble.last_attempt_at),
        "last_success_at": time.iso(trouble.last_success_at),
    }


def _named(trouble: TroubledProduct) -> dict[str, Any]:
    return {
        "offering_id": trouble.offering_id,
        "sku": trouble.sku,
        "name": trouble.name,
        "target": trouble.target.value,
    }
