"""How far a run has come, for whoever watches it from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

# Used at run time too, by whoever reads these values back.
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus


@dataclass(frozen=True, slots=True)
class Lane:
    """What has become of the changes at one target; `batch` of `batches` is being sent."""

    batch: int = 0
    batches: int = 0
    written: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A product that was decided at a target."""

    sku: str
    target: TargetName
    status: ProductStatus
    error: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Something that a run said; `grave` is what somebody should read."""

    at: datetime
    text: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run on its way. `read` counts records by kind, `compared` products that were decided.

    `changes`, `products` and `requests` are those of the plan, 0 before there is one; `sent` counts
    requests, `sent_before_plan` those of them that were for reading. `answers` counts what came
    back, by target and kind of answer. `finished` has the last products, the newest first; `log`
    what was said, the oldest first.
    """

    phase: str = ""
    read: Mapping[str, int] = field(default_factory=dict)
    compared: int = 0
    changes: int = 0
    products: int = 0
    requests: int = 0
    sent: int = 0
    sent_before_plan: int = 0
    planned_at: datetime | None = None
    lanes: Mapping[TargetName, Lane] = field(default_factory=dict)
    finished: tuple[Finished, ...] = ()
    troubles: tuple[str, ...] = ()
    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    log: tuple[Line, ...] = ()

    @property
    def done(self) -> int:
        """Changes that were carried out, or failed."""
        return sum(lane.written + lane.failed for lane in self.lanes.values())

    def seconds_left(self, limit: int, window: float, writing: float = 0) -> float | None:
        """About how long it will still take; None without a plan.

        What is left of the plan's requests, at `limit` in `window` seconds; or longer, by the pace
        of what is done, when it has been `writing` for so many seconds. An estimate: a plan does
        not know what will be sent again, or looked up.
        """
        if not self.requests:
            return None
        left = self.requests - (self.sent - self.sent_before_plan)
        by_limit = max(left, 0) * window / limit
        by_pace = writing / self.done * max(self.changes - self.done, 0) if self.done else 0.0
        return max(by_limit, by_pace)
