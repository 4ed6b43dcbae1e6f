"""Looks at everything, and what they found: drift, or duplicates. The last of each kind is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trueup.domain.jobs import JobKind


@dataclass(frozen=True, slots=True)
class Look:
    """One look at everything. `what` is the job that looked: `DRIFT` or `DUPLICATES`.

    `looked` counts the products that were compared, or the records that were read; `found` the
    products that differ, or the groups. `document` has counts of all of it and a list of the
    first; it is empty once a later look of the same kind was kept.
    """

    what: JobKind
    began_at: datetime
    ended_at: datetime
    looked: int
    found: int
    asked_by: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
