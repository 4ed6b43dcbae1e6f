"""What the last look at everything found to differ, what became of it since, what a repair does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import TYPE_CHECKING, Any

from trueup.domain.changes import Action, FieldDelta, Reason, Status
from trueup.domain.guards import Rule
from trueup.domain.jobs import JobKind
from trueup.domain.looks import Look
from trueup.domain.records import FieldValue, Kind, RecordKey, TargetName
from trueup.domain.threeway import Moved
from trueup.planner.explain import share_of
from trueup.postgres import looks
from trueup.views import words

if TYPE_CHECKING:
    from trueup.postgres.looks import Written
    from trueup.views.desk import Desk

NEW = "new"  # in the place of who moved: the record is not there


@dataclass(frozen=True, slots=True)
class Field:
    """A field before and after a repair; `share` is by how much an amount moves, as a fraction."""

    name: str
    before: str
    after: str
    who: Moved | None
    share: Decimal | None = None
    side: str = ""  # who moved it, in words


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that differs. `written` is what became of it since, `editor` who touched it last."""

    sku: str
    key: RecordKey
    action: Action
    reason: Reason
    fields: tuple[Field, ...]
    held: tuple[Rule, ...]
    writes: bool
    editor: str = ""
    remote_id: str = ""
    written: Written | None = None

    @property
    def settled(self) -> bool:
        """Whether it was written since."""
        return self.written is not None and self.written.status == Status.APPLIED

    @property
    def to_write(self) -> bool:
        """Whether a repair would write it: no guard holds it, and nobody has done it since."""
        return self.writes and not self.held and not self.settled

    @property
    def edited(self) -> bool:
        """Whether somebody at Zoho moved a field of it."""
        return any(one.who in (Moved.THEIRS, Moved.BOTH) for one in self.fields)

    @property
    def marks(self) -> frozenset[str]:
        """What it can be found by: who moved."""
        moved = {one.who.value for one in self.fields if one.who}
        return frozenset({NEW} if self.action is Action.CREATE else moved)


@dataclass(frozen=True, slots=True)
class Product:
    """All that differs for one product; without a SKU it is a record that no product has."""

    sku: str
    differences: tuple[Difference, ...]

    @property
    def settled(self) -> bool:
        """Whether all of it was written since."""
        return all(one.settled for one in self.differences)

    @property
    def to_write(self) -> bool:
        """Whether a repair would write anything."""
        return any(one.to_write for one in self.differences)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of it somebody wants to see; empty: all. `who` is a `Moved`, or `NEW`."""

    who: str = ""
    target: str = ""
    field: str = ""

    def includes(self, one: Difference) -> bool:
        """Whether a difference is part of it."""
        named = not self.field or any(field.name == self.field for field in one.fields)
        here = self.target in ("", one.key.kind.target.value)
        return named and here and (not self.who or self.who in one.marks)


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair would write by target, and what it would leave, as far as was seen."""

    products: int
    writes: Mapping[TargetName, int]
    held: int
    skus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """The last look, product by product, drift first. The counts of `look.document` are of all."""

    look: Look
    products: tuple[Product, ...]
    earlier: tuple[Look, ...] = ()

    @property
    def document(self) -> Mapping[str, Any]:
        """The counts."""
        return self.look.document

    @property
    def settled(self) -> int:
        """Listed products that were written since."""
        return sum(product.settled for product in self.products)

    @property
    def lacking(self) -> bool:
        """Whether any of the listed records is not there at all."""
        return any(NEW in one.marks for product in self.products for one in product.differences)

    @property
    def unlisted(self) -> int:
        """Changes that were counted, and not kept."""
        listed = sum(len(product.differences) for product in self.products)
        return int(self.document["changes"]) - listed

    def only(self, wanted: Wanted) -> tuple[Product, ...]:
        """The products, and of each the differences, that somebody wants to see."""
        kept = (
            replace(p, differences=tuple(d for d in p.differences if wanted.includes(d)))
            for p in self.products
        )
        return tuple(product for product in kept if product.differences)

    def repair_of(self, skus: Collection[str]) -> Repair:
        """What repairing these products would do; those without a difference are left out."""
        chosen = [product for product in self.products if product.sku and product.sku in skus]
        return _repair(chosen, tuple(product.sku for product in chosen))

    def repair_of_all(self) -> Repair:
        """What repairing everything would do; by the counts where not all of it is listed."""
        if not self.unlisted:
            return _repair(self.products, ())
        writes = {TargetName(name): count for name, count in self.document["writes"].items()}
        return Repair(self.document["products"], writes, self.document["held"])


def gather(desk: Desk, *, earlier: int = 10) -> Drift | None:
    """The last look; None before the first."""
    look = looks.last(desk.connection, JobKind.DRIFT)
    if look is None:
        return None
    listed = look.document["listed"]
    keys = [_key(kept) for kept in listed]
    written = looks.written_since(desk.connection, keys, look.began_at)
    before = looks.earlier(desk.connection, JobKind.DRIFT, earlier)
    return Drift(look, read_products(listed, written), tuple(before))


def read_products(
    listed: Iterable[Mapping[str, Any]], written: Mapping[RecordKey, Written]
) -> tuple[Product, ...]:
    """The list that a look kept, with what was written since."""
    found = [_difference(kept, written.get(_key(kept))) for kept in listed]
    return tuple(_products(found))


def _products(found: Sequence[Difference]) -> Iterator[Product]:
    """By product, in the order of the list; drift and other differences of one stand together."""
    places: dict[str, int] = {}
    for one in found:
        places.setdefault(_owner(one), len(places))
    ordered = sorted(found, key=lambda one: places[_owner(one)])
    for _, some in groupby(ordered, key=_owner):
        differences = tuple(some)
        yield Product(differences[0].sku, differences)


def _owner(one: Difference) -> str:
    return one.sku or str(one.key)


def _repair(products: Iterable[Product], skus: tuple[str, ...]) -> Repair:
    known = list(products)
    all_of_it = [one for product in known for one in product.differences]
    writes = Counter(one.key.kind.target for one in all_of_it if one.to_write)
    held = sum(bool(one.held) and not one.settled for one in all_of_it)
    return Repair(sum(not product.settled for product in known), writes, held, skus)


def _key(kept: Mapping[str, Any]) -> RecordKey:
    return RecordKey(Kind(kept["kind"]), kept["code"])


def _difference(kept: Mapping[str, Any], written: Written | None) -> Difference:
    key = _key(kept)
    return Difference(
        kept["sku"],
        key,
        Action(kept["action"]),
        Reason(kept["reason"]),
        tuple(_field(one, key.kind.target) for one in kept["fields"]),
        tuple(Rule(name) for name in kept["held"]),
        kept["writes"],
        kept["editor"],
        kept["remote_id"],
        written,
    )


def _field(kept: Mapping[str, Any], target: TargetName) -> Field:
    before, after = _read(kept["before"]), _read(kept["after"])
    share = share_of(FieldDelta(before, after))
    who = Moved(kept["moved"]) if kept["moved"] else None
    side = words.mover(who, target) if who else ""
    return Field(kept["name"], words.value(before), words.value(after), who, share, side)


def _read(value: FieldValue) -> FieldValue:
    """A value from its JSON, where money is kept as exact text with two places."""
    if not isinstance(value, str) or value[-3:-2] != ".":
        return value
    try:
        return Decimal(value)
    except InvalidOperation:
        return value
