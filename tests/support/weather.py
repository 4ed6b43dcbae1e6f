"""Bad weather for the memory twins: targets that fail by script, a ledger whose process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from support.memory_ledger import MemoryLedger
from support.memory_target import Fault, MemoryTarget, Result
from trueup.domain.changes import Change, Outcome
from trueup.domain.errors import TargetDownError
from trueup.domain.records import Kind, RecordKey, RemoteRecord, TargetName
from trueup.domain.runs import ProductResult, Run
from trueup.ports import Fence

Trouble = Fault | Literal["down", "fine"]
TROUBLES: tuple[Trouble, ...] = (
    "fine",
    "refuse",
    "throttle",
    "lost_before",
    "lost_after",
    "partial",
    "down",
)


class KilledError(BaseException):
    """The process is gone: nothing more of it is written."""


@dataclass
class MortalLedger(MemoryLedger):
    """A ledger whose process dies at the n-th outcome; `revive` starts the next process."""

    dies_in: int | None = None
    dead: bool = False

    def revive(self) -> None:
        self.dies_in, self.dead = None, False

    def record(self, outcomes: Sequence[Outcome], run_id: str, fence: Fence) -> None:
        if self.dies_in is not None:
            self.dies_in -= 1
            self.dead = self.dead or self.dies_in < 0
        self._breathe()
        super().record(outcomes, run_id, fence)

    def intend(self, changes: Sequence[Change], run_id: str, fence: Fence) -> None:
        self._breathe()
        super().intend(changes, run_id, fence)

    def settle(
        self, results: Sequence[ProductResult], run_id: str, fence: Fence, at: datetime
    ) -> None:
        self._breathe()
        super().settle(results, run_id, fence, at)

    def finish(self, run: Run, fence: Fence) -> None:
        self._breathe()
        super().finish(run, fence)

    def _breathe(self) -> None:
        if self.dead:
            raise KilledError


class WeatheredTarget(MemoryTarget):
    """A memory target with a script of troubles, one per request, and a memory of what was sent."""

    def __init__(self, name: TargetName, *, batch_size: int = 20) -> None:
        super().__init__(name, batch_size=batch_size)
        self.script: list[Trouble] = []
        self.unreadable = False
        self.sent: list[Change] = []

    def clear_up(self) -> None:
        """Good weather from now on."""
        self.script, self.unreadable = [], False

    def records(self, kind: Kind) -> Iterator[RemoteRecord]:
        for number, record in enumerate(super().records(kind)):
            if self.unreadable and number:
                raise TargetDownError(f"{self.name} does not answer")
            yield record
        if self.unreadable:
            raise TargetDownError(f"{self.name} does not answer")

    def apply(
        self, changes: Sequence[Change], remote_id: Callable[[RecordKey], str | None]
    ) -> list[Result]:
        trouble = self.script.pop(0) if self.script else "fine"
        if trouble == "down":
            raise TargetDownError(f"{self.name} does not answer")
        if trouble != "fine":
            self.fail(trouble)
        self.sent += changes
        return super().apply(changes, remote_id)


def prices_in(changes: Sequence[Change]) -> set[Decimal]:
    """Every amount that changes carry."""
    return {v for c in changes for v in c.after.values() if isinstance(v, Decimal)}
