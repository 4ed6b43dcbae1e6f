"""How much an organisation may ask: sliding windows, daily budgets, requests at once.

A refused request counts too, so a client that keeps knocking stays outside (zoho-facts §2.13,
§3.8). All times are emulated seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from zoho_emulator.clock import Clock
from zoho_emulator.dialect import Throttle
from zoho_emulator.options import LimitOptions

MINUTE = 60.0
DAY = 86_400.0
SERVICES = ("oauth", "crm", "billing")


class SlidingWindow:
    """The weight of what arrived within the last `seconds`, and the most there ever was."""

    def __init__(self, seconds: float, limit: int | None) -> None:
        self.seconds = seconds
        self.limit = limit
        self.most = 0
        self._weight = 0
        self._arrivals: deque[tuple[float, int]] = deque()

    def arrive(self, at: float, weight: int = 1) -> bool:
        """Count an arrival; False when it goes beyond the limit."""
        self._forget(at)
        self._arrivals.append((at, weight))
        self._weight += weight
        self.most = max(self.most, self._weight)
        return self.limit is None or self._weight <= self.limit

    def used(self, at: float) -> int:
        """The weight inside the window that ends now."""
        self._forget(at)
        return self._weight

    def free_in(self, at: float) -> float:
        """Seconds of silence after which one more request of weight 1 would pass."""
        if self.limit is None:
            return 0.0
        excess = self.used(at) + 1 - self.limit
        for arrival, weight in self._arrivals:
            if excess <= 0:
                return 0.0
            excess -= weight
            if excess <= 0:
                return arrival + self.seconds - at
        return 0.0 if excess <= 0 else self.seconds

    def _forget(self, at: float) -> None:
        while self._arrivals and self._arrivals[0][0] <= at - self.seconds:
            self._weight -= self._arrivals.popleft()[1]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in; `retry_after` in emulated seconds."""

    kind: Throttle
    retry_after: float | None


class Limits:
    """The turnstile of one organisation."""

    def __init__(self, options: LimitOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._in_flight = dict.fromkeys(SERVICES, 0)
        self._heavy = 0
        self.most_in_flight = 0
        self._total = SlidingWindow(MINUTE, options.total_per_minute)
        self._minute = {
            "oauth": SlidingWindow(MINUTE, None),
            "crm": SlidingWindow(MINUTE, options.crm_per_minute),
            "billing": SlidingWindow(MINUTE, options.billing_per_minute),
        }
        self._day = {
            "oauth": SlidingWindow(DAY, None),
            "crm": SlidingWindow(DAY, options.crm_credits_per_day),
            "billing": SlidingWindow(DAY, options.billing_per_day),
        }

    def enter(self, service: str, *, credits_: int = 1, heavy: bool = False) -> Refusal | None:
        """Count a request that arrives, and say whether it is refused.

        Call `leave` with the same arguments when its answer has been delivered.
        """
        at = self._clock.monotonic()
        self._in_flight[service] += 1
        self._heavy += heavy
        together = sum(self._in_flight.values())
        self.most_in_flight = max(self.most_in_flight, together)

        total_passes = self._total.arrive(at)
        minute_passes = self._minute[service].arrive(at)
        day_passes = self._day[service].arrive(at, credits_)
        if service == "oauth":
            return None  # the accounts server has a limit of its own (§1.4)
        if not (total_passes and minute_passes):
            return self._refusal("minute", self._total, self._minute[service])
        if not day_passes:
            return self._refusal("day", self._day[service])
        if self._crowded(service, heavy=heavy):
            return self._refusal("concurrency")
        return None

    def leave(self, service: str, *, heavy: bool = False) -> None:
        """A request's answer has been delivered, or its connection is gone."""
        self._in_flight[service] -= 1
        self._heavy -= heavy

    def largest_windows(self) -> dict[str, int]:
        """The most requests in any sliding minute, over all services and by service."""
        return {"total": self._total.most} | {
            name: window.most for name, window in self._minute.items()
        }

    def used_today(self) -> dict[str, int]:
        """Credits (CRM) or requests of the last 24 hours."""
        at = self._clock.monotonic()
        return {name: window.used(at) for name, window in self._day.items()}

    def credits_left(self) -> int | None:
        """CRM credits left of the rolling day; None when unlimited."""
        if self._options.crm_credits_per_day is None:
            return None
        return max(0, self._options.crm_credits_per_day - self.used_today()["crm"])

    def _crowded(self, service: str, *, heavy: bool) -> bool:
        most, most_heavy = self._options.concurrency, self._options.crm_sub_concurrency
        if most is not None and self._in_flight[service] > most:
            return True
        return heavy and most_heavy is not None and self._heavy > most_heavy

    def _refusal(self, kind: Throttle, *windows: SlidingWindow) -> Refusal:
        if not self._options.retry_after:
            return Refusal(kind, None)
        at = self._clock.monotonic()
        return Refusal(kind, max((window.free_in(at) for window in windows), default=1.0))
