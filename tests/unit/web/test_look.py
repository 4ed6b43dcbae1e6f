"""Sentences, amounts and counts as pages show them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trueup.web.ui.look import counted, money, said

GAP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the row has no SKU", "The row has no SKU."),
        ("correct it, or `trueup resync`", "Correct it, or <code>trueup resync</code>."),
        ("a sign ` alone", "A sign ` alone."),
        ("pricing.monthly is not set", "pricing.monthly is not set."),
        ("Unit_Price falls", "Unit_Price falls."),
        ("crm takes 50 characters", "CRM takes 50 characters."),
        ("somebody's edit", "Somebody&#39;s edit."),
        ("Is it?", "Is it?"),
        ("<b>bold</b> `<i>`", "&lt;b&gt;bold&lt;/b&gt; <code>&lt;i&gt;</code>."),
        ("", ""),
    ],
)
def test_a_sentence_begins_and_ends_like_one(text: str, shown: str) -> None:
    assert said(text) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Decimal(1099), f"ZAR{GAP}1,099.00"),
        ("1099.5", f"ZAR{GAP}1,099.50"),
        ("0.125", f"ZAR{GAP}0.125"),
        ("1E+3", f"ZAR{GAP}1,000.00"),
        (0, f"ZAR{GAP}0.00"),
        ("", "-"),
        (None, "-"),
    ],
)
def test_an_amount_has_its_currency_and_two_decimals_or_more(amount: object, shown: str) -> None:
    assert money(amount, "ZAR") == shown  # type: ignore[arg-type]  # whatever a template gives


def test_a_number_of_things_is_counted() -> None:
    assert counted(1, "product") == "1 product"
    assert counted(1200, "product") == "1,200 products"
    assert counted(2, "product does", "products do") == "2 products do"
