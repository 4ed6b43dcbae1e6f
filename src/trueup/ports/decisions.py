"""What people decide about held changes. It needs no run lock: it only speaks to later runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from trueup.domain.waiting import Waiting
from trueup.ports.guardbook import Decision


class Decisions(Protocol):
    """The held changes, and what people say to them."""

    def waiting(self) -> list[Waiting]:
        """What is open or approved, the oldest first."""
        ...

    def of_run(self, run_id: str) -> list[Waiting]:
        """What a run held, whatever became of it; what was rejected only while that counts."""
        ...

    def find(self, numbers: Collection[int]) -> list[Waiting]:
        """These held changes, as they stand now."""
        ...

    def approve(self, seen: Sequence[Waiting], decision: Decision) -> frozenset[int]:
        """Let them pass; what stands otherwise than it was seen is left alone.

        Returns the numbers of those that were decided. A refusal of their values is lifted.
        """
        ...

    def reject(self, seen: Sequence[Waiting], decision: Decision) -> frozenset[int]:
        """Refuse their values until the catalogue wants others; as `approve` otherwise."""
        ...

    def outdate(self, numbers: Collection[int]) -> None:
        """These were approved, and there is no such change any more."""
        ...
