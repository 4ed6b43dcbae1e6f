"""Where a view finds what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trueup.views.times import BusinessTime

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.postgres.reports import Reader


@dataclass(frozen=True, slots=True)
class Desk:
    """A workspace's app, one connection to its database, and its time."""

    app: App
    connection: Reader
    time: BusinessTime
