"""What is news about conditions, and how it is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from trueup.domain.alerts import Alert, Condition, Kind, Severity, Told, Turn
from trueup.planner.announcing import KEPT, Telling, compose, telling, transitions

T0 = datetime(2026, 3, 2, tzinfo=UTC)
RUN = Condition("run", Kind.RUN_FAILED, Severity.CRITICAL, "failed", "look there", T0)
HELD = Condition("held", Kind.HELD, Severity.WARNING, "held", "decide", T0, 2)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


class Story:
    """A condition or several over time, and one address that takes every message."""

    def __init__(self) -> None:
        self.alerts: Mapping[str, Alert] = {}
        self.told: dict[str, Told] = {}
        self.sent_at: datetime | None = None
        self.since = T0

    def look(self, minutes: float, *found: Condition) -> list[str]:
        """What the look at that minute says: `raised run`."""
        seen = transitions(self.alerts, found, at(minutes))
        self.alerts = seen.alerts
        said = self.telling(minutes)
        self.told |= said.silent
        if said.news:
            self.told |= said.told
            self.sent_at = at(minutes)
        return [f"{one.turn} {one.condition.key}" for one in said.news]

    def telling(self, minutes: float) -> Telling:
        known = self.alerts.values()
        return telling(known, self.told, since=self.since, sent_at=self.sent_at, now=at(minutes))


def test_a_condition_is_said_once_and_its_end_once() -> None:
    story = Story()
    assert story.look(0, RUN) == ["raised run"]
    assert story.look(20, RUN) == []
    assert story.look(40) == ["recovered run"]
    assert story.look(60) == []


def test_all_news_of_a_look_is_one_message_the_urgent_first() -> None:
    story = Story()
    assert story.look(0, HELD, RUN) == ["raised run", "raised held"]
    assert story.look(20, replace(HELD, count=3)) == ["worse held", "recovered run"]


def test_an_address_is_left_in_peace_but_for_what_is_critical() -> None:
    """And what came meanwhile goes with the next message."""
    story = Story()
    other = replace(HELD, key="drift", kind=Kind.DRIFT)
    assert story.look(0, HELD) == ["raised held"]
    assert story.look(1, HELD, other) == []
    assert story.look(2, HELD, other, RUN) == ["raised run", "raised drift"]
    assert story.look(3, HELD, other) == []
    assert story.look(12, HELD, other) == ["recovered run"]


def test_a_recovery_waits_for_the_quiet_time_also_of_a_critical_condition() -> None:
    story = Story()
    assert story.look(0, RUN) == ["raised run"]
    assert story.look(9) == []
    assert story.look(10) == ["recovered run"]


def test_what_came_and_went_unsaid_is_said_as_such() -> None:
    story = Story()
    assert story.look(0, HELD) == ["raised held"]
    assert story.look(1, HELD, replace(HELD, key="drift")) == []
    assert story.look(3, HELD) == []
    assert story.look(10, HELD) == ["passed drift"]
    assert story.look(20, HELD) == []


def test_more_is_news_less_is_not_and_one_more_is_again() -> None:
    story = Story()
    assert story.look(0, HELD) == ["raised held"]
    assert story.look(20, replace(HELD, count=5)) == ["worse held"]
    assert story.look(40, replace(HELD, count=1)) == []
    assert story.look(60, replace(HELD, count=2)) == ["worse held"]


def test_growing_urgency_and_another_kind_are_news_and_the_way_down_is_not() -> None:
    partial = replace(RUN, kind=Kind.RUN_PARTIAL, severity=Severity.WARNING)
    refused = replace(RUN, kind=Kind.REFUSED)
    story = Story()
    assert story.look(0, partial) == ["raised run"]
    assert story.look(1, RUN) == ["worse run"]
    assert story.look(20, partial) == []
    assert story.look(40, refused) == ["worse run"]
    assert story.look(60) == ["recovered run"]


def test_what_comes_back_soon_is_said_and_then_only_over_when_it_stays_away() -> None:
    story = Story()
    story.look(0, RUN)
    assert story.look(15) == ["recovered run"]
    assert story.look(20, RUN) == ["raised run"]
    for minute in range(25, 120, 10):
        assert story.look(minute) == []
        assert story.look(minute + 5, RUN) == []
    assert story.look(130) == []
    assert story.look(159) == []
    assert story.look(160) == ["recovered run"]
    assert story.alerts["run"].gone_at == at(130)


def test_what_is_away_for_a_moment_does_not_get_worse() -> None:
    story = Story()
    story.look(0, HELD)
    story.look(15)
    assert story.look(26, HELD) == ["raised held"]
    assert story.look(27, replace(HELD, count=9)) == []  # it is left in peace
    assert story.look(30) == []
    assert story.look(40) == []
    assert story.look(60) == ["recovered held"]


def test_what_comes_back_late_is_steady_again() -> None:
    story = Story()
    story.look(0, RUN)
    story.look(15)
    assert story.look(76, RUN) == ["raised run"]
    assert story.look(90) == ["recovered run"]


def test_an_address_that_missed_the_end_hears_of_no_second_beginning() -> None:
    """It was told that it is so, and it is so; it hears of the end when there is one."""
    story = Story()
    story.look(0, HELD)
    story.sent_at = at(12)  # another message, so that the end must wait
    assert story.look(13) == []
    assert story.look(14, HELD) == []
    assert story.look(30, HELD) == []
    assert story.look(31) == []
    assert story.look(61) == ["recovered held"]


def test_a_new_address_hears_what_is_so_and_nothing_of_what_was() -> None:
    story = Story()
    story.look(0, RUN, HELD)
    story.look(20, HELD)
    story.told, story.sent_at, story.since = {}, None, at(30)
    assert story.look(31, HELD) == ["raised held"]


def test_what_is_over_for_long_is_forgotten() -> None:
    story = Story()
    story.look(0, RUN)
    story.look(20)
    days = KEPT.total_seconds() / 60
    story.look(20 + days)
    assert list(story.alerts) == ["run"]
    story.look(21 + days)
    assert list(story.alerts) == []


def test_since_is_the_first_time_it_was_so() -> None:
    story = Story()
    story.look(0, RUN)
    story.look(20, replace(RUN, since=at(20), text="failed again"))
    assert story.alerts["run"].condition.since == T0
    assert story.alerts["run"].condition.text == "failed again"


def test_a_message_says_what_is_new_what_is_still_so_and_where_to_look() -> None:
    story = Story()
    story.look(0, HELD)
    seen = transitions(story.alerts, [HELD, RUN], at(20))
    story.alerts = seen.alerts
    news = story.telling(20).news
    said = compose("acme", news, list(seen.alerts.values()), ZoneInfo("Africa/Johannesburg"))
    assert said.title == "Trueup (acme): failed"
    assert said.severity is Severity.CRITICAL
    assert said.body == (
        "CRITICAL: failed\nlook there\nsince 2026-03-02 02:00\n\n"
        "Still so:\n- held\n\n"
        "What each means and what to do: docs/alerts.md. Now: `trueup alert list`"
    )


def test_a_message_of_good_news_alone_is_a_recovery() -> None:
    story = Story()
    story.look(0, RUN)
    seen = transitions(story.alerts, [], at(20))
    story.alerts = seen.alerts
    said = compose("acme", story.telling(20).news, [], ZoneInfo("UTC"))
    assert said.severity is Severity.RECOVERED
    assert said.title == "Trueup (acme): recovered: failed"
    assert "since 2026-03-02 00:00, until 2026-03-02 00:20" in said.body
    assert "Nothing is wrong now." in said.body


def test_the_title_of_a_digest_names_two_and_counts_the_rest() -> None:
    story = Story()
    many = [replace(HELD, key=f"k{n}", title=f"title {n}") for n in range(4)]
    story.alerts = transitions({}, many, T0).alerts
    said = compose("acme", story.telling(0).news, [], ZoneInfo("UTC"))
    assert said.title == "Trueup (acme): title 0; title 1; 2 more"
    assert {one.turn for one in said.news} == {Turn.RAISED}
