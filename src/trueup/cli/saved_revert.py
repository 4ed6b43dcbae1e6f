"""A revert in a file, so that exactly it can be applied: `trueup run --plan FILE`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from trueup.domain.errors import UsageError
from trueup.domain.records import TargetName
from trueup.ports import Decision
from trueup.reconcile.way_back import RevertOrder, WayBack


class _SavedScope(msgspec.Struct):
    """What the revert was made for."""

    targets: list[TargetName]
    skus: list[str]


class _SavedRevert(msgspec.Struct):
    """A saved revert, as far as it is needed to apply it."""

    revert: str
    by: str
    reason: str
    scope: _SavedScope
    changes: list[dict[str, Any]]


def save_revert(way: WayBack, order: RevertOrder, file: Path) -> None:
    """Write a revert down, with who wants it and why."""
    document = {
        "trueup_plan": 1,
        "revert": way.run_id,
        "by": order.decision.by,
        "reason": order.decision.note,
        "scope": {"targets": [t.value for t in order.targets], "skus": list(order.skus)},
        **way.plan.as_json(),
    }
    try:
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the plan cannot be written to {file}: {error.strerror}") from None


def saved_revert(file: Path) -> RevertOrder | None:
    """The revert that a saved plan holds; None for any other plan, and for what is none."""
    try:
        saved = msgspec.json.decode(file.read_bytes(), type=_SavedRevert)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return RevertOrder(
        saved.revert,
        Decision(saved.by, saved.reason),
        tuple(saved.scope.targets),
        tuple(saved.scope.skus),
        saved.changes,
    )
