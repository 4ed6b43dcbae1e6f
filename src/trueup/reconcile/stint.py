"""The time and the requests of one run, and the targets that stopped on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trueup.domain.errors import CredentialsError, ScopeError, TrueupError
from trueup.domain.records import TargetName
from trueup.reconcile.scope import Workshop

REQUEST_COUNTS = ("oauth", "crm", "billing")


@dataclass(slots=True)
class Stint:
    """Begins when it is made. `ends_at` is a monotonic second, None without a deadline.

    `catalogue_size` is what the last run saw, for a run that is refused before it looked.
    """

    shop: Workshop
    stopped: dict[TargetName, TrueupError] = field(default_factory=dict)
    ends_at: float | None = field(init=False)
    catalogue_size: int | None = field(init=False)
    _before: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Look at the clock, the counters and the last run."""
        shop, last = self.shop, self.shop.ledger.last_run()
        deadline = shop.limits.deadline
        self.ends_at = None if deadline is None else shop.clock.monotonic() + deadline
        self.catalogue_size = None if last is None else last.catalogue_size
        self._before = dict(shop.requests())

    def requests(self) -> dict[str, int]:
        """The requests sent since it began, by target."""
        now = self.shop.requests()
        return {name: now.get(name, 0) - self._before.get(name, 0) for name in REQUEST_COUNTS}

    def fatal(self) -> TrueupError | None:
        """Refused credentials or permissions: what a person must mend."""
        return next(
            (e for e in self.stopped.values() if isinstance(e, CredentialsError | ScopeError)), None
        )

    def reasons(self) -> list[str]:
        """Why targets stopped, in words."""
        return [f"{target.value}: {e.message}" for target, e in sorted(self.stopped.items())]
