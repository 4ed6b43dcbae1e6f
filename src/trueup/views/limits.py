"""What the rate limit allows and has used, pauses, the token, and who met the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from trueup.domain.runs import Run
    from trueup.ports import BudgetUsage
    from trueup.postgres.attention import ThrottledProduct
    from trueup.postgres.call_figures import ThrottleEvent
    from trueup.postgres.tokens import TokenStatus
    from trueup.views.desk import Desk
    from trueup.views.times import BusinessTime

_LAST: Final = 10  # runs, refusals and products listed


@dataclass(frozen=True, slots=True)
class Limits:
    """The rate limit, the token and who met them."""

    usage: BudgetUsage
    concurrency: int
    daily_reserve: int
    token: TokenStatus
    refusals: Sequence[ThrottleEvent]
    products: Sequence[ThrottledProduct]
    runs: Sequence[Run]


def gather(desk: Desk) -> Limits:
    """Ask the budget, the token and the ledger."""
    from trueup.bootstrap import WORKSPACE
    from trueup.postgres import attention, reports
    from trueup.postgres.call_figures import CallFigures

    app = desk.app
    return Limits(
        app.budget.usage(),
        app.settings.concurrency,
        app.settings.daily_reserve,
        app.tokens.status(),
        CallFigures(app.pool, WORKSPACE).throttles(_LAST),
        attention.throttled_products(desk.connection, limit=_LAST),
        reports.last_runs(desk.connection, _LAST),
    )


def limits_as_json(found: Limits, time: BusinessTime) -> dict[str, Any]:
    """The document of `trueup limits --json`."""
    usage, token = found.usage, found.token
    return {
        "now": time.iso(time.now),
        "window": {"seconds": usage.window, "limit": usage.limit, "used": usage.in_window},
        "in_flight": {"limit": found.concurrency, "used": usage.in_flight},
        "day": {
            "budget": usage.daily_budget,
            "reserve": found.daily_reserve,
            "used": usage.today,
        },
        "targets": {
            name: {
                "used_in_window": target.in_window,
                "factor": round(target.factor, 4),
                "closed_until": time.iso(target.closed_until),
                "last_throttled_at": time.iso(target.last_throttled_at),
            }
            for name, target in usage.targets.items()
        },
        "token": {
            "issued_at": time.iso(token.issued_at),
            "refresh_at": time.iso(token.refresh_at),
            "expires_at": time.iso(token.expires_at),
            "cooldown_until": time.iso(token.cooldown_until),
            "cooldown_reason": token.cooldown_reason,
            "ever_issued": token.generation,
        },
        "throttles": [
            {
                "target": event.target,
                "at": time.iso(event.at),
                "kind": event.kind,
                "retry_after": event.retry_after,
            }
            for event in found.refusals
        ],
        "products": [
            {"sku": p.sku, "name": p.name, "last_at": time.iso(p.last_at), "hits": p.hits}
            for p in found.products
        ],
        "runs": [
            {
                "run_id": run.run_id,
                "started_at": time.iso(run.started_at),
                "requests": dict(run.requests),
            }
            for run in found.runs
        ],
    }
