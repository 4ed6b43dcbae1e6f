"""Schedules: when which job is due, in a company's own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trueup.domain.jobs import JobKind

NIGHTLY = "nightly"
HOUSEKEEPING = "housekeeping"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A named cron expression in an IANA zone; its name is part of each slot's identity."""

    name: str
    kind: JobKind
    cron: str
    zone: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One slot of a schedule: `slot` is the local wall time, `at` the instant in UTC.

    `shifted` says that the wall time does not exist on that day: the clocks skipped it. `repeated`
    says that they show it twice: the first time is meant.
    """

    slot: str
    at: datetime
    shifted: bool = False
    repeated: bool = False
