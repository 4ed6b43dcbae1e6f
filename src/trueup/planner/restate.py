"""The same price in another VAT basis is no change (spec §6).

A catalogue may begin to state its prices without VAT instead of with it: 899.00 becomes 781.74,
and nobody pays another amount. Each record remembers, in its terms, the basis in which its money
was last written. Where the row now speaks in the other one, its price is converted into the
remembered basis; what differs by a cent at most is left as it was written.

Where `vat.basis` is set, what is sent is always in one basis, and a restatement shows as the cent
that converting there and back may cost. The terms then remember how the row had stated it as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from trueup.domain.money import CENT, cents
from trueup.domain.offering import Offering
from trueup.domain.records import Binding, DesiredRecord, Fields, FieldValue, Kind, Slot
from trueup.planner.mapping import FieldMap
from trueup.planner.reading import CatalogueRules

SENT, STATED = "vat_inclusive", "stated_inclusive"
PRICE, TERM = "recurring_price", "term_months"


@dataclass(frozen=True, slots=True)
class Basis:
    """Whether amounts include VAT: those that were sent, and those that the row states.

    None where it is not known.
    """

    sent: bool | None
    stated: bool | None

    @classmethod
    def of(cls, offering: Offering, rules: CatalogueRules) -> Basis:
        """The basis of a product's prices now."""
        stated = offering.vat_inclusive
        if stated is None or rules.vat_basis is None:
            return cls(stated, stated)
        return cls(rules.vat_basis == "inclusive", stated)

    @classmethod
    def remembered(cls, terms: Fields) -> Basis:
        """The basis in which a record's money was last written."""
        sent = _known(terms.get(SENT))
        return cls(sent, _known(terms.get(STATED, sent)))

    @property
    def terms(self) -> dict[str, FieldValue]:
        """What a record remembers of it."""
        apart = {} if self.stated is self.sent else {STATED: self.stated}
        return {SENT: self.sent, **apart}


class Restater:
    """Tells a restatement from a change, under one mapping and one way to read prices."""

    def __init__(self, mapping: FieldMap, rules: CatalogueRules) -> None:
        self._money = {kind: tuple(mapping.money(kind)) for kind in Kind}
        self._rules = rules

    def basis(self, offering: Offering) -> Basis:
        """The basis of a product's prices now."""
        return Basis.of(offering, self._rules)

    def in_basis_of(self, terms: Fields, amount: Decimal, now: Basis) -> Decimal:
        """An amount of now in the basis that a record remembers; as it is where one is unknown."""
        return self._converted(amount, now.sent, Basis.remembered(terms).sent)

    def may_say_the_same(self, terms: Fields, began: Decimal, price: Decimal, now: Basis) -> bool:
        """Whether a price is lower by exactly the VAT while a basis is not known.

        It may be another price: it is written, but existing customers need no plan of their own.
        A price that is higher by the VAT's round number is simply a higher price.
        """
        if now.sent is not None and Basis.remembered(terms).sent is not None:
            return False
        return price < began and abs(cents(price * (1 + self._rules.vat_rate)) - began) <= CENT

    def record(
        self, record: DesiredRecord, offering: Offering, binding: Binding | None
    ) -> DesiredRecord:
        """A desired record with its terms.

        The amounts that only another basis changes are left as they were written.
        """
        if record.slot is Slot.DEVICE or not self._money[record.key.kind]:
            return record
        now = self.basis(offering)
        terms = _terms(record, offering, now)
        if binding is None:
            return replace(record, terms=terms) if terms else record
        kept = self._kept(record, binding, now)
        restated = {} if kept else self._restated(terms, binding, now)
        if not (kept or restated or terms):
            return record  # a million records pass here, and few are restated
        fields = {**record.fields, **kept} if kept else record.fields
        return replace(record, fields=fields, terms=terms, restated=restated)

    def _kept(self, record: DesiredRecord, binding: Binding, now: Basis) -> dict[str, Decimal]:
        """The amounts, as they were written, that the row states again in another basis."""
        then = Basis.remembered(binding.terms)
        kept = {}
        for name in self._money[record.key.kind]:
            wanted, written = record.fields.get(name), binding.applied.get(name)
            if not isinstance(wanted, Decimal) or not isinstance(written, Decimal):
                continue
            if wanted != written and self._says_the_same(wanted, now, written, then):
                kept[name] = written
        return kept

    def _says_the_same(self, wanted: Decimal, now: Basis, written: Decimal, then: Basis) -> bool:
        if _differ(now.sent, then.sent):
            return abs(self._converted(wanted, now.sent, then.sent) - written) <= CENT
        return _differ(now.stated, then.stated) and abs(wanted - written) <= CENT

    def _restated(self, terms: Fields, binding: Binding, now: Basis) -> Fields:
        """The terms that change when money is written in another basis than before.

        What the next version is measured by stays the same price, in the new basis.
        """
        before = _began(binding)
        stated: dict[str, FieldValue] = {n: v for n, v in now.terms.items() if v is not None}
        began = before.get(PRICE)
        if PRICE in terms and isinstance(began, Decimal):
            then = Basis.remembered(before)
            stated[PRICE] = self._converted(began, then.sent, now.sent)
        if TERM in terms and before.get(TERM) is None and terms[TERM] is not None:
            stated[TERM] = terms[TERM]  # not known when the version began
        return {n: v for n, v in stated.items() if binding.terms.get(n) != v}

    def _converted(self, amount: Decimal, stated: bool | None, wanted: bool | None) -> Decimal:
        if not _differ(stated, wanted):
            return amount
        factor = 1 + self._rules.vat_rate
        return cents(amount * factor if wanted else amount / factor)


def _began(binding: Binding) -> Fields:
    """The terms of a record; one that was bound before terms were kept began with what it has."""
    price = binding.applied.get(PRICE)
    known = PRICE in binding.terms or price is None
    return binding.terms if known else {**binding.terms, PRICE: price}


def _terms(record: DesiredRecord, offering: Offering, now: Basis) -> Mapping[str, FieldValue]:
    """What a record is measured by later: a plan's price and term, and the basis of its money."""
    if record.key.kind is Kind.BILLING_PLAN:
        return {
            PRICE: offering.recurring.amount,
            TERM: offering.term_months,
            **now.terms,
        }
    return now.terms if now.sent is not None else {}


def _differ(one: bool | None, other: bool | None) -> bool:
    return one is not None and other is not None and one is not other


def _known(value: FieldValue) -> bool | None:
    return value if isinstance(value, bool) else None
