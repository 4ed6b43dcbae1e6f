"""A row is read whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest

from support.builders import NOW, RULES, a_row
from trueup.domain.changes import Finding, FindingKind
from trueup.domain.offering import Dormant, Ended, Offering, Withdrawn
from trueup.domain.package import PackageRow, UnreadableRow
from trueup.planner.reading import promotion_trouble, read_row

Columns = dict[str, Any]
TODAY = RULES.today(NOW)
PAST, FUTURE = NOW - timedelta(days=30), NOW + timedelta(days=30)


def offering_of(row: PackageRow, **rules: Any) -> Offering:
    reading, findings = read_row(row, replace(RULES, **rules), NOW)
    assert findings == []
    assert isinstance(reading, Offering)
    return reading


def codes_of(row: PackageRow) -> list[str]:
    reading, findings = read_row(row, RULES, NOW)
    assert reading is None
    return [finding.code for finding in findings]


def only(findings: Iterable[Finding]) -> Finding:
    [finding] = findings
    return finding


def device(cost: Any) -> Columns:
    return {"hardware": {"included": True, "model": "Router X", "sku": "RTX-1", "cost": cost}}


# --- money ---------------------------------------------------------------------------------


def test_the_monthly_price_is_the_list_price() -> None:
    """Price and setup are exact and in the configured currency."""
    offering = offering_of(a_row(monthly=Decimal("781.74"), setup=Decimal(0)))
    assert str(offering.recurring) == "ZAR 781.74"
    assert str(offering.setup) == "ZAR 0.00"


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"pricing": None}, "price_missing"),
        ({"pricing": {"setup": Decimal(0)}}, "price_missing"),
        ({"pricing": {"monthly": None, "setup": Decimal(0)}}, "price_missing"),
        ({"pricing": {"monthly": "ask us", "setup": Decimal(0)}}, "price_missing"),
        ({"pricing": {"monthly": 899.0, "setup": Decimal(0)}}, "price_missing"),
        ({"monthly": Decimal(0)}, "price_zero"),
        ({"monthly": Decimal("0.004")}, "price_zero"),
        ({"monthly": Decimal(-899)}, "price_negative"),
        ({"monthly": Decimal("1E+40")}, "price_too_high"),
        ({"monthly": Decimal(100000000)}, "price_too_high"),
        ({"price": Decimal("799.00")}, "price_contradiction"),
        ({"base_price_zar": Decimal("799.00")}, "price_contradiction"),
        ({"price": Decimal(0)}, "price_contradiction"),
        ({"monthly": Decimal(899), "setup": None}, "setup_missing"),
        ({"monthly": Decimal(899), "setup": Decimal(-1)}, "setup_negative"),
        ({"monthly": Decimal(899), "setup": Decimal(100000000)}, "setup_too_high"),
        ({"monthly": Decimal(899), "setup": "free"}, "setup_unreadable"),
        ({"metadata": device("free")}, "device_cost_unreadable"),
        ({"metadata": device(Decimal(-1))}, "device_cost_unreadable"),
        ({"metadata": device("1E+40")}, "device_cost_unreadable"),
    ],
)
def test_a_price_in_doubt_is_a_finding_about_money(columns: Columns, code: str) -> None:
    """No price is guessed: the whole row waits for a person."""
    reading, findings = read_row(a_row(**columns), RULES, NOW)
    assert reading is None
    finding = only(findings)
    assert (finding.code, finding.kind, finding.held) == (code, FindingKind.MONEY, True)


@pytest.mark.parametrize("column", ["price", "base_price_zar"])
def test_an_unset_price_column_contradicts_nothing(column: str) -> None:
    """Only columns that are set must agree."""
    assert offering_of(a_row(1, **{column: None})).recurring.amount == Decimal("899.00")


@pytest.mark.parametrize("amount", ["0.01", "99999999.99"])
def test_the_smallest_and_the_largest_price_are_prices(amount: str) -> None:
    """The bounds themselves are allowed."""
    assert offering_of(a_row(monthly=Decimal(amount))).recurring.amount == Decimal(amount)


def test_the_numbers_of_both_contradictions_are_named() -> None:
    """Both columns that disagree are said, each with what it says."""
    row = a_row(price=Decimal("799.00"), base_price_zar=Decimal("699.00"))
    _, findings = read_row(row, RULES, NOW)
    assert ["799.00" in f.message or "699.00" in f.message for f in findings] == [True, True]


def vat_row(*, inclusive: bool | None, place: str = "pricing", monthly: str = "899") -> PackageRow:
    pricing: Columns = {"monthly": Decimal(monthly), "setup": Decimal(115)}
    metadata: Columns = {}
    if inclusive is not None:
        (pricing if place == "pricing" else metadata)["vat_inclusive"] = inclusive
    price = Decimal(monthly)
    return a_row(pricing=pricing, metadata=metadata, price=price, base_price_zar=price)


@pytest.mark.parametrize("place", ["pricing", "metadata"])
@pytest.mark.parametrize(
    ("basis", "inclusive", "monthly", "sent", "setup"),
    [
        (None, True, "899", "899.00", "115.00"),
        (None, False, "899", "899.00", "115.00"),
        ("exclusive", None, "899", "899.00", "115.00"),
        ("exclusive", False, "899", "899.00", "115.00"),
        ("exclusive", True, "899", "781.74", "100.00"),
        ("inclusive", False, "781.74", "899.00", "132.25"),
        ("inclusive", True, "899", "899.00", "115.00"),
        ("inclusive", None, "899", "899.00", "115.00"),
    ],
)
def test_prices_are_sent_in_one_vat_basis(
    place: str,
    basis: Literal["exclusive", "inclusive"] | None,
    inclusive: bool | None,
    monthly: str,
    sent: str,
    setup: str,
) -> None:
    """899 with VAT is 781.74 without, half up to the cent, and the setup fee follows."""
    row = vat_row(inclusive=inclusive, place=place, monthly=monthly)
    offering = offering_of(row, vat_basis=basis)
    assert str(offering.recurring.amount) == sent
    assert str(offering.setup.amount) == setup


def test_the_vat_rate_is_configurable() -> None:
    """Another country, another rate."""
    row = vat_row(inclusive=True, monthly="120")
    offering = offering_of(row, vat_basis="exclusive", vat_rate=Decimal("0.20"))
    assert offering.recurring.amount == Decimal("100.00")


@pytest.mark.parametrize(("in_pricing", "in_metadata"), [(True, False), (False, True), ("yes", 1)])
def test_contradictory_vat_statements_are_a_finding(in_pricing: Any, in_metadata: Any) -> None:
    """A row that says both, or something else, is not converted."""
    row = vat_row(inclusive=None)
    assert row.pricing is not None
    pricing = row.pricing | {"vat_inclusive": in_pricing}
    columns: Columns = {"pricing": pricing, "metadata": {"vat_inclusive": in_metadata}}
    assert codes_of(a_row(**columns)) == ["vat_contradiction"]


def test_equal_vat_statements_agree() -> None:
    """Saying it twice is no contradiction."""
    row = vat_row(inclusive=True)
    assert row.pricing is not None
    twice = a_row(pricing=row.pricing, metadata={"vat_inclusive": True})
    assert offering_of(twice, vat_basis="exclusive").recurring.amount == Decimal("781.74")


@pytest.mark.parametrize("amount", ["549.00", "0", "-5", "899.00", "1000"])
def test_a_promotion_never_becomes_the_list_price(amount: str) -> None:
    """Whatever the promotion says, the list price is read."""
    row = a_row(promotion_price=Decimal(amount))
    assert offering_of(row).recurring.amount == Decimal("899.00")


@pytest.mark.parametrize(
    ("amount", "sensible"), [("549", True), ("0", False), ("899", False), ("900", False)]
)
def test_a_senseless_promotion_is_said_and_blocks_nothing(amount: str, *, sensible: bool) -> None:
    """Nought and the list price itself are no promotions."""
    finding = promotion_trouble(a_row(promotion_price=Decimal(amount)), TODAY)
    assert (finding is None) is sensible
    assert finding is None or (finding.blocks == frozenset() and not finding.held)


def test_no_promotion_is_no_trouble() -> None:
    """Most rows have none."""
    assert promotion_trouble(a_row(), TODAY) is None


def test_the_cost_column_is_not_even_read() -> None:
    """What a row type does not have cannot leave the database."""
    assert not [name for name in PackageRow.__struct_fields__ if "cost" in name]


# --- lifecycle -----------------------------------------------------------------------------

WINDOWS: dict[str, tuple[datetime | None, datetime | None]] = {
    "none": (None, None),
    "open": (PAST, FUTURE),
    "over": (PAST, NOW - timedelta(days=1)),
    "future": (FUTURE, None),
}


@pytest.mark.parametrize(
    ("status", "window", "becomes"),
    [
        ("active", "none", Offering),
        ("active", "open", Offering),
        ("active", "over", Ended.OVER),
        ("active", "future", Dormant),
        ("inactive", "none", Ended.INACTIVE),
        ("inactive", "open", Ended.INACTIVE),
        ("inactive", "over", Ended.INACTIVE),
        ("inactive", "future", Ended.INACTIVE),
        ("archived", "none", Ended.ARCHIVED),
        ("archived", "open", Ended.ARCHIVED),
        ("archived", "over", Ended.ARCHIVED),
        ("archived", "future", Ended.ARCHIVED),
        ("draft", "none", Dormant),
        ("draft", "open", Dormant),
        ("draft", "over", Dormant),
        ("draft", "future", Dormant),
    ],
)
def test_the_lifecycle_of_every_status_in_every_window(
    status: str, window: str, becomes: object
) -> None:
    """Four statuses and four windows: on sale, withdrawn, or not yet there."""
    valid_from, valid_to = WINDOWS[window]
    reading, findings = read_row(
        a_row(status=status, valid_from=valid_from, valid_to=valid_to), RULES, NOW
    )
    assert findings == []
    seen = reading.why if isinstance(reading, Withdrawn) else type(reading)
    assert seen == becomes


@pytest.mark.parametrize("status", [None, "", "Active", "live"])
def test_an_unknown_status_is_a_finding(status: str | None) -> None:
    """Nobody guesses whether a product is sold."""
    assert codes_of(a_row(status=status)) == ["status_unknown"]


def test_the_last_second_of_the_window_is_inside() -> None:
    """A window ends after its last instant, not at it."""
    reading, _ = read_row(a_row(valid_to=NOW, valid_from=NOW), RULES, NOW)
    assert isinstance(reading, Offering)


@pytest.mark.parametrize("status", ["inactive", "archived"])
def test_a_withdrawn_row_is_not_blocked_by_its_price(status: str) -> None:
    """What is only switched off needs no price."""
    reading, findings = read_row(a_row(status=status, pricing=None, sku=None), RULES, NOW)
    assert isinstance(reading, Withdrawn)
    assert findings == []


# --- text and dates ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"sku": None}, "sku_missing"),
        ({"sku": ""}, "sku_missing"),
        ({"sku": "  "}, "sku_missing"),
        ({"sku": "FIB\x07100"}, "sku_control_character"),
        ({"name": None}, "name_missing"),
        ({"name": " \t "}, "name_missing"),
        ({"name": "Fibre\n100"}, "name_control_character"),
        ({"name": "Fibre \x00"}, "name_control_character"),
        ({"description": "fast\x0bline"}, "description_control_character"),
        ({"metadata": {"contract_months": "x"}}, "term_contradiction"),
    ],
)
def test_texts_that_no_target_should_see(columns: Columns, code: str) -> None:
    """Missing names and control characters are refused, by name."""
    assert codes_of(a_row(**columns)) == [code]


def test_a_control_character_is_named() -> None:
    """A person can find what cannot be seen."""
    _, findings = read_row(a_row(name="Fibre \x07"), RULES, NOW)
    assert "U+0007" in only(findings).message


def test_everything_wrong_with_a_row_is_said_at_once() -> None:
    """A person mends a row once, not once a night."""
    row = a_row(sku=None, name=None, pricing=None, metadata={"contract_months": "x"})
    expected = ["sku_missing", "name_missing", "price_missing", "term_contradiction"]
    assert codes_of(row) == expected


@pytest.mark.parametrize("text", ["Vesel Špica", "光ファイバー", "Café ☕", "Nẽo̧ línea"])
def test_any_language_is_accepted(text: str) -> None:
    """Only control characters are refused."""
    offering = offering_of(a_row(name=text, description=text, sku=text))
    assert (offering.name, offering.description, offering.sku) == (text, text, text)


def test_white_space_around_texts_is_not_part_of_them() -> None:
    """A target that trims must not look different for ever."""
    offering = offering_of(a_row(sku=" FIB-100 ", name=" Fibre ", description="\n a\r\nb \r"))
    assert (offering.sku, offering.name, offering.description) == ("FIB-100", "Fibre", "a\nb")


def test_a_missing_description_is_empty() -> None:
    """Never a null."""
    assert offering_of(a_row(description=None)).description == ""


def test_dates_are_those_of_the_business() -> None:
    """23:00 in UTC is the next day in Johannesburg."""
    row = a_row(
        valid_from=datetime(2026, 1, 31, 23, 0, tzinfo=UTC),
        valid_to=datetime(2026, 12, 31, 21, 59, tzinfo=UTC),
    )
    offering = offering_of(row)
    assert (offering.valid_from, offering.valid_to) == ("2026-02-01", "2026-12-31")


@pytest.mark.parametrize(("valid_from", "valid_to"), [(NOW, PAST), (FUTURE, NOW), (FUTURE, PAST)])
def test_a_window_that_ends_before_it_begins_is_a_finding(
    valid_from: datetime, valid_to: datetime
) -> None:
    """A contradiction neither withdraws a product nor starts it."""
    assert codes_of(a_row(valid_from=valid_from, valid_to=valid_to)) == ["dates_contradiction"]


def test_a_contradictory_window_does_not_bring_a_withdrawn_row_back() -> None:
    """What is inactive is inactive, whatever its dates."""
    reading, _ = read_row(a_row(status="inactive", valid_from=FUTURE, valid_to=PAST), RULES, NOW)
    assert isinstance(reading, Withdrawn)


@pytest.mark.parametrize(
    ("column", "kind"), [("price", FindingKind.MONEY), ("valid_to", FindingKind.TEXT)]
)
def test_a_row_that_cannot_be_read_whole_is_refused(column: str, kind: FindingKind) -> None:
    """Held where its money cannot be read; nothing is made of the rest of it."""
    row = UnreadableRow(
        id="1", sku="FIB-100", name="Fibre", status="active", column=column, problem="NaN"
    )
    reading, [finding] = read_row(row, RULES, NOW)
    assert (reading, finding.code, finding.kind) == (None, "row_unreadable", kind)
    assert finding.held is (kind is FindingKind.MONEY)
    assert column in finding.message
