"""Where a view finds what it needs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from trueup.views.times import BusinessTime

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.postgres.reports import Reader
    from trueup.views.tally import Lately

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Desk:
    """A workspace's app, one connection to its database, and its time.

    `lately` is there where many look one after the other.
    """

    app: App
    connection: Reader
    time: BusinessTime
    lately: Lately | None = None

    def good(self, question: str, circumstances: Hashable, ask: Callable[[], Found]) -> Found:
        """The answer of now; or, where many look, that of some seconds ago if nothing has moved."""
        if self.lately is None:
            return ask()
        return self.lately.good(question, circumstances, ask)

    def moves(self) -> Hashable:
        """Changes when a run begins or ends."""
        from trueup.postgres.reports import last_runs

        return tuple(
            (run.run_id, run.state, run.finished_at) for run in last_runs(self.connection, 1)
        )
