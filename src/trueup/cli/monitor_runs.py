"""`runs` and `runs show ID`: the runs as they happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import App, Parameter

from trueup.cli import output
from trueup.cli.monitor_changes import show_changes
from trueup.cli.reading import Limit, open_desk
from trueup.cli.selectors import Json
from trueup.domain.errors import UsageError
from trueup.domain.runs import Run, RunState, Tally, Trigger
from trueup.views.documents import (
    COUNTED,
    account_as_json,
    change_as_json,
    in_order,
    run_as_json,
)
from trueup.views.times import lasted

if TYPE_CHECKING:
    from trueup.views.desk import Desk
    from trueup.views.runs import Account
    from trueup.views.times import BusinessTime

_COLUMNS = (
    *("run", "started", "state", "trigger", "duration"),
    *("#products", "#agree", "#failed", "#held", "#deferred", "#requests"),
)
_WIDE = 150  # columns of a terminal that the table needs
LAST = "last"  # the word for the newest run
_COMPARED = 500  # runs among which a mistyped id is looked for

runs = App(
    name="runs",
    help_format="plaintext",
    result_action="return_value",
)


@runs.default
def last_runs(
    *,
    state: Annotated[
        RunState | None, Parameter(name="--state", help="Only runs that stand so.")
    ] = None,
    trigger: Annotated[
        Trigger | None, Parameter(name="--trigger", help="Only runs that this asked for.")
    ] = None,
    day: Annotated[
        date | None, Parameter(name="--day", help="Only of this local day, as 2026-03-02.")
    ] = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """The last runs, the newest first; the help of `trueup runs` is with the program's."""
    from trueup.views.runs import listed

    with open_desk() as desk:
        states, triggers = (state,) if state else (), (trigger,) if trigger else ()
        page = listed(desk, states, triggers, day=day, limit=limit)
        found = [one.run for one in page.runs]
    if json:
        output.print_json({"runs": [run_as_json(run, desk.time) for run in found]})
        return
    if not found and (state or trigger or day):
        output.say("No run is like that; `trueup runs` shows all.")
    elif not found:
        output.say("No run yet: `trueup run` starts the first one.")
    elif output.on_terminal() and output.console().width < _WIDE:
        for run in found:
            _show_briefly(run, desk.time)
    else:
        output.table(_COLUMNS, [_row(run, desk.time) for run in found])
    if len(found) > 1:
        _show_durations(found)


@runs.command(name="show")
def show_run(
    run_id: Annotated[str, Parameter(help="Its id, the beginning of it, or `last`.")],
    /,
    *,
    json: Json = False,
) -> None:
    """One run in full: its summary, every change before and after, and what failed.

    For example:
      trueup runs show schedule-20260302T000000Z-1a2b
      trueup runs show schedule-20260302 --json
    """
    from trueup.postgres import reports
    from trueup.postgres.prune import changes_removed_at
    from trueup.views.outcomes import tell
    from trueup.views.runs import account

    with open_desk() as desk:
        run = find_run(desk, run_id)
        told = account(desk, run)
        removed_at = changes_removed_at(desk.connection, run.run_id)
        changes = reports.outcomes(desk.connection, run.run_id)
        if json:
            listed = [change_as_json(change, desk.time) for change in changes]
            removed = {"changes_removed_at": desk.time.iso(removed_at)}
            said = account_as_json(told, desk.time)
            output.print_json({**run_as_json(run, desk.time), "changes": listed, **removed, **said})
            return
        _show_summary(run, told, desk.time)
        _show_guards(desk, run)
        failures = tell(desk, show_changes(changes, desk.time))
        if removed_at is not None:
            output.say(f"Its changes were past their time: removed {desk.time.ago(removed_at)}.")
    _show_account(run, told)
    if failures:
        output.heading(f"Failed ({len(failures):,})")
        columns = ("record", "outcome", "why")
        output.table(columns, [(str(f.change.key), f.change.status.value, f.why) for f in failures])
        for remedy in dict.fromkeys(one.remedy for one in failures):
            output.say(f"→ {remedy}", "cyan")


def run_in_one_line(run: Run, time: BusinessTime) -> str:
    """`partial, 2026-03-02 02:00:00 +02:00 (3 h 05 min ago), took 3 min 20 s, 2 failed, 1 held`."""
    parts = [f"{run.state.value}, {time.at(run.started_at)} ({time.ago(run.started_at)})"]
    if run.finished_at is not None:
        parts.append(f"took {lasted(run.duration_ms / 1000)}")
    counts = {"failed": _failed(run), **{n: run.summary.get(n, 0) for n in ("held", "deferred")}}
    parts += [f"{number:,} {word}" for word, number in counts.items() if number]
    return ", ".join(parts)


def _row(run: Run, time: BusinessTime) -> tuple[object, ...]:
    running = run.state is RunState.RUNNING
    return (
        run.run_id,
        time.at(run.started_at),
        run.state.value,
        run.trigger.value,
        None if running else lasted(run.duration_ms / 1000),
        run.summary.get("processed"),
        _agreeing(run),
        _failed(run) if run.summary else None,
        run.summary.get("held"),
        run.summary.get("deferred"),
        sum(run.requests.values()) if run.requests else None,
    )


def _show_briefly(run: Run, time: BusinessTime) -> None:
    """The same in two lines, for a terminal on which the table has no room."""
    run_id, started, state, trigger, duration, *counts = _row(run, time)
    told = [
        f"{output.show(n)} {w[1:]}"
        for n, w in zip(counts, _COLUMNS[-len(counts) :], strict=True)
        if n
    ]
    output.say(f"{run_id}  {output.show(state)}", "bold")
    output.say("  " + ", ".join([f"{started}, {trigger}, {output.show(duration)}", *told]))


def _agreeing(run: Run) -> str | None:
    """Products in agreement after the run, CRM and Billing."""
    if not run.summary:
        return None
    return f"{run.summary.get('crmSucceeded', 0):,}/{run.summary.get('billingSucceeded', 0):,}"


def _failed(run: Run) -> int:
    return run.summary.get("crmFailed", 0) + run.summary.get("billingFailed", 0)


def _show_durations(found: Sequence[Run]) -> None:
    seconds = [run.duration_ms / 1000 for run in reversed(found) if run.finished_at]
    output.say()
    output.say(
        f"durations  {output.sparkline(seconds)}  oldest to newest,"
        f" longest {lasted(max(seconds, default=0))}",
        "dim",
    )


def find_run(desk: Desk, run_id: str) -> Run:
    """The run with this id or beginning, or the last; raises `UsageError` that suggests others."""
    from trueup.postgres import reports

    wanted = run_id.strip()
    if wanted == LAST:
        return next(iter(reports.last_runs(desk.connection, 1)), None) or _no_run_yet()
    run = reports.find_run(desk.connection, wanted) if wanted else None
    if run is not None:
        return run
    known = [r.run_id for r in reports.last_runs(desk.connection, _COMPARED)]
    close = get_close_matches(wanted, known, n=3, cutoff=0.6) or known[:3]
    remedy = f"perhaps {' or '.join(close)}" if close else "no run has started yet: `trueup run`"
    raise UsageError(f"there is no run {wanted!r}", f"{remedy}; `trueup runs` lists them")


def _no_run_yet() -> NoReturn:
    raise UsageError("no run has started yet", "`trueup run` starts the first one")


def _show_account(run: Run, told: Account) -> None:
    """What came back from where, and what it said."""
    from trueup.views.runs import ANSWERED

    if told.answers:
        output.heading("Requests and what came back")
        rows = [
            (target, ANSWERED.get(kind, kind), number)
            for target, kinds in told.answers.items()
            for kind, number in kinds.items()
        ]
        output.table(("sent to", "answer", "#requests"), rows)
    if told.log:
        output.heading("What it said")
    for line in told.log:
        after = lasted((line.at - run.started_at).total_seconds())
        output.say(f"{after:>12}  {line.text}", "red" if line.grave else "")


def _show_summary(run: Run, told: Account, time: BusinessTime) -> None:
    output.say(f"Run {run.run_id}", "bold")
    counts = in_order(run.requests, COUNTED)
    requests = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    output.facts(
        {
            "state": run.state.value,
            "trigger": run.trigger.value,
            "started": time.at(run.started_at),
            "finished": time.at(run.finished_at),
            "duration": lasted(run.duration_ms / 1000) if run.finished_at else "-",
            "requests": f"{sum(run.requests.values()):,} ({requests or 'none'})",
            "plan": run.fingerprint or "-",
            **({"continues": run.resumes} if run.resumes else {}),
            **({"error": run.error} if run.error else {}),
            **({"cancelled by": told.cancelled_by} if told.cancelled_by else {}),
        }
    )
    if run.summary:
        output.heading("Counts")
        summary = in_order(run.summary, tuple(Tally().as_summary()))
        output.facts({_spaced(name): number for name, number in summary.items()})


def _show_guards(desk: Desk, run: Run) -> None:
    """The guards that the run broke, and what became of what they held."""
    from trueup.cli.planning import show_violations
    from trueup.domain.waiting import HeldState
    from trueup.postgres.decisions import PostgresDecisions

    if not run.violations:
        return
    show_violations(run.violations, run.run_id)
    of_run = PostgresDecisions(desk.app.pool).of_run(run.run_id)
    counts = {state: sum(1 for one in of_run if one.state is state) for state in HeldState}
    told = ", ".join(f"{number:,} {state.value}" for state, number in counts.items() if number)
    output.say(f"by now: {told or 'nothing of it waits'}", "bold")


def _spaced(name: str) -> str:
    """`crmFailed` as `crm failed`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
