"""Which plan of Billing a product has now: the one that it has, or the next version (spec §6).

    the price moves by less than the threshold       in place, under the same code
    by the threshold or more, or another term        the next version: SKU-V2, SKU-V3, …
    the price that the version began with unknown    the next version
    less by exactly the VAT, the basis not stated    in place: most likely the same price, restated
    a hand edit at Zoho, the catalogue unchanged     in place: that is drift, not a new price
    a record that somebody else made                 in place: taken over and repaired, once a
                                                     person has approved it; it is version 1

A price is measured from the one with which its version was created or adopted, so that many small
steps make a version in the end, and on exact decimals. Versions are the plans bound to a product;
what is called `X-V2` but is bound to the product `X-V2` is none of `X`. A code is never used twice:
the price of a former version comes back as a version of its own. What was begun is finished: when
the answer to the creation of a version was lost, that code is wanted until it is known to exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import count, islice

from trueup.domain.offering import Offering
from trueup.domain.records import (
    ACTIVE,
    Binding,
    DesiredRecord,
    Intent,
    Kind,
    RecordKey,
    Slot,
)
from trueup.domain.threeway import same
from trueup.planner.census import Census
from trueup.planner.mapping import FieldMap, Policy
from trueup.planner.project import retiring
from trueup.planner.restate import PRICE, TERM, Restater
from trueup.planner.succession import taking_over

_NUMBER = re.compile(r"-V([1-9]\d*)")
_FIRST_OF_ITS_OWN = 2  # the first version is called by the SKU alone
_LOOKED_UP = 8  # codes looked up at a time, beyond the versions that are known

# Which of these plans, by casefolded code, are there, bound or about to be made.
Occupied = Callable[[Sequence[DesiredRecord]], AbstractSet[str]]


class Strategy(StrEnum):
    """What a larger price change does in Billing."""

    VERSION = "version"  # a new plan version
    UPDATE = "update"  # the same plan, always
    HOLD = "hold"  # a new plan version, when a person has approved it


@dataclass(frozen=True, slots=True)
class PriceChanges:
    """How price changes are carried out; from the `threshold` on (a fraction) one is large."""

    strategy: Strategy = Strategy.VERSION
    threshold: Decimal = Decimal("0.10")


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """The plan that a product has now: its code, the plan that it takes over from, and why."""

    code: str
    former: Binding | None = None
    why: str = ""


@dataclass(slots=True)
class PlanVersions:
    """Chooses the plans of products, part by part.

    `occupied` is asked once per part, and only when a product of it needs a new version.
    """

    rules: PriceChanges
    mapping: FieldMap
    restater: Restater
    census: Census
    intents: Mapping[RecordKey, Intent] = field(default_factory=dict)
    occupied: Occupied = lambda _: frozenset()
    _begun: dict[str, list[RecordKey]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Sort what was begun by product, once."""
        for key, intent in self.intents.items():
            if key.kind is Kind.BILLING_PLAN and intent.owner:
                self._begun.setdefault(intent.owner, []).append(key)

    def choose(
        self, products: Iterable[tuple[Offering, Sequence[Binding]]]
    ) -> dict[str, PlanChoice]:
        """The plan of each product, by offering id, from what is bound to it."""
        chosen: dict[str, PlanChoice] = {}
        new: list[tuple[Offering, PlanChoice]] = []
        for offering, bindings in products:
            choice = self._choose(offering, [b for b in bindings if b.slot is Slot.PLAN])
            chosen[offering.offering_id] = choice
            if not choice.code:
                new.append((offering, choice))
        return chosen | self._with_codes(new)

    def begun_by(self, owner: str) -> Sequence[RecordKey]:
        """The plans of a product whose creation was sent and never answered."""
        return self._begun.get(owner, ())

    def completed(
        self,
        record: DesiredRecord,
        offering: Offering,
        choice: PlanChoice,
        remembered: Sequence[Binding],
    ) -> DesiredRecord:
        """A desired record with its terms, and a plan with what it takes over from."""
        record = self.restater.record(record, offering, _binding_of(record, remembered))
        if record.slot is not Slot.PLAN or any(b.key == record.key for b in remembered):
            return record
        hold = self.rules.strategy is Strategy.HOLD
        return taking_over(record, choice.former, choice.why if hold else "")

    def _choose(self, offering: Offering, plans: Sequence[Binding]) -> PlanChoice:
        """The plan of one product; an empty code stands for the next one that is free."""
        versions = {n: b for b in plans if (n := version_number(offering.sku, b.key.code))}
        current = current_number(versions)
        begun = self.begun_by(offering.offering_id)
        lost = [n for key in begun if (n := version_number(offering.sku, key.code))]
        if lost and max(lost) > current:
            former = versions.get(current) or _on_sale(plans)
            return PlanChoice(code_of(offering.sku, max(lost)), former)
        if not current:
            return PlanChoice(offering.sku, _on_sale(plans))
        plan = versions[current]
        if why := self._why_another(offering, plan):
            return PlanChoice("", plan if is_active(plan) else _on_sale(plans) or plan, why)
        return PlanChoice(plan.key.code)

    def _why_another(self, offering: Offering, plan: Binding) -> str:
        """Why a product needs another version of its plan, in words; empty when it does not."""
        if self.rules.strategy is Strategy.UPDATE:
            return ""
        began_with, now_with = plan.terms.get(TERM), offering.term_months
        if began_with is not None and now_with is not None and began_with != now_with:
            return f"the contract term changes from {began_with} to {now_with} months"
        name = self._price_field()
        if not name or self._is_written(offering, plan, name):
            return ""
        began = plan.terms.get(PRICE, plan.applied.get(name))
        if not isinstance(began, Decimal) or began <= 0:
            return f"the price with which {plan.key.code} began is not known"
        now = self.restater.basis(offering)
        price = self.restater.in_basis_of(plan.terms, offering.recurring.amount, now)
        if abs(price - began) < self.rules.threshold * began:
            return ""
        if self.restater.may_say_the_same(plan.terms, began, price, now):
            return ""
        return f"{plan.key.code} began with {began}, and the price is {price} now"

    def _price_field(self) -> str:
        """The field that holds the list price of a plan, where the catalogue rules over it."""
        name = self.mapping.field_from(Kind.BILLING_PLAN, "recurring")
        filled = self.mapping.policies(Kind.BILLING_PLAN).get(name) is Policy.FILL
        return "" if filled else name

    def _is_written(self, offering: Offering, plan: Binding, name: str) -> bool:
        """Whether the catalogue still says what we last wrote, whatever somebody made of it."""
        price = offering.recurring.amount
        if same(price, plan.applied.get(name)):
            return True
        wanted = DesiredRecord(
            plan.key, plan.slot, {name: price}, plan.owner, (plan.owner,), plan.sku
        )
        stated = self.restater.record(wanted, offering, plan)
        return same(stated.fields[name], plan.applied.get(name))

    def _with_codes(self, new: Sequence[tuple[Offering, PlanChoice]]) -> dict[str, PlanChoice]:
        """The next free code of each product that needs a version."""
        found: dict[str, PlanChoice] = {}
        numbers = {offering.offering_id: count(_FIRST_OF_ITS_OWN) for offering, _ in new}
        while open_ones := [pair for pair in new if pair[0].offering_id not in found]:
            asked = {
                offering.offering_id: [
                    code_of(offering.sku, n)
                    for n in islice(numbers[offering.offering_id], _LOOKED_UP)
                ]
                for offering, _ in open_ones
            }
            taken = self._taken(open_ones, asked)
            for offering, choice in open_ones:
                codes = asked[offering.offering_id]
                code = next((c for c in codes if c.casefold() not in taken), "")
                if code:
                    found[offering.offering_id] = PlanChoice(code, choice.former, choice.why)
        return found

    def _taken(
        self, products: Sequence[tuple[Offering, PlanChoice]], asked: Mapping[str, Sequence[str]]
    ) -> AbstractSet[str]:
        """Casefolded codes that a plan has, a binding, an unanswered creation, or another SKU."""
        wanted = [
            retiring(RecordKey(Kind.BILLING_PLAN, code), Slot.PLAN, o.offering_id, o.sku)
            for o, _ in products
            for code in asked[o.offering_id]
        ]
        others = {
            record.key.code.casefold()
            for record in wanted
            if record.key in self.intents or self.census.has_version_like(record.key.code)
        }
        return self.occupied(wanted) | others


def version_number(sku: str, code: str) -> int:
    """Which version of a SKU's plan a code names; 0 for a code that names none."""
    if code == sku:
        return 1
    if not code.startswith(sku):
        return 0
    match = _NUMBER.fullmatch(code, len(sku))
    number = int(match[1]) if match else 0
    return number if number >= _FIRST_OF_ITS_OWN else 0


def code_of(sku: str, number: int) -> str:
    """The code of a version: `FIB-100` of the first, then `FIB-100-V2` and so on."""
    return sku if number == 1 else f"{sku}-V{number}"


def current_number(versions: Mapping[int, Binding]) -> int:
    """The version that counts: the highest on sale, else the highest; 0 when there is none."""
    on_sale = [number for number, plan in versions.items() if is_active(plan)]
    return max(on_sale or versions, default=0)


def is_active(plan: Binding) -> bool:
    """Whether a plan is on sale as far as we know: what we last wrote does not say otherwise."""
    return plan.applied.get(ACTIVE[Kind.BILLING_PLAN]) is not False


def _binding_of(record: DesiredRecord, remembered: Sequence[Binding]) -> Binding | None:
    """What we remember of a record; a renamed product keeps its records but for its plan."""
    if record.slot is Slot.PLAN:
        return next((b for b in remembered if b.key == record.key), None)
    place = record.key.kind, record.slot
    return next((b for b in remembered if (b.key.kind, b.slot) == place), None)


def _on_sale(plans: Sequence[Binding]) -> Binding | None:
    """A plan of the product under another SKU, from which a renamed product takes over."""
    active = [plan for plan in plans if is_active(plan)]
    return max(active, key=lambda plan: (len(plan.key.code), plan.key.code), default=None)
