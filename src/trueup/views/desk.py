"""Where a view finds what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trueup.views.times import BusinessTime

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.postgres.reports import Reader
    from trueup.views.tally import Lately


@dataclass(frozen=True, slots=True)
class Desk:
    """A workspace's app, one connection to its database, and its time.

    `lately` is there where many look one after the other.
    """

    app: App
    connection: Reader
    time: BusinessTime
    lately: Lately | None = None
