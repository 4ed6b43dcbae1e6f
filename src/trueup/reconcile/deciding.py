"""What a person decides about held changes, and carrying out at once what was approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trueup.domain.guards import Rule
from trueup.domain.records import TargetName
from trueup.domain.runs import RunState, Trigger
from trueup.domain.waiting import HeldState, Waiting
from trueup.planner.due import Look
from trueup.ports import Decision, Decisions
from trueup.reconcile.applying import Brake
from trueup.reconcile.orders import GoesOn, Order, nobody
from trueup.reconcile.running import Report, run
from trueup.reconcile.scope import Scope, Workshop


@dataclass(frozen=True, slots=True)
class Choice:
    """The held changes that a person means: of these products, by these guards; empty for all."""

    skus: tuple[str, ...] = ()
    rules: frozenset[Rule] = frozenset()

    def takes(self, one: Waiting) -> bool:
        """Whether it means this one."""
        named = {sku.casefold() for sku in self.skus}
        return (not named or one.sku.casefold() in named) and (
            not self.rules or not self.rules.isdisjoint(one.rules)
        )

    def to_approve(self, held: Sequence[Waiting]) -> list[Waiting]:
        """What may be approved, and what is and waits for a run.

        What somebody rejected is meant only by who names its product.
        """
        states = {HeldState.OPEN, HeldState.APPROVED}
        states |= {HeldState.REJECTED} if self.skus else set()
        return [one for one in held if one.state in states and self.takes(one)]

    def to_reject(self, held: Sequence[Waiting]) -> list[Waiting]:
        """What may be rejected; an approval is taken back by it."""
        states = (HeldState.OPEN, HeldState.APPROVED)
        return [one for one in held if one.state in states and self.takes(one)]


@dataclass(frozen=True, slots=True)
class Decided:
    """Held changes as they stand after a decision.

    `overtaken` are those that moved, or that somebody else decided, a moment before. `report` is
    the run that carried out what was approved; None where none was asked for.
    """

    changes: tuple[Waiting, ...]
    overtaken: tuple[Waiting, ...] = ()
    report: Report | None = None

    def count(self, state: HeldState) -> int:
        """How many of them stand so."""
        return sum(1 for one in self.changes if one.state is state)


def approve(
    decisions: Decisions, seen: Sequence[Waiting], decision: Decision, now: datetime
) -> Decided:
    """Let these pass in the next run; those that are approved already stay as they are."""
    asked = [one for one in seen if not one.approved(now)]
    decisions.approve(asked, decision)
    return _as_they_stand(decisions, seen, HeldState.APPROVED)


def reject(decisions: Decisions, seen: Sequence[Waiting], decision: Decision) -> Decided:
    """Refuse these until the catalogue wants something else."""
    decisions.reject(seen, decision)
    return _as_they_stand(decisions, seen, HeldState.REJECTED)


def yes_for(now: datetime, by: str, note: str, seconds: float) -> Decision:
    """A yes that counts for so many seconds (`guards.approval_expires`)."""
    return Decision(by, note.strip(), now + timedelta(seconds=seconds))


def carry_out(
    shop: Workshop,
    decisions: Decisions,
    approved: Decided,
    brake: Brake,
    *,
    resumes: str = "",
    goes_on: GoesOn = nobody,
) -> Decided:
    """Make exactly the approved changes, in a run over their products.

    One that cannot be met any more is stale. What could not be tried, because another run holds the
    lock or a target cannot be reached, stays approved: the next run makes it. `resumes` and
    `goes_on` are those of the run's `Order`.
    """
    order = replace(_order(approved.changes), resumes=resumes, goes_on=goes_on)
    report = run(shop, order, brake)
    if report.error is None and report.run.state is not RunState.ALREADY_RUNNING:
        moved = [one.number for one in approved.changes if one.fingerprint in report.moved]
        decisions.outdate(moved)
    left = decisions.find([one.number for one in approved.changes])
    return Decided(tuple(left), approved.overtaken, report)


def _order(changes: Sequence[Waiting]) -> Order:
    """A shared device belongs to no product: who retires one looks at all of them."""
    skus = {one.sku for one in changes} if all(one.owner for one in changes) else set()
    wanted = {one.target for one in changes}
    targets = tuple(target for target in TargetName if target in wanted)
    scope = Scope(targets, tuple(sorted(skus)), look=Look.EVERYTHING)
    exactly = [one.as_json() for one in changes]
    return Order(scope, Trigger.APPROVAL, exactly, bounded=False)


def _as_they_stand(decisions: Decisions, seen: Sequence[Waiting], wanted: HeldState) -> Decided:
    now = decisions.find([one.number for one in seen])
    done = tuple(one for one in now if one.state is wanted)
    return Decided(done, tuple(one for one in now if one.state is not wanted))
