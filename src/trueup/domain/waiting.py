"""Held changes as they are remembered between runs, and what people decided about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from trueup.domain.changes import Action, FieldDelta, Reason
from trueup.domain.guards import FieldKey, Rule
from trueup.domain.plan import value_as_json
from trueup.domain.records import Fields, FieldValue, RecordKey, TargetName
from trueup.domain.threeway import Moved, who_moved


class HeldState(StrEnum):
    """How a held change stands."""

    OPEN = "open"  # nobody has decided
    APPROVED = "approved"  # the next run that looks at it carries it out
    REJECTED = "rejected"  # a person said no; nobody is asked again
    APPLIED = "applied"  # it was carried out
    STALE = "stale"  # one of the sides moved: there is no such change any more


_WAITS_FOR = "waits for "  # why a change is held that breaks no guard but needs one that does


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that waits, or waited, for a person; `number` names it in the ledger.

    `applied` is what we had last written on the fields that change. `subscriptions` counts the
    live subscriptions that it touches; None where nobody counted.
    """

    number: int
    key: RecordKey
    sku: str
    owner: str
    action: Action
    reason: Reason
    deltas: Mapping[str, FieldDelta]
    fingerprint: str
    rules: tuple[Rule, ...]
    why: str
    state: HeldState
    first_run: str
    last_run: str
    held_at: datetime
    applied: Fields = field(default_factory=dict)
    remote_id: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    note: str = ""
    expires_at: datetime | None = None
    subscriptions: int | None = None

    @property
    def target(self) -> TargetName:
        """Where it would be carried out."""
        return self.key.kind.target

    @property
    def depends(self) -> bool:
        """Whether it is held only because it needs another held change."""
        return self.why.startswith(_WAITS_FOR)

    def approved(self, now: datetime) -> bool:
        """Whether a person let it pass, and that still counts."""
        alive = self.expires_at is None or self.expires_at > now
        return self.state is HeldState.APPROVED and alive

    def asks(self, now: datetime) -> bool:
        """Whether it waits for a decision: nobody decided, or the approval has expired."""
        return self.state is HeldState.OPEN or (
            self.state is HeldState.APPROVED and not self.approved(now)
        )

    def step(self, name: str) -> FieldDelta:
        """One field before and after; a new version of a record begins where the former stands."""
        before, after = self.deltas[name]
        if self.action is Action.CREATE and name in self.applied:
            return FieldDelta(self.applied[name], after)
        return FieldDelta(before, after)

    def moved(self, name: str) -> Moved | None:
        """Which side moved one of its fields since we last wrote; None for a new record."""
        if self.action is Action.CREATE:
            return None
        before, after = self.deltas[name]
        return who_moved(name, before, after, self.applied)

    def as_json(self) -> dict[str, Any]:
        """The change as plans show it, with its own fingerprint: exactly this may be applied."""
        return {
            "target": self.target.value,
            "kind": self.key.kind.value,
            "code": self.key.code,
            "action": self.action.value,
            "reason": self.reason.value,
            "sku": self.sku,
            "deltas": {
                name: [value_as_json(delta.before), value_as_json(delta.after)]
                for name, delta in self.deltas.items()
            },
            "fingerprint": self.fingerprint,
        }


def refused_values(rejected: Collection[Waiting]) -> dict[FieldKey, FieldValue]:
    """The values that a person does not want who rejects these changes.

    Of an update every field; of what is made whole or not at all its amounts, where it has any.
    What only waits for another one of them waits with it: a no to the one is enough.
    """
    causes = {f"{_WAITS_FOR}{one.key}" for one in rejected}
    found: dict[FieldKey, FieldValue] = {}
    for one in rejected:
        if one.why in causes:
            continue
        after = {name: delta.after for name, delta in one.deltas.items()}
        amounts = {name: value for name, value in after.items() if isinstance(value, Decimal)}
        amounts = {name: value for name, value in amounts.items() if value} or amounts
        telling = amounts if amounts and one.action is not Action.UPDATE else after
        found |= {(one.key, name): value for name, value in telling.items()}
    return found
