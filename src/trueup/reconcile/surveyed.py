"""What a look at both sides gave, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from trueup.domain.changes import Change
from trueup.domain.errors import TargetStoppedError
from trueup.domain.guards import FieldKey, Held, Violation
from trueup.domain.plan import Estimate, Plan
from trueup.domain.records import TargetName
from trueup.planner.draft import ProductDraft
from trueup.planner.estimate import count_requests


@dataclass(slots=True)
class Survey:
    """What looking at both sides gave, and what the guards say to it.

    `drafts` are the products that need something, were refused or could not be compared; `looked`
    counts all that were due and `agreed` those that need nothing. `leftovers` retire shared
    devices that no product includes any more, `held_leftovers` those that wait for a person.
    `outgrown` are fields on which the catalogue wants something else by now than what a person
    refused. `stopped` says which target could not be read.
    """

    started: datetime
    catalogue_size: int = 0
    looked: int = 0
    agreed: int = 0
    drafts: list[ProductDraft] = field(default_factory=list)
    planned_leftovers: list[Change] = field(default_factory=list)
    leftovers: list[Change] = field(default_factory=list)
    held_leftovers: list[Held] = field(default_factory=list)
    violations: tuple[Violation, ...] = ()
    outgrown: frozenset[FieldKey] = frozenset()
    stopped: dict[TargetName, TargetStoppedError] = field(default_factory=dict)

    def plan(self, *, batch_size: int, rate: float) -> Plan:
        """The survey as a plan that can be shown, stored and compared; `rate` in requests/s."""
        free = [c for d in self.drafts for c in d.changes] + self.leftovers
        requests = count_requests(free, batch_size)
        return Plan(
            tuple(free) + tuple(held.change for held in self.held),
            tuple(f for d in self.drafts for f in d.findings),
            self.violations,
            self.held,
            Estimate(requests, requests / rate),
            self.looked,
            self.agreed,
        )

    @property
    def held(self) -> tuple[Held, ...]:
        """All that waits for a person."""
        return tuple(one for d in self.drafts for one in d.held) + tuple(self.held_leftovers)
