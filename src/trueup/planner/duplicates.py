"""Remote records that may be one thing twice, and what a person could do about each.

    why         the records share                         certainty
    own_id      our offering id                           certain; likely if its case differs
    code        their code, trimmed and case-folded       certain; likely if its case differs
    stored_id   (one record) an id that several products  certain; possible for a device, which
                of the older screens' table remember      several may share rightly
    name        their name, nearly (`near_names`)         likely; possible with a slip or more

Nothing here writes; `duplicate_advice` proposes. A group is settled, and only counted, when one of
its records is ours and what is not is inactive already. Records that are all known as ours are no
group for their names: the catalogue tells them apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from trueup.domain.records import ACTIVE, Binding, FieldValue, Kind, RemoteRecord, Slot
from trueup.planner.near_names import near_groups, same_words
from trueup.planner.project import installation_code
from trueup.planner.reading import key_of

_PRICE = {
    Kind.CRM_PRODUCT: "Unit_Price",
    Kind.BILLING_PLAN: "recurring_price",
    Kind.BILLING_ITEM: "rate",
}


class Why(StrEnum):
    """What the records of a group share, the strongest evidence first."""

    OWN_ID = "own_id"
    CODE = "code"
    STORED_ID = "stored_id"
    NAME = "name"


class Certainty(StrEnum):
    """How sure it is that only one of them should be there."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Member:
    """One record of a group; `sku` is the product that it is, or would be, a record of."""

    record: RemoteRecord
    binding: Binding | None = None
    sku: str = ""

    @property
    def known(self) -> bool:
        """Whether we know it as ours: bound, or carrying an id of ours."""
        return self.binding is not None or bool(self.record.own_id)

    @property
    def active(self) -> bool:
        """Whether it is on sale, as far as the target tells."""
        return self.record.fields.get(ACTIVE[self.record.kind]) is not False

    @property
    def price(self) -> FieldValue:
        """Its price; a Billing product has none."""
        return self.record.fields.get(_PRICE.get(self.record.kind, ""))

    @property
    def modified_at(self) -> datetime | None:
        """When it was last modified; None where the target does not tell."""
        try:
            moment = datetime.fromisoformat(self.record.version)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    @property
    def age(self) -> float:
        """What orders by it, the newest first; what is not told comes last."""
        return -self.modified_at.timestamp() if self.modified_at else 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """Records that may be one thing; the first is the one that most speaks for.

    `shared` is what they share. `users` are the products that remember a stored id.
    """

    kind: Kind
    why: Why
    certainty: Certainty
    shared: str
    members: tuple[Member, ...]
    users: tuple[Binding, ...] = ()

    @property
    def differs(self) -> Mapping[str, tuple[FieldValue, ...]]:
        """The managed fields that are not the same everywhere, with a value for each member."""
        names = dict.fromkeys(name for m in self.members for name in m.record.fields)
        values = {n: tuple(m.record.fields.get(n) for m in self.members) for n in names}
        return {name: found for name, found in values.items() if len(set(found)) > 1}


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one kind: groups, how many are settled, how many records were read."""

    groups: tuple[Group, ...]
    settled: int
    read: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What we and the older screens remember; `remember` makes one."""

    bindings: Mapping[tuple[Kind, str], Binding]
    stored: Sequence[Binding]
    by_own_id: Mapping[str, str]
    by_code: Mapping[str, str]

    def member(self, record: RemoteRecord) -> Member:
        """A record with its binding and its SKU, where one is known."""
        binding = self.bindings.get((record.kind, record.remote_id))
        if binding is not None:
            return Member(record, binding, binding.sku)
        own = self.by_own_id.get(key_of(record.own_id), "")
        return Member(record, None, own or self.by_code.get(_code_key(record), ""))


def remember(
    bindings: Iterable[Binding], stored: Iterable[Binding], skus: Mapping[str, str]
) -> Memory:
    """`bindings` are the ledger's, `stored` those of the older screens, `skus` by offering id."""
    plain = {key_of(sku): sku for sku in skus.values()}
    installations = {f"item {key_of(installation_code(sku))}": sku for sku in skus.values()}
    return Memory(
        bindings={(b.key.kind, b.remote_id): b for b in bindings},
        stored=tuple(stored),
        by_own_id={key_of(own): sku for own, sku in skus.items()},
        by_code=plain | installations,
    )


def _code_key(record: RemoteRecord) -> str:
    is_item = record.kind is Kind.BILLING_ITEM
    return f"item {key_of(record.code)}" if is_item else key_of(record.code)


def find_duplicates(
    kind: Kind, records: Iterable[RemoteRecord], memory: Memory, *, near: bool = True
) -> Found:
    """The groups among all records of a kind, in an order that does not depend on theirs.

    A weaker reason is left out where a stronger one already has all of its records. A record that
    the listing told twice counts once.
    """
    by_id = {record.remote_id: memory.member(record) for record in records}
    found: list[Group] = []
    settled = 0
    told = _Told()
    for group in _candidates(list(by_id.values()), near=near):
        if not told.covers(group):
            told.add(group)
            if _is_settled(group):
                settled += 1
            else:
                found.append(group)
    found += [_shared_id(kind, remote_id, users, by_id) for remote_id, users in _uses(kind, memory)]
    found.sort(key=lambda g: (_ORDER[g.why], key_of(g.shared), _ids(g)))
    return Found(tuple(found), settled, len(by_id))


_ORDER = {why: place for place, why in enumerate(Why)}


def _ids(group: Group) -> tuple[str, ...]:
    return tuple(member.record.remote_id for member in group.members)


class _Told:
    """Which groups each record is in already."""

    def __init__(self) -> None:
        self._groups: dict[str, set[int]] = defaultdict(set)
        self._number = 0

    def add(self, group: Group) -> None:
        self._number += 1
        for remote_id in _ids(group):
            self._groups[remote_id].add(self._number)

    def covers(self, group: Group) -> bool:
        """Whether all records of a group are together in one already."""
        return bool(set.intersection(*(self._groups.get(i, set()) for i in _ids(group))))


def _candidates(members: Sequence[Member], *, near: bool) -> Iterator[Group]:
    """Every group of two and more, the strongest reason first."""
    yield from _alike(members, Why.OWN_ID, lambda m: m.record.own_id)
    yield from _alike(members, Why.CODE, lambda m: m.record.code)
    if not near:
        return
    by_id = {member.record.remote_id: member for member in members}
    for ids in near_groups({i: member.record.name for i, member in by_id.items()}):
        some = _ranked(by_id[remote_id] for remote_id in ids)
        if all(member.known for member in some):
            continue
        sure = same_words(member.record.name for member in some)
        certainty = Certainty.LIKELY if sure else Certainty.POSSIBLE
        name = some[0].record.name.strip()
        yield Group(some[0].record.kind, Why.NAME, certainty, name, some)


def _alike(members: Iterable[Member], why: Why, said: Callable[[Member], str]) -> Iterator[Group]:
    """Those that say the same, trimmed and case-folded; saying nothing is no likeness."""
    by_key: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        if key := key_of(said(member)):
            by_key[key].append(member)
    for alike in by_key.values():
        if len(alike) > 1:
            some = _ranked(alike)
            exact = len({said(member).strip() for member in some}) == 1
            certainty = Certainty.CERTAIN if exact else Certainty.LIKELY
            yield Group(some[0].record.kind, why, certainty, said(some[0]).strip(), some)


def _ranked(members: Iterable[Member]) -> tuple[Member, ...]:
    """Those first that most speaks for: bound, carrying our id, active, modified last."""
    return tuple(
        sorted(
            members,
            key=lambda m: (
                m.binding is None,
                not m.record.own_id,
                not m.active,
                m.age,
                m.record.remote_id,
            ),
        )
    )


def _is_settled(group: Group) -> bool:
    """Whether nothing is left to do, since nothing is ever deleted.

    For a name: whatever we do not know is inactive, or where we know none, one alone is active. For
    an id or a code one must be bound too: until then it stays in the way of every run.
    """
    active = [member for member in group.members if member.active]
    if group.why is Why.NAME and not any(member.known for member in group.members):
        return len(active) <= 1
    if group.why is Why.NAME:
        return all(member.known for member in active)
    bound = any(member.binding for member in group.members)
    return bound and len(active) <= 1 and all(member.binding for member in active)


def _uses(kind: Kind, memory: Memory) -> Iterator[tuple[str, tuple[Binding, ...]]]:
    """The ids of a kind that several products remember, with those products.

    Versions of one product, which have one SKU, may share an id, and so may users of a device that
    is bound as a shared one.
    """
    by_id: dict[str, dict[str, Binding]] = defaultdict(dict)
    for use in memory.stored:
        if use.key.kind is kind:
            by_id[use.remote_id][use.owner] = use
    for remote_id, uses in by_id.items():
        users = tuple(sorted(uses.values(), key=lambda use: (use.sku, use.owner)))
        bound = memory.bindings.get((kind, remote_id))
        rightly = bound is not None and bound.slot is Slot.DEVICE and not bound.owner
        if not rightly and len({key_of(use.sku) or use.owner for use in users}) > 1:
            yield remote_id, users


def _shared_id(
    kind: Kind, remote_id: str, users: tuple[Binding, ...], read: Mapping[str, Member]
) -> Group:
    member = read.get(remote_id)
    devices = all(use.slot is Slot.DEVICE for use in users)
    certainty = Certainty.POSSIBLE if devices else Certainty.CERTAIN
    members = () if member is None else (member,)
    return Group(kind, Why.STORED_ID, certainty, remote_id, members, users)
