"""Money: exact decimals with a currency; the one place that rounds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

CENT = Decimal("0.01")
HIGHEST_PRICE = Decimal("99999999.99")


def cents(amount: Decimal) -> Decimal:
    """Round half up to two places."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def amount_of(value: object) -> Decimal | None:
    """Read an amount from JSON or a database: a decimal, whole number or numeric text.

    `None`, text that is no number, infinities and floats give `None`: a float has already lost
    what was written, so it is not trusted with money.
    """
    if isinstance(value, bool | float) or not isinstance(value, Decimal | int | str):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An exact amount, rounded to cents, in one currency."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        """Refuse floats and round once, here."""
        if not isinstance(self.amount, Decimal):
            raise TypeError("Money takes a Decimal")
        object.__setattr__(self, "amount", cents(self.amount))

    def __str__(self) -> str:
        return f"{self.currency} {self.amount:,.2f}"
