"""What a worker says while it carries out a job: a line per change, per run and per job.

Values of amounts and switches are in the lines, before and after: whoever asks at night why a price
moved finds it there. Texts are named only, they are long. No value of a change is a secret.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from trueup import logs, telemetry
from trueup.domain.changes import Outcome, Status
from trueup.domain.jobs import Ending, Job, JobOutcome
from trueup.domain.plan import Plan
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductResult, ProductStatus
from trueup.jobs.counted import count_request
from trueup.reconcile.scope import Silence
from trueup.settings.hidden import hidden_values

if TYPE_CHECKING:
    from types import TracebackType

    from trueup.settings import Settings
    from trueup.zoho.wire import RequestEvent

_LEVELS = {Status.APPLIED: "info", Status.SKIPPED: "info", Status.DEFERRED: "info"}
_QUIET = frozenset({"ok", "empty", "gone"})  # gone: what a look-up may well find
_FAILURES = frozenset({Ending.FAILED, Ending.PARTIAL})
_WORTH_A_LINE = frozenset({ProductStatus.FAILED, ProductStatus.HELD})


@contextmanager
def observing(
    home: Settings, workspaces: Iterable[Settings] = (), *, verbose: bool = True
) -> Iterator[None]:
    """Logs and traces of a program that runs for long, for the length of a block."""
    logs.set_up(verbose=verbose, log_format=home.log_format)
    for settings in (home, *workspaces):
        logs.hide(hidden_values(settings))
    with telemetry.exporting(home.otel_endpoint):
        yield


class _Tries(threading.local):
    """The requests that this thread has sent for the group of changes that it is at."""

    number = 0
    seconds = 0.0
    told = False  # outcomes were told since: the next request belongs to another group


class Journal(Silence):
    """Tells what happens with one job: to the log, to the counters, to the collector of traces."""

    def __init__(self, job: Job, monotonic: Callable[[], float] = time.monotonic) -> None:
        asked = job.request
        self._workspace, self._monotonic = asked.workspace, monotonic
        self._began = monotonic()
        self._tries = _Tries()
        known = {"workspace": asked.workspace, "job_id": job.job_id, "job": asked.kind.value}
        self._log: Any = logs.logger().bind(**known)
        facts: dict[str, Any] = {"trigger": asked.trigger.value, "attempt": job.attempt}
        self._job = telemetry.span(f"job {asked.kind.value}", **known, **facts)
        self._run = self._job
        self._runs = False
        self._tell("job_started", **facts)

    # --- the job and its run -----------------------------------------------------------------

    def run(self, run_id: str) -> None:
        """A run begins for the job: every line from here on names it."""
        self._log = self._log.bind(run_id=run_id)
        self._run, self._runs = self._job.child("run", run_id=run_id), True

    def ended(self, outcome: JobOutcome) -> JobOutcome:
        """The job is over, or handed back; says so, with the counts of its run."""
        report, word = outcome.report, outcome.ending.value if outcome.ending else "handed_back"
        trouble = word if outcome.ending in _FAILURES else ""
        level = "warning" if trouble else "info"
        if self._runs:
            state = report.get("state", word)
            figures = {n: report.get(n) for n in ("summary", "requests", "duration_ms", "error")}
            self._tell("run_finished", level=level, state=state, **figures)
            self._run.note(state=state)
            self._run.end(trouble)
        message = outcome.message or None
        self._tell("job_finished", level=level, ending=word, message=message, ms=self._took())
        self._job.note(ending=word)
        self._job.end(trouble)
        self._run = self._job = telemetry.Span()
        return outcome

    def __enter__(self) -> Self:
        """Nothing yet; the end of the block closes what an error left open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """What is no outcome either is told here, and goes on."""
        if error is not None:
            self._tell("job_crashed", level="error", ms=self._took(), exc_info=error)
            self._run.end("crashed")
            self._job.end("crashed")

    # --- the requests and changes of the run ---------------------------------------------------

    def request(self, event: RequestEvent, /) -> None:
        """A request to Zoho was answered, or given up."""
        tries = self._tries
        if tries.told:
            tries.number, tries.seconds, tries.told = 0, 0.0, False
        tries.number += 1
        tries.seconds += event.duration
        count_request(self._workspace, event.target, event.verdict, event.duration)
        facts: dict[str, Any] = {
            "target": event.target, "verdict": event.verdict, "attempt": event.attempt,
        }  # fmt: skip
        self._run.request(
            event.method, event.path, event.status, event.duration, waited=event.wait, **facts
        )
        if event.verdict not in _QUIET:
            path, ms = telemetry.path_template(event.path), round(event.duration * 1000)
            more = {"method": event.method, "path": path, "status": event.status, "ms": ms}
            self._tell("request_refused", level="warning", **facts, **more)

    def planned(self, plan: Plan, writes: int) -> None:
        findings, requests = len(plan.findings), plan.estimate.requests
        self._tell("planned", changes=len(plan.changes), products=writes, findings=findings,
                   held=len(plan.held), requests=requests)  # fmt: skip

    def batch(self, target: TargetName, number: int, of: int) -> None:
        self._tries.told = True  # what was sent before was for reading
        self._tell("batch", level="debug", target=target.value, number=number, of=of)

    def outcome(self, outcome: Outcome) -> None:
        tries = self._tries
        tries.told = True
        change = outcome.change
        self._tell(
            f"change_{outcome.status.value}",
            level=_LEVELS.get(outcome.status, "warning"),
            target=change.target.value,
            kind=change.key.kind.value,
            code=change.key.code,
            sku=change.sku,
            action=change.action.value,
            reason=change.reason.value,
            status=outcome.status.value,
            attempts=tries.number,
            ms=round(tries.seconds * 1000),
            values=_amounts(change.deltas) or None,
            texts=[n for n, d in change.deltas.items() if not _is_amount(d.after)] or None,
            error_code=outcome.code or None,
            detail=outcome.detail or None,
        )

    def decided(self, result: ProductResult) -> None:
        for target, verdict in result.verdicts.items():
            if verdict.status in _WORTH_A_LINE:
                self._tell(
                    f"product_{verdict.status.value}",
                    level="warning",
                    sku=result.sku,
                    target=target.value,
                    error=verdict.error,
                )

    def stopped(self, target: TargetName, error: Exception) -> None:
        self._tell("target_stopped", level="warning", target=target.value, error=str(error))

    def _took(self) -> int:
        return round((self._monotonic() - self._began) * 1000)

    def _tell(self, event: str, *, level: str = "info", **facts: Any) -> None:
        known = {name: value for name, value in facts.items() if value is not None}
        getattr(self._log, level)(event, **known)


def _is_amount(value: object) -> bool:
    return value is None or isinstance(value, bool | int | Decimal)


def _amounts(deltas: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Amounts and switches before and after, an amount as text, so that it stays exact."""
    return {
        name: [str(v) if isinstance(v, Decimal) else v for v in (delta.before, delta.after)]
        for name, delta in deltas.items()
        if _is_amount(delta.before) and _is_amount(delta.after)
    }
