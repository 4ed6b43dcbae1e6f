"""A finished run, for people and as JSON."""

from __future__ import annotations

from trueup.cli import output
from trueup.cli.planning import show_violations
from trueup.domain.guards import Rule
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus, RunState, Trigger
from trueup.reconcile.running import Report
from trueup.views.times import lasted

_WORDS = {
    RunState.SUCCEEDED: ("Agreement reached.", "bold green"),
    RunState.PARTIAL: ("Done in part: see what failed.", "bold yellow"),
    RunState.FAILED: ("Failed.", "bold red"),
    RunState.HELD: ("Done, but for what a person must look at.", "bold magenta"),
    RunState.ALREADY_RUNNING: ("Another run is writing; nothing was done.", "bold yellow"),
}
_SHOWN = 15


def show_report(report: Report) -> None:
    """The summary of a run: the verdict, what was not done and why, the counts."""
    run = report.run
    _show_troubles(report)
    show_violations(run.violations, run.run_id)
    output.heading(f"Run {run.run_id}")
    words, style = _WORDS[run.state]
    if run.state is RunState.SUCCEEDED and not run.summary.get("totalCandidates"):
        words = "Nothing was due, so nothing was compared; `trueup drift` compares it all."
    elif run.state is RunState.SUCCEEDED and run.summary.get("deferred"):
        words = "Done as far as the limit of products goes."
    elif run.state is RunState.SUCCEEDED and _refused(report):
        words = "Agreement reached, but for what was refused."
    output.say(words, style)
    if run.error:
        output.say(run.error, "red")
    if report.error is not None and report.error.remedy:
        output.say(f"→ {report.error.remedy}", "yellow")
    if not run.summary:
        return
    output.table(
        ("target", "#agree", "#written", "#unchanged", "#failed", "#held", "#refused", "#deferred"),
        [_row(report, target) for target in TargetName],
    )
    requests = ", ".join(f"{count} {name}" for name, count in run.requests.items() if count)
    output.facts(
        {
            "products": run.summary["totalCandidates"],
            "requests": f"{sum(run.requests.values())} ({requests or 'none'})",
            "duration": lasted(run.duration_ms / 1000),
        }
    )
    if report.stale:
        of = "approved changes" if run.trigger is Trigger.APPROVAL else "changes of the saved plan"
        output.say(f"{report.stale} {of} were stale and were not made", "yellow")
    for hint in _hints(report):
        output.say(f"→ {hint}", "cyan")


def _refused(report: Report) -> bool:
    verdicts = (v for result in report.results for v in result.verdicts.values())
    return any(v.status is ProductStatus.SKIPPED and v.error for v in verdicts)


def _row(report: Report, target: TargetName) -> tuple[object, ...]:
    def count(*statuses: ProductStatus) -> int:
        found = (result.verdicts.get(target) for result in report.results)
        return sum(1 for verdict in found if verdict is not None and verdict.status in statuses)

    s = ProductStatus
    each = (s.OK, s.UNCHANGED, s.FAILED, s.HELD, s.SKIPPED, s.DEFERRED)
    return (target.value, count(s.OK, s.UNCHANGED), *(count(status) for status in each))


def _show_troubles(report: Report) -> None:
    troubles: dict[tuple[str, str, str], list[str]] = {}
    for result in report.results:
        for target, verdict in result.verdicts.items():
            if verdict.error and verdict.status is not ProductStatus.DEFERRED:
                word = (
                    "refused" if verdict.status is ProductStatus.SKIPPED else verdict.status.value
                )
                key = (word, result.sku or "(none)", verdict.error)
                troubles.setdefault(key, []).append(target.value)
    if not troubles:
        return
    output.heading("Not in agreement")
    rank = {"failed": 0, "held": 1, "refused": 2}
    rows = [(sku, " + ".join(targets), word, why) for (word, sku, why), targets in troubles.items()]
    rows.sort(key=lambda row: (rank[row[2]], row[0], row[3]))
    output.table(("SKU", "target", "status", "why"), rows[:_SHOWN])
    if len(rows) > _SHOWN:
        output.say(f"… and {len(rows) - _SHOWN} more: `trueup errors`", "dim")


def _hints(report: Report) -> list[str]:
    summary = report.run.summary
    hints = []
    if summary.get("deferred"):
        hints.append(f"{summary['deferred']} products are left for the next run: `trueup run`")
    if report.run.state in (RunState.PARTIAL, RunState.FAILED):
        hints.append(f"`trueup errors` lists what failed; `trueup runs show {report.run.run_id}`")
    if any(one["rule"] != Rule.REJECTED for one in report.run.violations):
        hints.append("`trueup held` shows all that waits for a decision")
    if any(finding.held for finding in report.plan.findings):
        hints.append("held rows need a mend in the catalogue: `trueup errors`")
    return hints
