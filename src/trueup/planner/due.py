"""Which products a run looks at, and when a failed one is tried again.

never decided                               due
row or mapping changed since                due, whatever happened before
quarantined                                 not due until then
failed, back-off over                       due
failed, back-off running                    not due
held or refused                             due: it costs no request and is said every night
verified longer ago than `stale_after`      due
verified since                              not due
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from trueup.domain.records import TargetName
from trueup.domain.states import NEVER, ProductState, Standing

# Seconds before the second, third, … attempt at what failed (law 10).
LADDER: tuple[float, ...] = (300.0, 900.0, 3600.0, 14400.0, 86400.0)


class Due(StrEnum):
    """Why a product is looked at."""

    NEVER = "never"
    CHANGED = "changed"
    FAILED = "failed"
    STALE = "stale"
    ASKED = "asked"  # a person named it, or asked for everything


class Look(StrEnum):
    """How widely a plan looks."""

    DUE = "due"  # what is due
    ALL = "all"  # everything but what is quarantined
    EVERYTHING = "everything"  # everything, whatever happened before


@dataclass(frozen=True, slots=True)
class DueRules:
    """When something is due. `started` is the start of the run: ages are measured from it."""

    started: datetime
    stale_after: timedelta
    look: Look = Look.DUE


def due_at(
    states: Mapping[TargetName, ProductState], revision: str, rules: DueRules, target: TargetName
) -> Due | None:
    """Why a product is due at a target, or None."""
    state = states.get(target, NEVER)
    changed = state.revision != revision
    if rules.look is Look.EVERYTHING:
        return Due.ASKED
    if state.quarantined and not changed:
        return None
    if rules.look is Look.ALL:
        return Due.ASKED
    if not state.revision:
        return Due.NEVER
    if changed:
        return Due.CHANGED
    if state.standing is Standing.FAILED:
        waiting = state.next_attempt_at is not None and state.next_attempt_at > rules.started
        return None if waiting else Due.FAILED
    if state.standing is not Standing.OK or state.verified_at is None:
        return Due.STALE
    return Due.STALE if rules.started - state.verified_at > rules.stale_after else None
