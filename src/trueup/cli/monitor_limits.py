"""`limits`: what the rate limit allows and has used, pauses, and the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.cli import output
from trueup.cli.reading import open_desk
from trueup.cli.selectors import Json
from trueup.views.documents import COUNTED
from trueup.views.limits import Limits, gather, limits_as_json

if TYPE_CHECKING:
    from trueup.postgres.tokens import TokenStatus
    from trueup.views.times import BusinessTime

_BAR = 30


def limits(*, json: Json = False) -> None:
    """What the rate limit allows and has used, pauses, the token, and who was throttled.

    Counts are those of all processes that share the database.

    For example:
      trueup limits
      trueup limits --json
    """
    with open_desk() as desk:
        found = gather(desk)
    if json:
        output.print_json(limits_as_json(found, desk.time))
    else:
        _show_limits(found, desk.time)


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
