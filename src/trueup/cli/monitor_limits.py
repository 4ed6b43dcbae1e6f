"""`limits`: what the rate limit allows and has used, pauses, and the token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trueup.cli import output
from trueup.cli.reading import open_desk
from trueup.cli.selectors import Json
from trueup.views.documents import COUNTED

if TYPE_CHECKING:
    from trueup.domain.runs import Run
    from trueup.ports import BudgetUsage
    from trueup.postgres.attention import ThrottledProduct
    from trueup.postgres.call_figures import ThrottleEvent
    from trueup.postgres.tokens import TokenStatus
    from trueup.views.desk import Desk
    from trueup.views.times import BusinessTime

_BAR = 30
_LAST = 10  # runs, refusals and products listed


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


def limits(*, json: Json = False) -> None:
    """What the rate limit allows and has used, pauses, the token, and who was throttled.

    Counts are those of all processes that share the database.

    For example:
      trueup limits
      trueup limits --json
    """
    with open_desk() as desk:
        found = _gather(desk)
    if json:
        output.print_json(_limits_as_json(found, desk.time))
    else:
        _show_limits(found, desk.time)


def _gather(desk: Desk) -> Limits:
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


def _limits_as_json(found: Limits, time: BusinessTime) -> dict[str, Any]:
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


def _show_limits(found: Limits, time: BusinessTime) -> None:
    usage = found.usage
    seconds = f"{usage.window:g} s"
    output.facts(
        {
            f"last {seconds}": f"{_bar(usage.in_window, usage.limit)}"
            f"  {usage.in_window:,} of {usage.limit:,} requests",
            "in flight": f"{usage.in_flight} of {found.concurrency}",
            "last 24 h": _day(found),
        }
    )
    output.heading("Targets")
    output.table(
        ("target", f"#last {seconds}", "#rate", "closed until", "last 429"),
        [
            (
                name,
                target.in_window,
                f"{target.factor:.0%}",
                time.at(target.closed_until),
                time.at(target.last_throttled_at),
            )
            for name, target in usage.targets.items()
        ],
        empty="No request was sent yet.",
    )
    output.heading("Token")
    output.facts(_token_facts(found.token, time))
    if found.refusals:
        output.heading("Last refusals")
        output.table(
            ("at", "target", "kind", "#Retry-After"),
            [
                (time.at(e.at), e.target, e.kind, None if e.retry_after is None else e.retry_after)
                for e in found.refusals
            ],
        )
    if found.products:
        output.heading("Products that met the limit")
        output.table(
            ("SKU", "name", "last", "#times"),
            [(p.sku, p.name, time.at(p.last_at), p.hits) for p in found.products],
        )
    if found.runs:
        output.heading("Requests of the last runs")
        output.table(
            ("run", "started", *(f"#{name}" for name in COUNTED)),
            [
                (r.run_id, time.at(r.started_at), *(r.requests.get(n) for n in COUNTED))
                for r in found.runs
            ],
        )


def _bar(used: int, limit: int) -> str:
    full = min(_BAR, -(-used * _BAR // limit))
    return "█" * full + "░" * (_BAR - full)


def _day(found: Limits) -> str:
    usage = found.usage
    if usage.daily_budget is None:
        return f"{usage.today:,} requests (no daily budget is set)"
    reserve = f", {found.daily_reserve:,} of them kept for people" if found.daily_reserve else ""
    return (
        f"{_bar(usage.today, usage.daily_budget)}"
        f"  {usage.today:,} of {usage.daily_budget:,} requests{reserve}"
    )


def _token_facts(token: TokenStatus, time: BusinessTime) -> dict[str, object]:
    facts: dict[str, object] = {}
    if token.issued_at is None or token.expires_at is None or token.refresh_at is None:
        facts["state"] = "none yet; the first request fetches one"
    elif token.expires_at <= time.now:
        facts["state"] = f"expired {time.ago(token.expires_at)}; the next request fetches another"
    else:
        facts["state"] = f"issued {time.at(token.issued_at)} ({time.ago(token.issued_at)})"
        facts["refreshed from"] = f"{time.at(token.refresh_at)} ({time.ago(token.refresh_at)})"
        facts["expires"] = f"{time.at(token.expires_at)} ({time.ago(token.expires_at)})"
    if token.cooldown_until is not None:
        until = f"until {time.at(token.cooldown_until)} ({time.ago(token.cooldown_until)})"
        facts["cooldown"] = f"{until}: {token.cooldown_reason or 'asked for by the issuer'}"
    return facts
