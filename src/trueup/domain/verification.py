"""What a verification says: a row per product, totals, and the digests that chain the reports.

A row's digest is taken over the row as `trueup verify --json` prints it: one line of JSON, its keys
in order, without spaces. Anybody can take it again from a report, without this program.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from trueup.domain.errors import TargetStoppedError
from trueup.domain.records import TargetName

Document: TypeAlias = dict[str, Any]


class Accord(StrEnum):
    """Whether a target says what the catalogue says; in the order in which the worse one wins."""

    SAME = "same"
    UNREAD = "unread"  # the target could not be read: nobody knows
    DIFFERS = "differs"
    MISSING = "missing"  # the target has no such record
    AMBIGUOUS = "ambiguous"  # several records could be the one
    REFUSED = "refused"  # the row cannot be read, or the target cannot take it

    @staticmethod
    def worst(of: Iterable[Accord]) -> Accord:
        """The one that a person must know first; agreement where there is nothing."""
        return max(of, key=list(Accord).index, default=Accord.SAME)


class Stand(StrEnum):
    """What the catalogue wants of a product."""

    ACTIVE = "active"
    RETIRED = "retired"  # withdrawn: inactive wherever it exists
    DORMANT = "dormant"  # a draft, or not yet on sale: on sale nowhere
    GONE = "gone"  # left the catalogue since the last run
    REFUSED = "refused"  # the row says nothing that could be written


@dataclass(frozen=True, slots=True)
class Side:
    """What one target says of a product. `price` is that of a month; None is not known."""

    accord: Accord
    price: Decimal | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One product on all sides.

    `price` is the catalogue's, `plan` the code of the plan in Billing that sells it, `items` how
    many one-time items are wanted and `items_same` how many are there as wanted. A side that was
    not asked for is None. `waiting` is `held`, `rejected` or empty.
    """

    offering_id: str
    sku: str
    name: str
    stand: Stand
    accord: Accord
    currency: str
    price: Decimal | None
    active: bool | None
    sides: Mapping[TargetName, Side]
    plan: str = ""
    items: int = 0
    items_same: int = 0
    waiting: str = ""
    why: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """What rows are ordered by."""
        return self.sku, self.offering_id

    def as_json(self) -> Document:
        """The row as it is printed and digested; what is not known is null."""
        return {
            "id": self.offering_id,
            "sku": self.sku,
            "name": self.name,
            "status": self.stand.value,
            "verdict": self.accord.value,
            "currency": self.currency,
            "price": _money(self.price),
            "active": self.active,
            **{target.value: _side(self.sides.get(target)) for target in TargetName},
            "plan": self.plan or None,
            "items": {"wanted": self.items, "same": self.items_same},
            "waiting": self.waiting or None,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Sum:
    """The products on sale on one side, and the sum of their monthly list prices."""

    products: int = 0
    amount: Decimal = Decimal("0.00")

    def plus(self, price: Decimal | None) -> Sum:
        """One product more; a price that nobody knows adds nothing."""
        return Sum(self.products + 1, self.amount + (price or 0))


@dataclass(frozen=True, slots=True)
class Verification:
    """One look at everything. `unread` says which targets could not be read, and why.

    `spare_devices` counts shared devices that are still on sale though no product includes them.
    """

    at: datetime
    rows: Sequence[Row]
    targets: Sequence[TargetName]
    unread: Mapping[TargetName, TargetStoppedError] = field(default_factory=dict)
    spare_devices: int = 0

    @property
    def agreeing(self) -> int:
        """How many products say the same everywhere."""
        return sum(1 for row in self.rows if row.accord is Accord.SAME)

    @property
    def whole(self) -> bool:
        """Whether everything says the same."""
        return self.agreeing == len(self.rows) and not self.unread

    def totals(self) -> Document:
        """By currency, what each side sells a month; null for a target that was not read."""
        return {
            currency: _totals([r for r in self.rows if r.currency == currency], self._read())
            for currency in sorted({row.currency for row in self.rows})
        }

    def head(self) -> Head:
        """What the chain keeps of it."""
        digest = digest_rows(row.as_json() for row in self.rows)
        return Head(self.at, len(self.rows), self.agreeing, self.totals(), digest)

    def _read(self) -> list[TargetName]:
        return [target for target in self.targets if target not in self.unread]


@dataclass(frozen=True, slots=True)
class Head:
    """The short form of a report: what the digest of the whole is taken over."""

    at: datetime
    products: int
    agreeing: int
    totals: Document
    rows_hash: str

    def hash_after(self, previous: str) -> str:
        """The digest of the report that follows the one with the digest `previous`."""
        return _digest(_line({**self.as_json(), "previous": previous}))

    def as_json(self) -> Document:
        """The head as it is printed and digested; the time in UTC."""
        return {
            "at": self.at.isoformat(),
            "products": self.products,
            "agreeing": self.agreeing,
            "totals": self.totals,
            "rows_hash": self.rows_hash,
        }


@dataclass(frozen=True, slots=True)
class Link:
    """A report in the chain. `number` counts from 1, and is None for one that was not recorded."""

    head: Head
    previous: str
    hash: str
    number: int | None = None

    @property
    def sound(self) -> bool:
        """Whether its digest is that of what it says."""
        return self.head.hash_after(self.previous) == self.hash


def digest_rows(rows: Iterable[Document]) -> str:
    """SHA-256 over the rows in the order given, each as one line of JSON."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_line(row))
    return digest.hexdigest()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _line(document: Document) -> bytes:
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{text}\n".encode()


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _side(side: Side | None) -> Document | None:
    if side is None:
        return None
    return {"verdict": side.accord.value, "price": _money(side.price), "active": side.active}


def _totals(rows: Sequence[Row], targets: Sequence[TargetName]) -> Document:
    listed = Sum()
    for row in rows:
        listed = listed.plus(row.price) if row.active else listed
    found: Document = {"catalogue": {"products": listed.products, "sum": str(listed.amount)}}
    for target in TargetName:
        found[target.value] = _total_at(rows, target, listed) if target in targets else None
    return found


def _total_at(rows: Sequence[Row], target: TargetName, listed: Sum) -> Document:
    there = Sum()
    for row in rows:
        side = row.sides.get(target)
        there = there.plus(side.price) if side is not None and side.active else there
    return {
        "products": there.products,
        "sum": str(there.amount),
        "difference": str(there.amount - listed.amount),
    }
