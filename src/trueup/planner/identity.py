"""Which remote record is ours: by memory, by our own id, by exact code. Never by name alone.

    bound id still there        -> that record
    else our id on one record   -> that record; on several -> the stored one, or ambiguous
    else the code on one record -> that record; on several -> the stored one, or ambiguous
    else a lost create          -> the record with that name that was not there before
    else                        -> missing

A record that is bound to something else is nobody else's match, nor is one that another product
was found to be in the same survey: no two products share a record. So of the products whose plans
lie in one Billing product, the first in the catalogue keeps it and the others get their own.

An id that the predecessor stored is a hint. It decides between rivals only, and only one that no
other product claims, on a record that carries our own id or exact code. Its numeric plan ids are
not needed: a plan's code is unique at Zoho (zoho-facts §3.4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from trueup.domain.records import (
    NAME,
    Binding,
    DesiredRecord,
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    Slot,
)
from trueup.domain.stored import StoredId

_ONE_PER_OWNER = frozenset({Slot.PRODUCT, Slot.INSTALLATION})


@dataclass(frozen=True, slots=True)
class Match:
    """What identity found: one record or none, the binding if any, the rivals if ambiguous.

    `namesakes` are the ids that carry its name already; only a create needs them. `stored` is the
    predecessor's hint, where it was asked for and does not decide.
    """

    remote: RemoteRecord | None = None
    binding: Binding | None = None
    rivals: tuple[RemoteRecord, ...] = ()
    namesakes: frozenset[str] = field(default_factory=frozenset)
    stored: StoredId | None = None

    @property
    def bound(self) -> bool:
        """Whether the record was found by its binding."""
        if self.binding is None or self.remote is None:
            return False
        return self.binding.remote_id == self.remote.remote_id


@dataclass(slots=True)
class Claimed:
    """Which unbound records the products of one survey were found to be: no two share one.

    A product that is withdrawn gives way to one on sale, whichever is met first. What is bound is
    known to the ledger and not kept here, so that this grows with the changes of a plan alone.
    """

    kept: dict[tuple[Kind, str], RecordKey] = field(default_factory=dict)
    retired: dict[tuple[Kind, str], RecordKey] = field(default_factory=dict)

    def is_free(self, remote: RemoteRecord, record: DesiredRecord) -> bool:
        """Whether no other record of the survey is this one."""
        place = (remote.kind, remote.remote_id)
        if record.retiring and self.retired.get(place, record.key) != record.key:
            return False
        return self.kept.get(place, record.key) == record.key

    def claim(self, remote: RemoteRecord, record: DesiredRecord) -> None:
        """This is the one."""
        claims = self.retired if record.retiring else self.kept
        claims.setdefault((remote.kind, remote.remote_id), record.key)


class Identity:
    """Matches desired records against what was read, for one part of the catalogue.

    `stored` gives the predecessor's ids for this part; it is asked once, and only when a record
    has rivals. `claimed` is shared by all parts of a survey.
    """

    def __init__(
        self,
        remotes: Iterable[RemoteRecord],
        bindings: Iterable[Binding],
        intents: Mapping[RecordKey, Intent],
        stored: Callable[[], Iterable[StoredId]] = tuple,
        claimed: Claimed | None = None,
    ) -> None:
        self._intents = intents
        self._ask_stored = stored
        self._stored: dict[tuple[Kind, Slot, str], StoredId] | None = None
        self._claimed = Claimed() if claimed is None else claimed
        self._by_id: dict[tuple[Kind, str], RemoteRecord] = {}
        self._by_own: dict[tuple[Kind, str], list[RemoteRecord]] = defaultdict(list)
        self._by_code: dict[tuple[Kind, str], list[RemoteRecord]] = defaultdict(list)
        self._by_name: dict[tuple[Kind, str], list[RemoteRecord]] = defaultdict(list)
        for remote in remotes:
            if (remote.kind, remote.remote_id) not in self._by_id:
                self._index(remote)
        self._by_key: dict[RecordKey, Binding] = {}
        self._by_slot: dict[tuple[Kind, Slot, str], Binding] = {}
        self._holder: dict[tuple[Kind, str], RecordKey] = {}
        self._plans: dict[str, list[str]] = defaultdict(list)
        for binding in bindings:
            if binding.slot is Slot.PLAN and binding.owner:
                self._plans[binding.owner].append(binding.remote_id)
            self._by_key[binding.key] = binding
            self._holder[binding.key.kind, binding.remote_id] = binding.key
            if binding.slot in _ONE_PER_OWNER and binding.owner:
                self._by_slot[binding.key.kind, binding.slot, binding.owner] = binding

    def _index(self, remote: RemoteRecord) -> None:
        kind = remote.kind
        self._by_name[kind, remote.name.strip().casefold()].append(remote)
        if remote.taken:
            return
        self._by_id[kind, remote.remote_id] = remote
        if remote.own_id:
            self._by_own[kind, remote.own_id].append(remote)
        if remote.code:
            self._by_code[kind, remote.code].append(remote)

    def binding_of(self, record: DesiredRecord) -> Binding | None:
        """What we remember of a record, also under the code that it had before a rename."""
        kind = record.key.kind
        if record.owner and record.slot in _ONE_PER_OWNER:
            own = self._by_slot.get((kind, record.slot, record.owner))
            if own is not None:
                return own
        binding = self._by_key.get(record.key)
        if binding is None or (binding.owner and binding.owner != record.owner):
            return None
        return binding

    def match(self, record: DesiredRecord) -> Match:
        """Find the remote record that is this one; from then on it is no other's."""
        match = self._find(record)
        if match.remote is not None and not match.bound:
            self._claimed.claim(match.remote, record)
        return match

    def _find(self, record: DesiredRecord) -> Match:
        kind, binding = record.key.kind, self.binding_of(record)
        if binding is not None:
            bound = self._by_id.get((kind, binding.remote_id))
            if bound is not None:
                return Match(bound, binding)
        mine = binding.key if binding is not None else record.key
        for level in self._levels(record):
            free = [
                r
                for r in level
                if self._holder.get((kind, r.remote_id), mine) == mine
                and self._claimed.is_free(r, record)
            ]
            # What we wrote under this very key, for a row that is no more, is not a copy.
            free = [r for r in free if (kind, r.remote_id) in self._holder] or free
            if len(free) == 1:
                return Match(free[0], binding)
            if free:
                return self._told_apart(record, binding, tuple(free))
        return Match(None, binding, namesakes=self._namesakes(record))

    def _told_apart(
        self, record: DesiredRecord, binding: Binding | None, rivals: tuple[RemoteRecord, ...]
    ) -> Match:
        """The rival that the predecessor stored for this product alone; else a person must say."""
        stored = self._stored_id(record)
        if stored is not None and stored.exclusive:
            for rival in rivals:
                if rival.remote_id == stored.remote_id and _says_so(rival, record):
                    return Match(rival, binding)
        return Match(None, binding, rivals=rivals, stored=stored)

    def _stored_id(self, record: DesiredRecord) -> StoredId | None:
        if self._stored is None:
            self._stored = {(s.kind, s.slot, s.owner): s for s in self._ask_stored()}
        return self._stored.get((record.key.kind, record.slot, record.owner))

    def _versions(self, record: DesiredRecord) -> Iterator[RemoteRecord]:
        for remote_id in self._plans.get(record.owner, ()):
            if (plan := self._by_id.get((Kind.BILLING_PLAN, remote_id))) is not None:
                yield plan

    def _levels(self, record: DesiredRecord) -> Iterable[list[RemoteRecord]]:
        kind, code = record.key.kind, record.key.code
        yield self._by_own.get((kind, record.owner), []) if record.owner else []
        yield self._by_code.get((kind, code), [])
        if kind is Kind.BILLING_PRODUCT:
            # A product of Billing carries no code: it is the one that the plan of this code is in.
            # Any version of the product's plan tells, whichever is on sale.
            plans = [*self._by_code.get((Kind.BILLING_PLAN, code), []), *self._versions(record)]
            parents = {plan.parent_id for plan in plans}
            yield [p for parent in sorted(parents) if (p := self._by_id.get((kind, parent)))]
        if (intent := self._intents.get(record.key)) is not None:
            named = self._by_name.get((kind, intent.name.strip().casefold()), [])
            yield [r for r in named if r.remote_id not in intent.namesakes and not r.taken]

    def keeper_of(self, product_id: str, plan: DesiredRecord) -> str | None:
        """Whose the Billing product is that a plan lies in, when it is not the plan's own.

        A SKU, or empty where nobody knows whose; None for its own, or nobody's yet.
        """
        place = (Kind.BILLING_PRODUCT, product_id)
        holder = self._claimed.kept.get(place) or self._holder.get(place)
        if holder is not None:
            return holder.code if holder.code != plan.sku else None
        own = self._by_slot.get((Kind.BILLING_PRODUCT, Slot.PRODUCT, plan.owner))
        return "" if own is not None and own.remote_id != product_id else None

    def _namesakes(self, record: DesiredRecord) -> frozenset[str]:
        if record.retiring:
            return frozenset()
        return self.named(record.key.kind, str(record.fields.get(NAME[record.key.kind]) or ""))

    def named(self, kind: Kind, name: str) -> frozenset[str]:
        """The remote ids that carry a name (trimmed, case-folded)."""
        return frozenset(
            r.remote_id for r in self._by_name.get((kind, name.strip().casefold()), [])
        )


def _says_so(remote: RemoteRecord, record: DesiredRecord) -> bool:
    """Whether a record itself carries our own id or the exact code."""
    by_own = bool(record.owner) and remote.own_id == record.owner
    return by_own or (bool(remote.code) and remote.code == record.key.code)
