"""The memory between runs, and the right to write to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trueup.domain.changes import Change, Outcome
from trueup.domain.records import (
    Binding,
    DesiredRecord,
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    TargetName,
)
from trueup.domain.runs import ProductResult, Run


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write: a lease's number, checked with every durable outcome."""

    name: str
    epoch: int


class Lease(Protocol):
    """A held run lock with a heartbeat."""

    fence: Fence

    def check(self) -> None:
        """Raise `LeaseLostError` when the lock may be somebody else's by now."""
        ...


class Ledger(Protocol):
    """The memory between runs: bindings, intents, outcomes, standings, runs."""

    def begin(self, run: Run, fence: Fence) -> None:
        """Write a run down before it does anything; marks a dead predecessor as interrupted."""
        ...

    def finish(self, run: Run, fence: Fence) -> None:
        """Write down how a run ended, also in the predecessor's run log."""
        ...

    def last_run(self) -> Run | None:
        """The newest finished run, whatever became of it."""
        ...

    def bindings(self, owners: Collection[str], codes: Collection[RecordKey]) -> list[Binding]:
        """The bindings of these offerings, and those with these keys."""
        ...

    def some_bindings(self, kind: Kind, most: int) -> list[Binding]:
        """A few of the bindings of a kind, whichever; none when there are none."""
        ...

    def shared_bindings(self) -> list[Binding]:
        """The bindings of shared devices."""
        ...

    def missing_owners(self) -> Iterator[tuple[str, int, list[Binding]]]:
        """Offerings with records, that the catalogue no longer has: id, runs missed, bindings.

        A create whose outcome is not known counts: its binding has no remote id.
        """
        ...

    def note_absences(self, run_id: str, fence: Fence) -> None:
        """Count one more run for each missing offering, and forget those that came back."""
        ...

    def intents(self, kinds: Collection[Kind]) -> list[Intent]:
        """The creates whose answers are unknown."""
        ...

    def observe(self, reading: str, kind: Kind, records: Iterable[RemoteRecord]) -> int:
        """Keep what was read of a kind under the name of a reading; returns how many."""
        ...

    def candidates(
        self, reading: str, desired: Sequence[DesiredRecord], bindings: Sequence[Binding]
    ) -> list[RemoteRecord]:
        """The observed records that could be these: by bound id, own id, code or name."""
        ...

    def forget(self, reading: str) -> None:
        """Drop a reading."""
        ...

    def intend(self, changes: Sequence[Change], run_id: str, fence: Fence) -> None:
        """Write down what is about to be sent; raises `LeaseLostError` when fenced off."""
        ...

    def record(self, outcomes: Sequence[Outcome], run_id: str, fence: Fence) -> None:
        """Make outcomes durable: history, bindings, closed intents, remote ids for old screens."""
        ...

    def remote_id(self, key: RecordKey) -> str | None:
        """The remote id bound to a key."""
        ...

    def settle(
        self, results: Sequence[ProductResult], run_id: str, fence: Fence, at: datetime
    ) -> None:
        """Remember how products stand, with back-off, also in the predecessor's columns."""
        ...

    def release(
        self,
        owners: Collection[str],
        targets: Collection[TargetName] = ...,
        *,
        due: bool = True,
    ) -> int:
        """Lift back-off and quarantine of offerings; with `due` they are due at once."""
        ...

    def rate_limited(self, owners: Collection[str], target: TargetName, message: str) -> None:
        """A target refused for too many requests while it was the turn of these offerings."""
        ...
