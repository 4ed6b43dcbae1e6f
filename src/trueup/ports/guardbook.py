"""What guards must know, and what people decide."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trueup.domain.changes import Change
from trueup.domain.guards import Evidence, FieldKey, GuardLimits, Held
from trueup.domain.records import (
    FieldValue,
    TargetName,
)
from trueup.ports.ledger import Fence


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided, why, and until when it counts (None: until it is done with)."""

    by: str
    note: str = ""
    expires_at: datetime | None = None


class Guardbook(Protocol):
    """What guards must know, what waits for a person, and what people have decided."""

    def evidence(self, changes: Sequence[Change], now: datetime, limits: GuardLimits) -> Evidence:
        """What judging these changes needs to know; approvals that have expired do not count."""
        ...

    def approve(self, held: Sequence[Held], run_id: str, fence: Fence, decision: Decision) -> None:
        """A person let these changes pass in this very run."""
        ...

    def hold(self, held: Sequence[Held], run_id: str, fence: Fence) -> None:
        """Keep what waits for a person. What waited under the same key in another form is stale."""
        ...

    def passed(self, changes: Sequence[Change], run_id: str, fence: Fence) -> None:
        """These changes were carried out: decisions and waiting changes on them are done with."""
        ...

    def tidy(self, since: datetime, fence: Fence) -> None:
        """What waits for products that were found, or put, in order since then is stale."""
        ...

    def lift(self, fields: Collection[FieldKey], fence: Fence) -> None:
        """Nothing is refused on these fields any more."""
        ...

    def establish(self, targets: Collection[TargetName], run_id: str, fence: Fence) -> None:
        """All that was wanted at these targets has been created: from now on, many are too many."""
        ...

    def refuse(
        self,
        values: Mapping[FieldKey, FieldValue],
        run_id: str,
        fence: Fence,
        decision: Decision,
    ) -> None:
        """A person does not want these values: a change that would write one is held."""
        ...
