"""What has a date comes due on that date, once: windows, list prices, never a promotion."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from support.builders import NOW, RULES, ZONE, a_dated_price, a_row, an_id
from support.workshop import Floor, a_floor, assert_settled, fields_of
from trueup.domain.calendar import Today
from trueup.domain.changes import FindingKind
from trueup.domain.offering import Ended, Offering, Withdrawn
from trueup.domain.package import DatedPrice, PackageRow
from trueup.domain.records import Kind
from trueup.planner.dated import time_mark
from trueup.planner.reading import read_lifecycle, read_row

TODAY = RULES.today(NOW)  # 2026-03-14, a quarter past two in the night
D = Decimal


# --- windows -------------------------------------------------------------------------------

# The last five changed, or still change, their clocks at midnight, or lost a whole day.
ZONES = (
    *("Africa/Johannesburg", "Europe/London", "America/New_York", "Australia/Lord_Howe"),
    *("Asia/Beirut", "America/Sao_Paulo", "Africa/Cairo", "America/Asuncion", "Pacific/Apia"),
)
days = st.dates(date(2009, 1, 1), date(2030, 12, 31))
times = st.times()


@st.composite
def local_instants(draw: st.DrawFn, zone: ZoneInfo, day: date) -> datetime:
    """Some moment of a local day, as the database would hand it over."""
    wall = datetime.combine(day, draw(times), zone).replace(fold=draw(st.sampled_from([0, 1])))
    instant = wall.astimezone(UTC)
    assume(instant.astimezone(zone).date() == day)  # a day, or an hour of it, that never was
    return instant


@given(data=st.data(), name=st.sampled_from(ZONES), first=days, length=st.integers(0, 3))
def test_a_window_is_whole_local_days(
    data: st.DataObject, name: str, first: date, length: int
) -> None:
    """Whatever the time of day in the columns, the time of the run, and the clocks did."""
    zone = ZoneInfo(name)
    last = first + timedelta(days=length)
    row = a_row(
        valid_from=data.draw(local_instants(zone, first)),
        valid_to=data.draw(local_instants(zone, last)),
    )
    for offset in range(-2, length + 3):
        day = first + timedelta(days=offset)
        now = data.draw(local_instants(zone, day))
        expected = Ended.OVER if day > last else "live" if day >= first else "dormant"
        assert read_lifecycle(row, Today.at(now, zone)) == expected


@given(data=st.data(), name=st.sampled_from(ZONES), day=days)
def test_the_run_at_two_in_the_night_applies_what_begins_that_day(
    data: st.DataObject, name: str, day: date
) -> None:
    """Also where two o'clock does not exist that night, and where the day begins at one."""
    zone = ZoneInfo(name)
    run = datetime.combine(day, time(2), zone).astimezone(UTC)
    assume(run.astimezone(zone).date() == day)
    begins = data.draw(local_instants(zone, day))
    assert read_lifecycle(a_row(valid_from=begins), Today.at(run, zone)) == "live"
    assert read_lifecycle(a_row(valid_to=begins), Today.at(run, zone)) == "live"
    the_day_after = Today.at(run + timedelta(hours=26), zone)
    assert read_lifecycle(a_row(valid_to=begins), the_day_after) is Ended.OVER


@pytest.mark.parametrize("expected", [date.max, date.min])
def test_the_end_of_time_has_a_date_in_every_zone(expected: date) -> None:
    """For ever is written as the last second that there is."""
    clock = time.max if expected == date.max else time.min
    forever = datetime.combine(expected, clock, UTC)
    for zone in (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Etc/GMT+12")):
        assert abs(Today.at(NOW, zone).date_of(forever) - expected) <= timedelta(days=1)


def test_one_day_is_no_contradiction() -> None:
    """From ten until eight of the same day means that day; dates are compared, not times."""
    row = a_row(valid_from=NOW + timedelta(hours=8), valid_to=NOW + timedelta(hours=6))
    reading, findings = read_row(row, RULES, NOW)
    assert isinstance(reading, Offering)
    assert findings == []


def test_a_contradictory_window_is_told_in_local_dates() -> None:
    """22:30 in UTC is the next day in Johannesburg."""
    row = a_row(
        valid_from=datetime(2026, 4, 30, 22, 30, tzinfo=UTC),
        valid_to=datetime(2026, 4, 29, 22, 30, tzinfo=UTC),
    )
    [finding] = read_row(row, RULES, NOW)[1]
    assert finding.message == "valid until 2026-04-30, before valid from 2026-05-01"


# --- which price is in force ---------------------------------------------------------------

FIRST = a_dated_price("2026-03-10", "899", "940")
SECOND = a_dated_price("2026-03-12", "940", "980")
OF_TODAY = a_dated_price("2026-03-14", "899", "940")
OF_TOMORROW = a_dated_price("2026-03-15", "899", "940")


def price_of(row: PackageRow, now: datetime = NOW) -> Decimal:
    reading, findings = read_row(row, RULES, now)
    assert findings == []
    assert isinstance(reading, Offering)
    return reading.recurring.amount


@pytest.mark.parametrize(
    ("dated", "monthly", "price"),
    [
        ([], "899", "899"),
        ([OF_TOMORROW], "899", "899"),
        ([OF_TODAY], "899", "940"),
        ([OF_TODAY], "940", "940"),
        ([OF_TODAY, OF_TOMORROW], "899", "940"),
        ([FIRST], "899", "940"),
        # Two in one gap: the latest, whether the catalogue followed both, one, or none.
        ([FIRST, SECOND], "899", "980"),
        ([FIRST, SECOND], "940", "980"),
        ([FIRST, SECOND], "980", "980"),
        ([SECOND, FIRST], "899", "980"),
        # One that is taken back later is in force until then.
        ([FIRST, a_dated_price("2026-03-20", "940", "899")], "899", "940"),
        ([a_dated_price("2026-03-01", None, "940")], "940", "940"),
    ],
)
def test_the_latest_that_came_due_is_the_list_price(
    dated: list[DatedPrice], monthly: str, price: str
) -> None:
    """Not before its date; also when nights were missed; whether or not the catalogue followed."""
    assert price_of(a_row(monthly=D(monthly), dated_prices=dated)) == D(price)


def test_of_two_prices_of_one_date_the_one_published_later_counts() -> None:
    """A correction on the same day."""
    early = a_dated_price("2026-03-10", "899", "940", "2026-01-01T08:00:00+00:00")
    late = a_dated_price("2026-03-10", "899", "945", "2026-01-02T08:00:00+00:00")
    assert price_of(a_row(dated_prices=[late, early])) == D(945)


@pytest.mark.parametrize(
    ("dated", "columns", "named"),
    [
        ([FIRST], {"monthly": D(920)}, ("920", "940", "899", "2026-03-10")),
        ([FIRST, SECOND], {"monthly": D(981)}, ("981", "980", "2026-03-12")),
        ([a_dated_price("2026-03-10", None, "940")], {}, ("899", "940")),
        ([OF_TODAY, OF_TOMORROW], {"monthly": D(1)}, ("1", "940")),
        ([OF_TOMORROW], {"monthly": D(940)}, ("940", "2026-03-15", "899")),
        ([FIRST, a_dated_price("2026-03-10", "899", "950")], {}, ("940", "950")),
    ],
)
def test_a_catalogue_that_says_neither_is_held(
    dated: list[DatedPrice], columns: dict[str, Any], named: tuple[str, ...]
) -> None:
    """Somebody changed it without knowing; both prices are named and none is sent."""
    reading, [finding] = read_row(a_row(**columns, dated_prices=dated), RULES, NOW)
    assert reading is None
    assert (finding.code, finding.kind) == ("dated_price_contradiction", FindingKind.MONEY)
    assert finding.held
    assert [word for word in named if word not in finding.message] == []


@pytest.mark.parametrize("before", ["899", None])
def test_a_price_that_does_not_change_is_not_too_early(before: str | None) -> None:
    """A dated price that says what holds anyway, or may, troubles nobody."""
    dated = [a_dated_price("2026-03-15", before, "899")]
    assert price_of(a_row(dated_prices=dated)) == D(899)


@pytest.mark.parametrize(
    ("column", "amount", "agrees"),
    [
        ("price", "940", True),
        ("price", "899", True),
        ("price", "920", False),
        ("base_price_zar", "940", True),
        ("base_price_zar", "899", True),
        ("base_price_zar", "920", False),
    ],
)
def test_the_other_columns_may_follow_or_not(column: str, amount: str, *, agrees: bool) -> None:
    """A trigger, or a person, may write the new price into one of them."""
    row = a_row(dated_prices=[FIRST], **{column: D(amount)})
    found = [finding.code for finding in read_row(row, RULES, NOW)[1]]
    assert found == ([] if agrees else ["price_contradiction"])


@pytest.mark.parametrize(
    ("new", "code"),
    [("0", "price_zero"), ("-5", "price_negative"), ("100000000", "price_too_high")],
)
def test_a_dated_price_is_no_excuse(new: str, code: str) -> None:
    """What may not be sent from the catalogue may not be sent on a date either."""
    row = a_row(dated_prices=[a_dated_price("2026-03-10", "899", new)])
    assert [finding.code for finding in read_row(row, RULES, NOW)[1]] == [code]


def test_a_catalogue_without_a_price_is_not_repaired_by_a_date() -> None:
    """A row is read whole or not at all."""
    row = a_row(pricing={"setup": D(1)}, price=None, base_price_zar=None, dated_prices=[FIRST])
    assert [finding.code for finding in read_row(row, RULES, NOW)[1]] == ["price_missing"]


def test_a_withdrawn_product_needs_no_agreement() -> None:
    """What is only switched off needs no price."""
    row = a_row(status="inactive", monthly=D(1), dated_prices=[FIRST])
    assert isinstance(read_row(row, RULES, NOW)[0], Withdrawn)


def test_a_dated_price_is_in_the_basis_of_the_catalogue() -> None:
    """It replaces `pricing.monthly`, so what that says of VAT holds for it."""
    dated = a_dated_price("2026-03-10", "899", "1150")
    pricing = {"monthly": D(899), "setup": D(0), "vat_inclusive": True}
    row = a_row(pricing=pricing, dated_prices=[dated])
    rules = RULES.__class__("ZAR", ZONE, vat_basis="exclusive", vat_rate=D("0.15"))
    reading, _ = read_row(row, rules, NOW)
    assert isinstance(reading, Offering)
    assert reading.recurring.amount == D(1000)


changes = st.lists(
    st.tuples(st.integers(-5, 5), st.integers(1, 9)), unique_by=lambda pair: pair[0], max_size=5
)


@given(changes=changes, follows=st.integers(0, 5), day=st.integers(-7, 7))
def test_any_history_gives_the_price_of_the_last_date(
    changes: list[tuple[int, int]], follows: int, day: int
) -> None:
    """With a catalogue that followed none, some, or all of what came due."""
    changes.sort()
    prices = [D(100), *(D(100 * (n + 2) + new) for n, (_, new) in enumerate(changes))]
    dated = [
        DatedPrice(
            effective_date=TODAY.day + timedelta(days=offset),
            published_at=None,
            old_price=prices[n],
            new_price=prices[n + 1],
        )
        for n, (offset, _) in enumerate(changes)
    ]
    came_due = sum(offset <= day for offset, _ in changes)
    row = a_row(monthly=prices[min(follows, came_due)], dated_prices=dated)
    assert price_of(row, NOW + timedelta(days=day)) == prices[came_due]


# --- what the calendar makes due -----------------------------------------------------------


def test_only_what_comes_due_changes_the_mark() -> None:
    """A product of no date is never looked at for its date."""
    marks = [
        time_mark(row, TODAY)
        for row in (
            a_row(),
            a_row(dated_prices=[OF_TOMORROW], valid_to=NOW),
            a_row(dated_prices=[OF_TODAY]),
            a_row(dated_prices=[FIRST, SECOND]),
            a_row(valid_to=NOW - timedelta(days=1)),
            a_row(dated_prices=[FIRST], valid_to=NOW - timedelta(days=1)),
        )
    ]
    assert marks[:2] == ["", ""]
    assert len(set(marks[1:])) == len(marks[1:])


def crm_prices(floor: Floor) -> set[Decimal]:
    return {f["Unit_Price"] for f in fields_of(floor.crm, Kind.CRM_PRODUCT).values()}


def nights_that_wrote(floor: Floor, gaps: list[int]) -> list[tuple[date, Decimal]]:
    """Run after so many days each; on which dates CRM's price was written, and to what."""
    written: list[tuple[date, Decimal]] = []
    for gap in gaps:
        floor.clock.sleep((gap - 1) * 86_400)  # a run lets one day pass by itself
        day = Today.at(floor.clock.now(), ZONE).day
        report = floor.run()
        written += [
            (day, change.after["Unit_Price"])  # type: ignore[misc]  # money is a Decimal
            for change in report.plan.changes
            if "Unit_Price" in change.deltas
        ]
    return written


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([1] * 6, [(16, "915"), (18, "930")]),  # every night
        ([1, 2, 1, 1], [(17, "915"), (18, "930")]),  # the night of the first is missed
        ([1, 9, 1], [(24, "930")]),  # both are missed: the latest, at once
    ],
)
def test_a_dated_price_is_applied_once_also_after_missed_nights(
    gaps: list[int], expected: list[tuple[int, str]]
) -> None:
    """On its date, or on the first night after it."""
    dated = [a_dated_price("2026-03-16", "899", "915"), a_dated_price("2026-03-18", "915", "930")]
    floor = a_floor([a_row(dated_prices=dated)]).guarded()
    floor.run()
    assert crm_prices(floor) == {D(899)}
    found = nights_that_wrote(floor, gaps)
    assert found == [(date(2026, 3, day), D(price)) for day, price in expected]
    assert crm_prices(floor) == {D(930)}
    assert_settled(floor)


def test_the_catalogue_may_follow_afterwards_and_nothing_is_written() -> None:
    """The nightly job of the shop writes the new price into the row a day late."""
    floor = a_floor([a_row(dated_prices=[a_dated_price("2026-03-15", "899", "915")])])
    floor.run()
    floor.run()
    assert crm_prices(floor) == {D(915)}
    floor.catalogue.edit(an_id(1), **_priced("915"))
    assert floor.run().plan.changes == ()
    assert_settled(floor)


def test_what_was_verified_an_hour_ago_is_due_when_its_date_comes() -> None:
    """The last run was late in the evening; at two in the night nothing is stale yet."""
    dated = [a_dated_price("2026-03-15", "899", "915")]
    floor = a_floor([a_row(1, dated_prices=dated), a_row(2, valid_to=NOW)])
    floor.clock.at = datetime(2026, 3, 14, 21, 0, tzinfo=UTC)  # 23:00 in Johannesburg
    floor.run()
    floor.clock.at = datetime(2026, 3, 15, 0, 0, tzinfo=UTC)  # 02:00
    report = floor.run()
    assert {change.sku for change in report.plan.changes} == {"FIB-100", "FIB-002"}
    assert crm_prices(floor) == {D(899), D(915)}  # the second product is only switched off
    assert_settled(floor)


def test_a_contradiction_holds_the_product_and_says_so() -> None:
    """Nothing is written; the price that was there stays."""
    floor = a_floor([a_row(dated_prices=[OF_TOMORROW])])
    floor.run()
    floor.catalogue.edit(an_id(1), **_priced("920"))
    report = floor.run()
    assert report.plan.changes == ()
    assert [finding.code for finding in report.plan.findings] == ["dated_price_contradiction"]
    assert report.run.state.value == "held"
    assert crm_prices(floor) == {D(899)}


def _priced(amount: str) -> dict[str, Any]:
    monthly = D(amount)
    pricing = {"monthly": monthly, "setup": D(900)}
    return {"price": monthly, "base_price_zar": monthly, "pricing": pricing}


# --- promotions ----------------------------------------------------------------------------


@pytest.mark.parametrize("promotion", ["0", "1", "400", "899", "1200", "-1"])
@pytest.mark.parametrize("window", ["none", "open", "ended"])
def test_a_promotion_is_in_no_request_in_any_state(promotion: str, window: str) -> None:
    """Open, ended, nought, above the price: the list price is written, and nothing else."""
    ends = {"none": None, "open": NOW + timedelta(days=2), "ended": NOW}[window]
    row = a_row(promotion_price=D(promotion), valid_to=ends)
    floor = a_floor([row])
    asked = []
    for _ in range(4):  # the window ends meanwhile
        asked += floor.run().plan.changes
    sent = {v for change in asked for v in change.after.values() if isinstance(v, Decimal)}
    assert sent == {D(899), D(900), D(0)}  # the price, the installation, no setup fee
    assert crm_prices(floor) == {D(899)}


def test_the_end_of_a_promotion_changes_nothing() -> None:
    """The list price was the price all the time."""
    floor = a_floor([a_row(promotion_price=D(699))])
    floor.run()
    floor.catalogue.edit(an_id(1), promotion_price=None)
    assert floor.run().plan.changes == ()
    assert_settled(floor)


def test_a_promotion_is_measured_by_the_price_in_force() -> None:
    """A dated price below it makes it senseless, which is said and blocks nothing."""
    dated = [a_dated_price("2026-03-15", "899", "850")]
    floor = a_floor([a_row(promotion_price=D(870), dated_prices=dated)])
    assert floor.run().plan.findings == ()
    [finding] = floor.run().plan.findings
    assert (finding.code, crm_prices(floor)) == ("promotion_senseless", {D(850)})
