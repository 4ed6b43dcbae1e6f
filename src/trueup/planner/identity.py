"""Which remote record is ours: by memory, by our own id, by exact code. Never by name alone.

    bound id still there        -> that record
    else our id on one record   -> that record; on several -> ambiguous
    else the code on one record -> that record; on several -> ambiguous
    else a lost create          -> the record with that name that was not there before
    else                        -> missing

A record that is bound to something else is nobody else's match.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
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

_ONE_PER_OWNER = frozenset({Slot.PRODUCT, Slot.INSTALLATION})


@dataclass(frozen=True, slots=True)
class Match:
    """What identity found: one record or none, the binding if any, the rivals if ambiguous.

    `namesakes` are the ids that carry its name already; only a create needs them.
    """

    remote: RemoteRecord | None = None
    binding: Binding | None = None
    rivals: tuple[RemoteRecord, ...] = ()
    namesakes: frozenset[str] = field(default_factory=frozenset)


class Identity:
    """Matches desired records against what was read, for one part of the catalogue."""

    def __init__(
        self,
        remotes: Iterable[RemoteRecord],
        bindings: Iterable[Binding],
        intents: Mapping[RecordKey, Intent],
    ) -> None:
        self._intents = intents
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
        for binding in bindings:
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
        """Find the remote record that is this one."""
        kind, binding = record.key.kind, self.binding_of(record)
        if binding is not None:
            bound = self._by_id.get((kind, binding.remote_id))
            if bound is not None:
                return Match(bound, binding)
        mine = binding.key if binding is not None else record.key
        for level in self._levels(record):
            free = [r for r in level if self._holder.get((kind, r.remote_id), mine) == mine]
            # What we wrote under this very key, for a row that is no more, is not a copy.
            free = [r for r in free if (kind, r.remote_id) in self._holder] or free
            if len(free) == 1:
                return Match(free[0], binding)
            if free:
                return Match(None, binding, rivals=tuple(free))
        return Match(None, binding, namesakes=self._namesakes(record))

    def _levels(self, record: DesiredRecord) -> Iterable[list[RemoteRecord]]:
        kind, code = record.key.kind, record.key.code
        yield self._by_own.get((kind, record.owner), []) if record.owner else []
        yield self._by_code.get((kind, code), [])
        if kind is Kind.BILLING_PRODUCT:
            # A product of Billing carries no code: it is the one that the plan of this code is in.
            parents = {plan.parent_id for plan in self._by_code.get((Kind.BILLING_PLAN, code), [])}
            yield [p for parent in sorted(parents) if (p := self._by_id.get((kind, parent)))]
        if (intent := self._intents.get(record.key)) is not None:
            named = self._by_name.get((kind, intent.name.strip().casefold()), [])
            yield [r for r in named if r.remote_id not in intent.namesakes and not r.taken]

    def _namesakes(self, record: DesiredRecord) -> frozenset[str]:
        if record.retiring:
            return frozenset()
        return self.named(record.key.kind, str(record.fields.get(NAME[record.key.kind]) or ""))

    def named(self, kind: Kind, name: str) -> frozenset[str]:
        """The remote ids that carry a name (trimmed, case-folded)."""
        return frozenset(
            r.remote_id for r in self._by_name.get((kind, name.strip().casefold()), [])
        )
