"""Money is exact, rounded in one place, and never a float."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trueup.domain.money import Money, amount_of, cents


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("781.735", "781.74"),
        ("781.7349", "781.73"),
        ("0.005", "0.01"),
        ("0.015", "0.02"),
        ("-0.005", "-0.01"),
        ("899", "899.00"),
        ("99999999.99", "99999999.99"),
    ],
)
def test_cents_are_rounded_half_up(amount: str, rounded: str) -> None:
    """Half a cent goes away from zero, whatever the digit before it."""
    assert str(cents(Decimal(amount))) == rounded


def test_money_rounds_once_when_it_is_made() -> None:
    """An amount in Money has two places."""
    assert Money(Decimal("899.005"), "ZAR").amount == Decimal("899.01")


def test_money_refuses_a_float() -> None:
    """What was written is lost in a float already."""
    with pytest.raises(TypeError, match="Decimal"):
        Money(899.0, "ZAR")  # type: ignore[arg-type]  # the mistake under test


def test_money_is_shown_with_its_currency() -> None:
    """A person reads the currency, thousands and cents."""
    assert str(Money(Decimal("12345.5"), "ZAR")) == "ZAR 12,345.50"


def test_money_in_two_currencies_differs() -> None:
    """The same number in another currency is another price."""
    assert Money(Decimal(1), "ZAR") != Money(Decimal(1), "USD")


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (Decimal("899.00"), Decimal("899.00")),
        (899, Decimal(899)),
        ("899.50", Decimal("899.50")),
        ("0", Decimal(0)),
        ("-5", Decimal(-5)),
    ],
)
def test_amounts_are_read_from_exact_values(value: object, amount: Decimal) -> None:
    """Decimals, whole numbers and numeric text are amounts."""
    assert amount_of(value) == amount


@pytest.mark.parametrize(
    "value", [None, 899.0, True, False, "", "R899", "NaN", "Infinity", Decimal("NaN"), [], {}]
)
def test_anything_else_is_no_amount(value: object) -> None:
    """What is not exact is not money, and certainly not zero."""
    assert amount_of(value) is None
