"""Watching a run: a live display on a terminal, a few lines in a pipe, events in a log."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from trueup.cli.output import console
from trueup.domain.changes import Outcome
from trueup.domain.plan import Plan
from trueup.domain.records import Kind, TargetName
from trueup.domain.runs import ProductResult
from trueup.reconcile.scope import Silence
from trueup.views.times import lasted

if TYPE_CHECKING:
    from trueup.settings import Settings
    from trueup.zoho.wire import RequestEvent


class Progress(Silence):
    """What a run has done so far, counted from what it tells its watcher. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._limit, self._window = settings.rate_limit, settings.rate_window
        self._guard = Lock()
        self._sent: deque[float] = deque()
        self.started = time.monotonic()
        self.text = "starting"
        self.records: Counter[Kind] = Counter()
        self.estimated = 0
        self.sent = 0
        self.sent_before_plan = 0
        self.writes = 0
        self.batches: dict[TargetName, tuple[int, int]] = {}
        self.outcomes: dict[TargetName, Counter[str]] = {t: Counter() for t in TargetName}
        self.current: dict[TargetName, str] = {}
        self.troubles: list[str] = []

    def request(self, _event: RequestEvent, /) -> None:
        """One request was answered, or given up."""
        with self._guard:
            self.sent += 1
            self._sent.append(time.monotonic())

    def in_window(self) -> int:
        """The requests of this process in the current window."""
        with self._guard:
            horizon = time.monotonic() - self._window
            while self._sent and self._sent[0] < horizon:
                self._sent.popleft()
            return len(self._sent)

    def seconds_left(self) -> float | None:
        """What the estimate says is left, at the rate limit; None before there is a plan."""
        if not self.estimated:
            return None
        done = self.sent - self.sent_before_plan
        return max(self.estimated - done, 0) * self._window / self._limit

    def phase(self, text: str) -> None:
        self.text = text

    def read(self, kind: Kind, count: int) -> None:
        self.records[kind] = count

    def planned(self, plan: Plan, writes: int) -> None:
        self.estimated, self.writes = plan.estimate.requests, writes
        self.sent_before_plan = self.sent
        self.text = f"writing {writes} products"

    def batch(self, target: TargetName, number: int, of: int) -> None:
        self.batches[target] = (number, of)

    def outcome(self, outcome: Outcome) -> None:
        target = outcome.change.target
        self.outcomes[target][outcome.status.value] += 1
        self.current[target] = f"{outcome.change.sku}  {outcome.change.key.kind.value}"

    def stopped(self, target: TargetName, error: Exception) -> None:
        self.troubles.append(f"{target.value} stopped: {error}")


class PlainProgress(Progress):
    """A line at each new part, on stderr: for pipes and logs of a scheduler."""

    def _line(self, text: str) -> None:
        # Whoever watched may have gone; the run goes on without.
        with suppress(OSError):
            print(f"{lasted(time.monotonic() - self.started):>10}  {text}", file=sys.stderr)  # noqa: T201 (progress)

    def phase(self, text: str) -> None:
        super().phase(text)
        self._line(text)

    def planned(self, plan: Plan, writes: int) -> None:
        super().planned(plan, writes)
        self._line(f"{len(plan.changes)} changes, {plan.estimate.requests} requests at most")

    def batch(self, target: TargetName, number: int, of: int) -> None:
        super().batch(target, number, of)
        self._line(f"{target.value}: batch {number} of {of}")

    def stopped(self, target: TargetName, error: Exception) -> None:
        super().stopped(target, error)
        self._line(self.troubles[-1])


class LoggedProgress(PlainProgress):
    """Every request and change as a log event."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        import structlog

        self._log: Any = structlog.get_logger()

    def _event(self, name: str, *, level: str = "info", **facts: object) -> None:
        with suppress(OSError):
            getattr(self._log, level)(name, **facts)

    def request(self, event: RequestEvent, /) -> None:
        super().request(event)
        self._event(
            "request",
            target=event.target,
            method=event.method,
            path=event.path,
            status=event.status,
            ms=round(event.duration * 1000),
            waited_ms=round(event.wait * 1000),
            attempt=event.attempt,
            verdict=event.verdict,
        )

    def outcome(self, outcome: Outcome) -> None:
        super().outcome(outcome)
        change = outcome.change
        self._event(
            "change",
            key=str(change.key),
            action=change.action.value,
            reason=change.reason.value,
            status=outcome.status.value,
            detail=outcome.detail or None,
        )

    def decided(self, result: ProductResult) -> None:
        for target, verdict in result.verdicts.items():
            if not verdict.status.agrees:
                self._event(
                    "product",
                    level="warning",
                    sku=result.sku,
                    target=target.value,
                    status=verdict.status.value,
                    error=verdict.error,
                )


class LiveProgress(Progress):
    """A display that is redrawn in place."""

    def __rich__(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        elapsed = lasted(time.monotonic() - self.started)
        left = self.seconds_left()
        rest = f", about {lasted(left)} left" if left else ""
        grid.add_row(Text("now", "dim"), Text(f"{self.text}  ({elapsed}{rest})", "bold"))
        if self.records:
            read = "  ".join(f"{kind.value} {count}" for kind, count in self.records.items())
            grid.add_row(Text("read", "dim"), Text(read))
        for target in TargetName:
            if target in self.batches:
                grid.add_row(Text(target.value, "dim"), self._lane(target))
        grid.add_row(Text("window", "dim"), self._gauge())
        for trouble in self.troubles[-2:]:
            grid.add_row(Text("!", "bold red"), Text(trouble, "red"))
        return grid

    def _lane(self, target: TargetName) -> Any:
        from rich.text import Text

        number, of = self.batches[target]
        counts = self.outcomes[target]
        good = counts["applied"]
        bad = sum(counts.values()) - good
        line = Text(f"batch {number} of {of}  ")
        line.append(f"{good} written", "green")
        if bad:
            line.append(f"  {bad} not", "red")
        line.append(f"  {self.current.get(target, '')}", "dim")
        return line

    def _gauge(self) -> Any:
        from rich.text import Text

        used = self.in_window()
        width = 30
        full = min(round(used / self._limit * width), width)
        bar = Text("█" * full, "cyan")
        bar.append("░" * (width - full), "dim")
        bar.append(f"  {used} of {self._limit} requests in {self._window:g} s")
        return bar


@contextmanager
def watching(settings: Settings, *, quiet: bool, verbose: bool) -> Iterator[Progress]:
    """Show progress on stderr for the length of a block, in the way that fits where it goes."""
    if verbose:
        yield LoggedProgress(settings)
    elif quiet:
        yield Progress(settings)
    elif not sys.stderr.isatty():
        yield PlainProgress(settings)
    else:
        from rich.live import Live

        live = LiveProgress(settings)
        shown = Live(live, console=console(error=True), refresh_per_second=8, transient=True)
        with shown:
            yield live
