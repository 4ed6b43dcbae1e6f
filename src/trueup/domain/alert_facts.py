"""Facts that alerts are derived from, as the ledger and the queue of jobs know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from trueup.domain.jobs import Ending, JobKind


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last run over everything ended; `exit_code` is 1 where nobody knows better."""

    ending: Ending
    at: datetime
    message: str = ""
    run_id: str = ""
    exit_code: int = 1


@dataclass(frozen=True, slots=True)
class Held:
    """How many products wait for a person, and since when the first of them."""

    products: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """What is left alone; `target` is `crm`, `billing`, or `token` for the token endpoint."""

    target: str
    since: datetime
    until: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Failing:
    """A product that fails now, and in how many runs of the last 24 hours it did."""

    sku: str
    runs: int
    error: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """The last verification: how many products differ of which nothing else is known."""

    at: datetime
    products: int
    differing: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Jobs of the workspace that are due: how many, and since when the first."""

    jobs: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that conditions are derived from.

    `last` is the run over everything, by a job or by hand, `others` are the jobs of other kinds.
    `good_at` is when a run over everything last went well, `watched_since` from when on there has
    been a schedule. `busy` says that a job of the workspace is under way.
    """

    now: datetime
    last: Ended | None = None
    others: Mapping[JobKind, Ended] = field(default_factory=dict)
    good_at: datetime | None = None
    watched_since: datetime | None = None
    held: Held | None = None
    pauses: tuple[Pause, ...] = ()
    failing: tuple[Failing, ...] = ()
    verified: Verified | None = None
    waiting: Waiting | None = None
    busy: bool = False
    workers: int = 1
