"""Runs: one plan-and-apply pass as it is remembered and reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from trueup.domain.records import TargetName


class Trigger(StrEnum):
    """Who asked for a run."""

    CLI = "cli"
    SCHEDULE = "schedule"
    CRON = "cron"
    BACKFILL = "backfill"
    RESYNC = "resync"
    REPAIR = "repair"
    DEMO = "demo"
    APPROVAL = "approval"
    REVERT = "revert"
    ADOPT = "adopt"
    WATCH = "watch"  # the catalogue changed


class RunState(StrEnum):
    """How a run stands, or ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    HELD = "held"
    INTERRUPTED = "interrupted"  # its process died, or handed it over; the next run continued
    ALREADY_RUNNING = "already_running"  # nothing was done


class ProductStatus(StrEnum):
    """How one product stands at one target after a run."""

    OK = "ok"  # written, and agrees
    UNCHANGED = "unchanged"  # found equal
    FAILED = "failed"
    HELD = "held"  # a person must look first
    DEFERRED = "deferred"  # due, but not reached in this run
    SKIPPED = "skipped"  # refused by a finding, or nothing is wanted there

    @property
    def agrees(self) -> bool:
        """Whether the target says what the catalogue says."""
        return self in (ProductStatus.OK, ProductStatus.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one product stands at one target, and why if it does not agree."""

    status: ProductStatus
    error: str | None = None
    permanent: bool = False  # quarantined until the row, the mapping or a person changes something


@dataclass(frozen=True, slots=True)
class ProductResult:
    """What a run decided about one product."""

    offering_id: str
    sku: str
    name: str
    revision: str
    verdicts: Mapping[TargetName, Verdict]


@dataclass(slots=True)
class Tally:
    """The counts of a run; `as_summary` has the names that other people's scripts read."""

    total_candidates: int = 0
    processed: int = 0
    findings: int = 0
    _by: Counter[tuple[TargetName, ProductStatus]] = field(default_factory=Counter)
    _products: Counter[ProductStatus] = field(default_factory=Counter)

    def add(self, result: ProductResult) -> None:
        """Count one decided product."""
        statuses = [v.status for v in result.verdicts.values()]
        for target, verdict in result.verdicts.items():
            self._by[target, verdict.status] += 1
        for status in (ProductStatus.HELD, ProductStatus.DEFERRED, ProductStatus.FAILED):
            self._products[status] += status in statuses
        for status in (ProductStatus.SKIPPED, ProductStatus.UNCHANGED):
            self._products[status] += bool(statuses) and all(s is status for s in statuses)
        self.processed += any(s is not ProductStatus.DEFERRED for s in statuses)

    def at(self, target: TargetName, *statuses: ProductStatus) -> int:
        """How many products stand so at a target."""
        return sum(self._by[target, status] for status in statuses)

    def products(self, status: ProductStatus) -> int:
        """Products held, deferred or failed at any target; skipped or unchanged at all of them."""
        return self._products[status]

    def as_summary(self) -> dict[str, int]:
        """The summary of spec §3.2."""
        good = (ProductStatus.OK, ProductStatus.UNCHANGED)
        return {
            "totalCandidates": self.total_candidates,
            "processed": self.processed,
            "crmSucceeded": self.at(TargetName.CRM, *good),
            "crmFailed": self.at(TargetName.CRM, ProductStatus.FAILED),
            "billingSucceeded": self.at(TargetName.BILLING, *good),
            "billingFailed": self.at(TargetName.BILLING, ProductStatus.FAILED),
            "skipped": self.products(ProductStatus.SKIPPED),
            "unchanged": self.products(ProductStatus.UNCHANGED),
            "held": self.products(ProductStatus.HELD),
            "deferred": self.products(ProductStatus.DEFERRED),
            "findings": self.findings,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger keeps it."""

    run_id: str
    trigger: Trigger
    state: RunState
    started_at: datetime
    finished_at: datetime | None = None
    fingerprint: str = ""
    summary: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    catalogue_size: int | None = None
    resumes: str = ""  # the interrupted run that it continues
    violations: Sequence[Mapping[str, Any]] = ()  # as `trueup plan --json` shows them

    @property
    def duration_ms(self) -> int:
        """How long it took; 0 while it runs."""
        if self.finished_at is None:
            return 0
        return round((self.finished_at - self.started_at).total_seconds() * 1000)
