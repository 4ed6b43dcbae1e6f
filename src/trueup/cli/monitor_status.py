"""How everything stands at a glance, gathered once and shown as text or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.cli import output
from trueup.cli.monitor_runs import run_in_one_line
from trueup.domain.records import TargetName
from trueup.domain.states import Standing

if TYPE_CHECKING:
    from trueup.postgres.reports import Overview
    from trueup.views.standing import Status
    from trueup.views.times import BusinessTime


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
