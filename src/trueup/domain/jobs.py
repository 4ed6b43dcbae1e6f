"""Jobs: pieces of work that somebody asked for, written down before anybody does them.

A schedule, the cron endpoint, a person or a change in the catalogue asks; a worker claims the job,
carries it out and writes down how it ended. A job is a hint to look (level, not edge): carried out
twice, it finds the second time that nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Final, Self

from trueup.domain.records import TargetName
from trueup.domain.runs import Trigger


class JobKind(StrEnum):
    """What is to be done."""

    SYNC = "sync"  # plan and apply what is due
    VERIFY = "verify"  # compare everything, write to no target
    REPORT = "report"  # verify, and send the verdict to people
    PRUNE = "prune"  # remove history that is past its time
    DRIFT = "drift"  # compare everything and keep what differs, write to no target
    DUPLICATES = "duplicates"  # find records that are one thing twice
    APPROVE = "approve"  # carry out held changes that a person let pass
    REVERT = "revert"  # take a run back
    ADOPT = "adopt"  # bind a remote record to a product


# What may be asked for again and again by a schedule; the others name what a person wants once.
RECURRING: Final = (
    JobKind.SYNC, JobKind.VERIFY, JobKind.DRIFT, JobKind.REPORT, JobKind.PRUNE,
)  # fmt: skip


class JobState(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


class Ending(StrEnum):
    """How a job came to its end."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"  # something failed, or was left undone
    HELD = "held"  # all else is done; a person decides on the rest
    FAILED = "failed"
    DIFFERS = "differs"  # a verification found a difference
    CANCELLED = "cancelled"


class Priority(IntEnum):
    """Who goes first; a person's job also makes a running one of nobody give way."""

    HOUSEKEEPING = 0
    SCHEDULE = 20
    WATCH = 30
    CRON = 50
    PERSON = 100


@dataclass(frozen=True, slots=True)
class Terms:
    """What a job is limited to. No SKUs: what is due. `force` looks at them whenever verified.

    What a person asked for by name: `held` are the numbers of held changes (an approval),
    `takes_back` a run and `exactly` the marks of the changes that were shown of it (a revert; None:
    whatever it comes to), `remote_id` and `part` a record (an adoption), `reason` their words.
    """

    skus: tuple[str, ...] = ()
    targets: tuple[TargetName, ...] = tuple(TargetName)
    max_products: int | None = None
    dry_run: bool = False
    force: bool = False
    held: tuple[int, ...] = ()
    takes_back: str = ""
    exactly: tuple[str, ...] | None = None
    remote_id: str = ""
    part: str = ""
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the database. What only some kinds of jobs have is left out of the others."""
        named = {
            "held": list(self.held) or None,
            "takes_back": self.takes_back,
            "exactly": None if self.exactly is None else list(self.exactly),
            "remote_id": self.remote_id,
            "part": self.part,
            "reason": self.reason,
        }
        return {
            "skus": list(self.skus),
            "targets": [target.value for target in self.targets],
            "max_products": self.max_products,
            "dry_run": self.dry_run,
            "force": self.force,
            # None of the changes is another wish than all of them.
            **{name: value for name, value in named.items() if value not in (None, "")},
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of `as_json`; what is missing has its default."""
        return cls(
            skus=tuple(given.get("skus", ())),
            targets=tuple(TargetName(name) for name in given.get("targets", list(TargetName))),
            max_products=given.get("max_products"),
            dry_run=bool(given.get("dry_run", False)),
            force=bool(given.get("force", False)),
            held=tuple(given.get("held", ())),
            takes_back=given.get("takes_back", ""),
            exactly=None if given.get("exactly") is None else tuple(given["exactly"]),
            remote_id=given.get("remote_id", ""),
            part=given.get("part", ""),
            reason=given.get("reason", ""),
        )


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What somebody asks for.

    `schedule` and `slot` name an occurrence of a schedule, the slot by its local wall time
    (`2026-10-25T02:00`): it can be asked for once, ever. `merge` names jobs of which one that
    waits is enough: a second request adds its SKUs to the first.
    """

    workspace: str
    kind: JobKind
    trigger: Trigger
    priority: Priority
    terms: Terms = field(default_factory=Terms)
    schedule: str = ""
    slot: str = ""
    planned_at: datetime | None = None
    merge: str = ""
    asked_by: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the queue keeps it. `attempt` counts the claims, and fences off earlier ones.

    `run_id` is the last run that was made for it. `report` is what whoever asked wants to read.
    """

    job_id: int
    request: JobRequest
    state: JobState
    asked_at: datetime
    not_before: datetime | None = None
    attempt: int = 0
    worker: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    run_id: str = ""
    ending: Ending | None = None
    message: str = ""
    cancelled_by: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How one attempt at a job went. Without an `ending` it is to be continued, by anybody.

    `wait` seconds should pass before it is: the run lock is somebody else's.
    """

    ending: Ending | None
    run_id: str = ""
    message: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    wait: float = 0.0


class Word(StrEnum):
    """What a worker is told about the job it is at."""

    CANCEL = "cancel"  # a person wants it stopped
    GIVE_WAY = "give_way"  # a person's job waits: hand this one back
    LOST = "lost"  # it was taken for dead, and is somebody else's by now
