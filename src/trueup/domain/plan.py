"""A plan: changes, findings and violations as plain data; what a person approves is what runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from trueup.domain.changes import Action, Change, Finding
from trueup.domain.guards import Held, Violation
from trueup.domain.records import FieldValue, Ref, TargetName

_ESSENCE = ("target", "kind", "code", "action", "reason", "sku", "deltas")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What carrying the plan out will cost: requests, and seconds at the rate limit."""

    requests: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. `looked` counts the products that were compared.

    `changes` are all of them; those in `held` wait for a person, `violations` say why.
    """

    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    violations: tuple[Violation, ...] = ()
    held: tuple[Held, ...] = ()
    estimate: Estimate = field(default_factory=Estimate)
    looked: int = 0
    unchanged: int = 0

    @property
    def fingerprint(self) -> str:
        """A digest of the changes, whatever their order."""
        return fingerprint(self.changes)

    @property
    def empty(self) -> bool:
        """Whether nothing at all would be done."""
        return not self.changes

    def as_json(self) -> dict[str, Any]:
        """The document of `trueup plan --json` (spec §3.2)."""
        return {
            "fingerprint": self.fingerprint,
            "changes": self._changes_as_json(),
            "findings": [finding_as_json(finding) for finding in self.findings],
            "violations": [violation_as_json(violation) for violation in self.violations],
            "estimate": {
                "requests": self.estimate.requests,
                "seconds": round(self.estimate.seconds, 1),
            },
        }

    @property
    def free(self) -> tuple[Change, ...]:
        """The changes that no guard holds."""
        held = {id(one.change) for one in self.held}
        return tuple(change for change in self.changes if id(change) not in held)

    def _changes_as_json(self) -> list[dict[str, Any]]:
        rules = {id(one.change): [rule.value for rule in one.rules] for one in self.held}
        return [
            {
                **change_as_json(change),
                "moved": {name: who.value for name in change.deltas if (who := change.moved(name))},
                "held": rules.get(id(change), []),
                "subscriptions": change.subscriptions,
            }
            for change in self.changes
        ]


def fingerprint(changes: Iterable[Change]) -> str:
    """A digest of changes that ignores their order."""
    return fingerprint_of_json(change_as_json(change) for change in changes)


def fingerprint_of_json(changes: Iterable[Mapping[str, object]]) -> str:
    """The same digest from the JSON of a saved plan; what explains a change is no part of it."""
    essence = ({name: change.get(name) for name in _ESSENCE} for change in changes)
    lines = sorted(msgspec.json.encode(change, order="sorted") for change in essence)
    return hashlib.blake2b(b"\n".join(lines), digest_size=16).hexdigest()


def mark_of(change: Change) -> str:
    """The fingerprint of one change: what an approval of it names."""
    return fingerprint([change])


def mark_of_json(change: Mapping[str, object]) -> str:
    """The fingerprint of one change of a saved plan; what was held or shown brings its own."""
    known = change.get("fingerprint")
    return known if isinstance(known, str) else fingerprint_of_json([change])


def change_as_json(change: Change) -> dict[str, Any]:
    """One change as other people's scripts read it."""
    return {
        "target": change.target.value,
        "kind": change.key.kind.value,
        "code": change.key.code,
        "action": change.action.value,
        "reason": change.reason.value,
        "sku": change.sku,
        "deltas": {
            name: [value_as_json(delta.before), value_as_json(delta.after)]
            for name, delta in change.deltas.items()
        },
    }


def violation_as_json(violation: Violation) -> dict[str, Any]:
    """One violation as other people's scripts read it."""
    return {
        "rule": violation.rule.value,
        "target": violation.target.value,
        "measure": violation.measure,
        "limit": violation.limit,
        "setting": violation.setting,
        "skus": list(violation.skus),
        "products": violation.products,
        "changes": violation.changes,
        "fingerprint": violation.fingerprint,
    }


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """One finding as other people's scripts read it."""
    return {
        "code": finding.code,
        "kind": finding.kind.value,
        "sku": finding.sku,
        "message": finding.message,
        "targets": sorted(target.value for target in finding.blocks),
    }


def value_as_json(value: FieldValue) -> str | int | bool | None:
    """Money as exact text, a reference as the key that it stands for."""
    if isinstance(value, Decimal | Ref):
        return str(value)
    return value


def count_actions(changes: Sequence[Change]) -> Mapping[TargetName, Mapping[Action, int]]:
    """How many changes of each action each target has."""
    counts = {target: dict.fromkeys(Action, 0) for target in TargetName}
    for change in changes:
        counts[change.target][change.action] += 1
    return counts
