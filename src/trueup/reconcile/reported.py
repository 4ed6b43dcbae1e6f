"""A finished run as other people's scripts read it: exit code and document (spec §3.2)."""

from __future__ import annotations

from typing import Any

from trueup.domain.errors import TrueupError
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductResult, ProductStatus, RunState, Tally, Verdict
from trueup.reconcile.running import Report
from trueup.reconcile.stint import REQUEST_COUNTS

EXIT_CODES = {
    RunState.SUCCEEDED: 0,
    RunState.PARTIAL: 1,
    RunState.FAILED: 1,
    RunState.HELD: 3,
    RunState.INTERRUPTED: 1,
    RunState.ALREADY_RUNNING: 75,
}
_NOTHING = Verdict(ProductStatus.SKIPPED)


def exit_code(report: Report) -> int:
    """The exit code of spec §3.2; refused credentials win over everything else."""
    if report.error is not None and report.error.exit_code != TrueupError.exit_code:
        return report.error.exit_code
    return EXIT_CODES[report.run.state]


def report_as_json(report: Report) -> dict[str, Any]:
    """The document of `trueup run --json` (spec §3.2)."""
    run = report.run
    return {
        "run_id": run.run_id,
        "state": run.state.value,
        "trigger": run.trigger.value,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "fingerprint": run.fingerprint,
        "summary": Tally().as_summary() | dict(run.summary),
        "requests": dict.fromkeys(REQUEST_COUNTS, 0) | dict(run.requests),
        "duration_ms": run.duration_ms,
        "violations": list(run.violations),
        "stale": report.stale,
        "error": run.error,
        "results": [_result(result) for result in report.results],
    }


def _result(result: ProductResult) -> dict[str, Any]:
    verdicts = {t: result.verdicts.get(t, _NOTHING) for t in TargetName}
    return {
        "sku": result.sku,
        "name": result.name,
        **{t.value: {"status": v.status.value, "error": v.error} for t, v in verdicts.items()},
    }
