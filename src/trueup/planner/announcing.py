"""What is news about conditions, and for whom: the state machine of alerts, and the message.

A condition lives in episodes. Whether an episode has ended is decided here once, for everybody;
what is still to be said is the difference between the alert and what an address was told of it. So
nothing is lost while an address cannot be reached, and nothing is said twice where one can.

found, unknown or closed    a new episode                            raised
found, stands               its text, severity and count move        perhaps worse
found, gone for a moment    the same episode goes on                 nothing
not found, stands           gone; a steady one is closed at once     recovered
not found, gone             an unsteady one is closed after a while  recovered
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

from trueup.domain.alerts import Alert, Condition, Message, News, Severity, Told, Turn

QUIET: Final = timedelta(minutes=10)  # between two messages to an address, but for critical news
SOON: Final = timedelta(hours=1)  # what comes back within this after its end is unsteady
SETTLED: Final = timedelta(minutes=30)  # that an unsteady one must stay away to be over
KEPT: Final = timedelta(days=30)  # that what is over is remembered
_TITLES: Final = 2  # conditions that a title names


@dataclass(frozen=True, slots=True)
class Transitions:
    """All alerts after a look, by key, and the keys of those that changed their state."""

    alerts: Mapping[str, Alert]
    raised: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()


def transitions(
    known: Mapping[str, Alert], found: Iterable[Condition], now: datetime
) -> Transitions:
    """The alerts after a look at `now`; what is over for long is left out."""
    alerts: dict[str, Alert] = {}
    raised, changed, recovered = [], [], []
    for condition in found:
        before = known.get(condition.key)
        after = _seen(before, condition, now)
        alerts[condition.key] = after
        if before is None or before.episode != after.episode:
            raised.append(condition.key)
        elif worse(_told(before), after.condition):
            changed.append(condition.key)
    for key, before in known.items():
        if key in alerts or (before.closed_at and now - before.closed_at > KEPT):
            continue
        alerts[key] = _missed(before, now)
        if alerts[key].closed_at and not before.closed_at:
            recovered.append(key)
    return Transitions(alerts, tuple(raised), tuple(changed), tuple(recovered))


def _seen(before: Alert | None, condition: Condition, now: datetime) -> Alert:
    if before is None:
        return Alert(condition, now, now)
    if before.closed_at is None:
        first = min(before.condition.since, condition.since)
        return replace(before, condition=replace(condition, since=first), seen_at=now, gone_at=None)
    returns = before.returns + 1 if now - before.closed_at <= SOON else 0
    return Alert(condition, now, now, episode=before.episode + 1, returns=returns)


def _missed(before: Alert, now: datetime) -> Alert:
    if before.closed_at is not None:
        return before
    gone_at = before.gone_at or now
    away = now - gone_at
    over = away >= SETTLED if before.returns else True
    return replace(before, gone_at=gone_at, closed_at=now if over else None)


def worse(told: Told, condition: Condition) -> bool:
    """Whether a condition is more urgent, of another kind, or about more than was told."""
    if condition.severity is not told.severity:
        return condition.severity.rank > told.severity.rank
    return condition.kind is not told.kind or condition.count > told.count


def _told(alert: Alert, *, ended: bool = False) -> Told:
    one = alert.condition
    return Told(alert.episode, one.kind, one.severity, one.count, ended)


# --- for one address ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Telling:
    """What to say to an address now, and what it knows afterwards, by key.

    `silent` is what it knows without being told: that fewer things are wrong than it heard of.
    """

    news: tuple[News, ...]
    told: Mapping[str, Told]
    silent: Mapping[str, Told]


def telling(
    alerts: Iterable[Alert],
    told: Mapping[str, Told],
    *,
    since: datetime,
    sent_at: datetime | None,
    now: datetime,
) -> Telling:
    """The news for an address that is known `since`; none while it is to be left in peace."""
    news: list[News] = []
    after: dict[str, Told] = {}
    silent: dict[str, Told] = {}
    for alert in alerts:
        key = alert.condition.key
        turn = _turn(alert, told.get(key), since)
        if turn is not None:
            news.append(News(turn, alert.condition, alert.gone_at if alert.closed_at else None))
            after[key] = _told(alert, ended=alert.closed_at is not None)
        elif key in told and (less := _lowered(alert, told[key])) != told[key]:
            silent[key] = less
    urgent = any(
        one.turn in (Turn.RAISED, Turn.WORSE) and one.condition.severity is Severity.CRITICAL
        for one in news
    )
    if sent_at is not None and now - sent_at < QUIET and not urgent:
        return Telling((), {}, silent)
    order = list(Turn)
    news.sort(key=lambda one: (order.index(one.turn) > 1, -one.condition.severity.rank))
    return Telling(tuple(news), after, silent)


def _turn(alert: Alert, told: Told | None, since: datetime) -> Turn | None:
    if told is not None and not told.ended:
        # It was told of this episode, or of one before whose end it never heard.
        if alert.closed_at is not None:
            return Turn.RECOVERED
        return Turn.WORSE if alert.stands and worse(told, alert.condition) else None
    if told is not None and told.episode == alert.episode:
        return None
    if alert.stands:
        return Turn.RAISED
    heard_of = alert.closed_at is not None and alert.closed_at >= since
    return Turn.PASSED if heard_of else None


def _lowered(alert: Alert, told: Told) -> Told:
    """Fewer things are no news, but one more is again."""
    if told.ended or not alert.stands:
        return told
    return replace(told, count=min(told.count, alert.condition.count))


# --- in words -----------------------------------------------------------------------------------

_HEADS: Final = {
    Turn.RAISED: "",
    Turn.WORSE: "worse: ",
    Turn.RECOVERED: "recovered: ",
    Turn.PASSED: "came and went: ",
}


def compose(
    workspace: str, news: Sequence[News], standing: Sequence[Alert], zone: tzinfo
) -> Message:
    """One message of all the news; `standing` is what is wrong now, told or not."""
    blocks = [_block(one, zone) for one in news]
    told = {one.condition.key for one in news}
    rest = [alert.condition.title for alert in standing if alert.condition.key not in told]
    if rest:
        blocks.append("\n".join(["Still so:", *(f"- {title}" for title in rest)]))
    if not standing:
        blocks.append("Nothing is wrong now.")
    blocks.append("What each means and what to do: docs/alerts.md. Now: `trueup alert list`")
    names = [f"{_HEADS[one.turn]}{one.condition.title}" for one in news[:_TITLES]]
    more = [f"{len(news) - _TITLES} more"] * (len(news) > _TITLES)
    title = f"Trueup ({workspace}): {'; '.join([*names, *more])}"
    return Message(title, "\n\n".join(blocks), _severity(news), (), workspace, tuple(news))


def _block(one: News, zone: tzinfo) -> str:
    condition = one.condition
    since = f"since {condition.since.astimezone(zone):%Y-%m-%d %H:%M}"
    if one.until is not None:
        until = f"until {one.until.astimezone(zone):%Y-%m-%d %H:%M}"
        return f"{_HEADS[one.turn]}{condition.title}\n{since}, {until}"
    head = f"{condition.severity.upper()}: {_HEADS[one.turn]}{condition.title}"
    return f"{head}\n{condition.text}\n{since}"


def _severity(news: Sequence[News]) -> Severity:
    standing = [one.condition.severity for one in news if one.until is None]
    return max(standing, key=lambda one: one.rank, default=Severity.RECOVERED)
