"""`approve RUN` and `reject RUN`: a person decides on what guards hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.asking import By, Why, Yes, approval, confirmed, person
from trueup.cli.done import write_down
from trueup.cli.held import held, show_groups
from trueup.cli.monitor_runs import LAST, find_run
from trueup.cli.reading import open_desk
from trueup.cli.selectors import Json, Skus, Verbose, known_skus
from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.guards import Rule
from trueup.domain.waiting import HeldState, Waiting
from trueup.planner.explain import counted
from trueup.views.deeds import states_of, subject_of_changes
from trueup.views.held import grouped, waiting_as_json

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.ports import Decision
    from trueup.postgres.decisions import PostgresDecisions
    from trueup.reconcile.deciding import Choice, Decided
    from trueup.views.desk import Desk

__all__ = ["approve", "held", "reject"]


RunId = Annotated[
    str, Parameter(name="RUN", help="The run: its id, the beginning of it, or `last`.")
]
Guards = Annotated[
    list[str] | None,
    Parameter(name="--guard", negative="", help="Only what this guard holds; may be repeated."),
]
Later = Annotated[
    bool,
    Parameter(name="--later", negative="", help="Leave it to the next run to carry it out."),
]


def approve(
    run_id: RunId,
    /,
    *,
    sku: Skus = None,
    guard: Guards = None,
    by: By = None,
    reason: Why = "",
    later: Later = False,
    yes: Yes = False,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Let held changes pass: all that a run holds, or what --sku and --guard choose.

    Shows them, asks, writes down who said yes and why, and makes exactly these
    changes at once; what moved meanwhile is stale and is not made. --later
    leaves them to the next run, for which an approval counts until it expires.
    A change that was rejected is taken up again by naming its --sku.

    For example:
      trueup approve last
      trueup approve cli-20260302 --guard price_fall --reason "agreed with sales"
      trueup approve last --sku FIB-100 --by "Ann Example" --yes --later
    """
    from trueup.postgres.decisions import PostgresDecisions
    from trueup.reconcile.deciding import approve as let_pass

    with open_desk() as desk:
        decision = approval(desk.app, by, reason)
        decisions = PostgresDecisions(desk.app.pool)
        run = _run_of(desk, decisions, run_id)
        of_run = decisions.of_run(run)
        seen = _choice(desk, of_run, sku, guard).to_approve(of_run)
        if not seen:
            return _nothing(run, of_run, json=json)
        _show(desk, seen, json=json)
        if not confirmed(f"Approve {_count(seen)} as {decision.by}?", yes=yes):
            return _declined(json=json)
        if later:
            decided = let_pass(decisions, seen, decision, desk.time.now)
            _write_down(desk.app, Did.APPROVED, by, decided, decision)
            return _tell(desk, HeldState.APPROVED, decision, decided, json=json)
    return _approve_now(seen, decision, by, json=json, verbose=verbose)


def reject(
    run_id: RunId,
    /,
    *,
    sku: Skus = None,
    guard: Guards = None,
    by: By = None,
    reason: Why = "",
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Say no to held changes: all that a run holds, or what --sku and --guard choose.

    Nobody is asked about them again until the catalogue wants something else.
    Needs no credentials. `trueup approve RUN --sku SKU` takes it back.

    For example:
      trueup reject last --sku FIB-100 --reason "a typing error in the catalogue"
      trueup reject cli-20260302 --guard mass_retire --by "Ann Example" --yes
    """
    from trueup.ports import Decision
    from trueup.postgres.decisions import PostgresDecisions
    from trueup.reconcile.deciding import reject as refuse

    with open_desk() as desk:
        decision = Decision(person(by), reason.strip())
        decisions = PostgresDecisions(desk.app.pool)
        run = _run_of(desk, decisions, run_id)
        of_run = decisions.of_run(run)
        seen = _choice(desk, of_run, sku, guard).to_reject(of_run)
        if not seen:
            return _nothing(run, of_run, json=json)
        _show(desk, seen, json=json)
        if not confirmed(f"Reject {_count(seen)} as {decision.by}?", yes=yes):
            return _declined(json=json)
        decided = refuse(decisions, seen, decision)
        _write_down(desk.app, Did.REJECTED, by, decided, decision)
        return _tell(desk, HeldState.REJECTED, decision, decided, json=json)


def _approve_now(
    seen: Sequence[Waiting], decision: Decision, by: str | None, *, json: bool, verbose: bool
) -> int:
    """Write the approval down, then carry out exactly what was approved."""
    from trueup.cli.job import braked, job_app
    from trueup.postgres.decisions import PostgresDecisions
    from trueup.reconcile import deciding

    with job_app(json=json, verbose=verbose) as app:
        decisions = PostgresDecisions(app.pool)
        decided = deciding.approve(decisions, seen, decision, app.clock.now())
        _write_down(app, Did.APPROVED, by, decided, decision)
        if decided.changes:
            with braked(app) as brake:
                decided = deciding.carry_out(app.workshop(), decisions, decided, brake)
    with open_desk() as desk:
        return _tell(desk, HeldState.APPROVED, decision, decided, json=json)


def _write_down(app: App, did: Did, by: str | None, decided: Decided, decision: Decision) -> None:
    """The deed, of what was decided by this and not by somebody a moment before."""
    if decided.changes:
        subject, states = subject_of_changes(decided.changes), states_of(decided.changes)
        write_down(app, did, subject, by=by, reason=decision.note, **states)


def _run_of(desk: Desk, decisions: PostgresDecisions, run_id: str) -> str:
    """The run that somebody names; `last` is the newest that holds something, or the newest."""
    newest = decisions.newest_run() if run_id.strip() == LAST else None
    return newest or find_run(desk, run_id).run_id


def _choice(
    desk: Desk, of_run: Sequence[Waiting], skus: list[str] | None, guards: list[str] | None
) -> Choice:
    """What --sku and --guard choose; raises `UsageError` for what nobody knows."""
    from trueup.reconcile.deciding import Choice

    held_skus = {one.sku.casefold() for one in of_run}
    named = [sku.strip() for sku in skus or ()]
    known_skus(desk.app, [sku for sku in named if sku.casefold() not in held_skus])
    known = [rule.value for rule in Rule if rule is not Rule.REJECTED]
    if unknown := [word for word in guards or () if word not in known]:
        raise UsageError(f"there is no guard {unknown[0]!r}", f"guards are {', '.join(known)}")
    return Choice(tuple(named), frozenset(Rule(word) for word in guards or ()))


def _show(desk: Desk, seen: Sequence[Waiting], *, json: bool) -> None:
    """What is to be decided, before anybody is asked."""
    if not json:
        show_groups(grouped(desk, seen), desk.time)
        output.say()


def _count(changes: Sequence[Waiting]) -> str:
    products = len({one.sku for one in changes})
    return f"{counted(len(changes), 'change')} of {counted(products, 'product')}"


def _nothing(run_id: str, of_run: Sequence[Waiting], *, json: bool) -> int:
    """Nothing is left to decide, which is not an error; what became of all else is said."""
    if json:
        output.print_json({"run_id": run_id, "decision": None, "changes": [], "overtaken": []})
        return 0
    output.say(f"Nothing that you mean waits for a decision in run {run_id}.", "bold")
    for state in HeldState:
        if some := [one for one in of_run if one.state is state]:
            output.say(f"{_count(some)}: {state.value}")
    if any(one.state is HeldState.REJECTED for one in of_run):
        output.say(f"→ `trueup approve {run_id} --sku SKU` takes up what was rejected", "cyan")
    return 0


def _declined(*, json: bool) -> int:
    if json:
        output.print_json({"decision": None, "changes": [], "overtaken": []})
    else:
        output.say("Nothing was decided.")
    return 0


def _tell(desk: Desk, verb: HeldState, decision: Decision, decided: Decided, *, json: bool) -> int:
    """What was decided and what became of it; returns the exit code, which is that of a run."""
    from trueup.cli.report import show_report
    from trueup.reconcile.reported import exit_code, report_as_json

    report = decided.report
    if json:
        document = {
            "decision": verb.value,
            "by": decision.by,
            "reason": decision.note or None,
            "expires_at": desk.time.iso(decision.expires_at),
            "changes": [waiting_as_json(one, desk.time) for one in decided.changes],
            "overtaken": [waiting_as_json(one, desk.time) for one in decided.overtaken],
            "run": None if report is None else report_as_json(report),
        }
        output.print_json(document)
    else:
        if report is not None:
            show_report(report)
        _say_fates(desk, verb, decision, decided)
    if report is not None:
        return exit_code(report)
    return 3 if decided.overtaken and not decided.changes else 0


def _say_fates(desk: Desk, verb: HeldState, decision: Decision, decided: Decided) -> None:
    output.heading(f"Decided by {decision.by}")
    until = (
        "" if decision.expires_at is None else f", counts until {desk.time.at(decision.expires_at)}"
    )
    for state, words in (
        (HeldState.APPLIED, "approved and made"),
        (HeldState.APPROVED, f"approved; the next run makes it{until}"),
        (HeldState.REJECTED, "rejected; nobody is asked again"),
        (HeldState.STALE, "approved, but stale: one of the sides moved, and nothing was written"),
    ):
        if some := [one for one in decided.changes if one.state is state]:
            output.say(f"{_count(some)}: {words}", "yellow" if state is HeldState.STALE else "")
    for one in decided.overtaken:
        by = f" by {one.decided_by}" if one.decided_by else ""
        output.say(f"{one.key} is {one.state.value}{by} meanwhile: not {verb.value}", "yellow")
    if any(one.state is HeldState.STALE for one in (*decided.changes, *decided.overtaken)):
        output.say("→ `trueup held` shows what is held now", "cyan")
