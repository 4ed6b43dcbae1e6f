"""Whatever happens to conditions and to the way: nothing is lost, nothing is said twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trueup.domain.alerts import Alert, Condition, Kind, News, Severity, Told, Turn
from trueup.planner.announcing import QUIET, SETTLED, telling, transitions

KEYS = ("run", "held", "drift")
SEVERITIES = (Severity.WARNING, Severity.CRITICAL)


@dataclass
class Address:
    """Somebody who is told, over a way that works or does not."""

    since: datetime
    works: bool = True
    told: dict[str, Told] = field(default_factory=dict)
    sent_at: datetime | None = None
    heard: list[tuple[datetime, tuple[News, ...]]] = field(default_factory=list)

    def open_keys(self) -> set[str]:
        """What it believes to be wrong, from what it heard alone."""
        found: set[str] = set()
        for _, message in self.heard:
            for one in message:
                key = one.condition.key
                if one.turn is Turn.RAISED:
                    assert key not in found, f"{key} was announced twice"
                    found.add(key)
                elif one.turn is Turn.RECOVERED:
                    assert key in found, f"{key} recovered without having been announced"
                    found.remove(key)
                elif one.turn is Turn.WORSE:
                    assert key in found, f"{key} got worse without having been announced"
                else:
                    assert key not in found, f"{key} came and went while it was announced"
        return found


class Alerts(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 3, 2, tzinfo=UTC)
        self.wrong: dict[str, Condition] = {}
        self.alerts: dict[str, Alert] = {}
        self.addresses = [Address(self.now), Address(self.now)]
        self.look()

    @rule(key=st.sampled_from(KEYS), severity=st.sampled_from(SEVERITIES), count=st.integers(1, 3))
    def goes_wrong(self, key: str, severity: Severity, count: int) -> None:
        kind = Kind.RUN_FAILED if key == "run" else Kind.HELD
        self.wrong[key] = Condition(key, kind, severity, key, "", self.now, count)
        self.look()

    @precondition(lambda self: self.wrong)
    @rule(data=st.data())
    def is_mended(self, data: st.DataObject) -> None:
        del self.wrong[data.draw(st.sampled_from(sorted(self.wrong)))]
        self.look()

    @rule(minutes=st.sampled_from([1, 5, 11, 31, 90]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.look()

    @rule(which=st.sampled_from([0, 1]), works=st.booleans())
    def a_way_breaks_or_is_mended(self, which: int, works: bool) -> None:
        self.addresses[which].works = works
        self.look()

    @rule(which=st.sampled_from([0, 1]))
    def an_address_is_replaced(self, which: int) -> None:
        self.addresses[which] = Address(self.now)
        self.look()

    @rule()
    def in_good_weather_everybody_knows_how_it_is(self) -> None:
        """Quiet and unsteadiness delay it; they end."""
        for address in self.addresses:
            address.works = True
        for _ in range(2):
            self.now += max(QUIET, SETTLED)
            self.look()
        for address in self.addresses:
            assert address.open_keys() == set(self.wrong)
            for key, alert in self.alerts.items():
                if alert.raised_at >= address.since:
                    told = address.told[key]
                    # Who never heard of an end has heard of all of it, if it is so again.
                    goes_on = alert.stands and not told.ended
                    assert told.episode == alert.episode or goes_on, f"{key} was never told"
            said = len(address.heard)
            self.look()
            assert len(address.heard) == said

    def look(self) -> None:
        """One look of one worker: the state moves, and each address is told what is news to it."""
        seen = transitions(self.alerts, self.wrong.values(), self.now)
        self.alerts = dict(seen.alerts)
        for address in self.addresses:
            said = telling(
                self.alerts.values(),
                address.told,
                since=address.since,
                sent_at=address.sent_at,
                now=self.now,
            )
            address.told |= said.silent
            if said.news and address.works:
                address.heard.append((self.now, said.news))
                address.told |= said.told
                address.sent_at = self.now

    @invariant()
    def no_announcement_comes_twice_nor_out_of_order(self) -> None:
        for address in self.addresses:
            address.open_keys()

    @invariant()
    def messages_keep_their_distance_but_for_critical_news(self) -> None:
        for address in self.addresses:
            for (before, _), (at, news) in zip(address.heard, address.heard[1:], strict=False):
                urgent = any(
                    one.condition.severity is Severity.CRITICAL
                    and one.turn in (Turn.RAISED, Turn.WORSE)
                    for one in news
                )
                assert urgent or at - before >= QUIET

    @invariant()
    def where_the_way_works_nothing_waits_but_for_quiet(self) -> None:
        for address in self.addresses:
            quiet = address.sent_at is not None and self.now - address.sent_at < QUIET
            if address.works and not quiet:
                told = {key for key, one in address.told.items() if not one.ended}
                assert set(self.wrong) <= told


TestAlerts = Alerts.TestCase
TestAlerts.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
