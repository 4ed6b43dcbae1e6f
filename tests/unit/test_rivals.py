"""How rivals differ, in one bounded sentence."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from support.builders import CRM_FIELDS, a_key, a_remote, an_id
from trueup.domain.records import Kind, RemoteRecord, Slot
from trueup.domain.stored import StoredId
from trueup.planner.rivals import describe_rivals

FIRST = a_remote(remote_id="4611", version="2026-11-02T08:00:00+02:00")
LONG = "A description that goes on for much longer than anybody would read in one line " * 9


def rival(remote_id: str, version: str = "", **fields: Any) -> RemoteRecord:
    return a_remote({**CRM_FIELDS, **fields}, remote_id=remote_id, version=version)


def said(*rivals: RemoteRecord, stored: StoredId | None = None, sku: str = "FIB-100") -> str:
    return describe_rivals(a_key(), sku, rivals, stored)


def test_price_state_and_date_of_each() -> None:
    """What a person must know to choose, and the command."""
    off = rival("4612", Unit_Price=Decimal("0.00"), Product_Active=False)
    assert said(FIRST, off) == (
        "2 records of kind crm_product could be this one: 4611: 899.00 active, changed 2026-11-02;"
        " 4612: 0.00 inactive; a person says which: `trueup adopt FIB-100 crm ID`"
    )


def test_the_fields_in_which_they_differ() -> None:
    """At most two besides price and state, the name first; what is equal is not told."""
    other = rival("2", Product_Name="Fibre", Description="x", ct_provider="NorthNet")
    told = said(rival("1"), other)
    assert "1: 899.00 active, Product_Name Fibre 100, Description (empty); " in told
    assert "2: 899.00 active, Product_Name Fibre, Description x; " in told
    assert "ct_provider" not in told


def test_it_is_bounded() -> None:
    """However many there are, and however long their texts."""
    many = [rival(str(n), Product_Name=f"{n} {LONG}", Description=f"{LONG}{n}") for n in range(40)]
    told = said(*many)
    assert "40 records" in told
    assert " and 35 more;" in told
    assert len(told) < 900


def test_a_sku_that_a_shell_would_cut_is_quoted() -> None:
    """The command can be copied."""
    assert "`trueup adopt 'FIB 100' crm ID`" in said(rival("1"), rival("2"), sku="FIB 100")


def test_why_the_stored_id_does_not_decide() -> None:
    """It is gone, or several products claim it; one that decides is not met here."""
    hint = StoredId(Kind.CRM_PRODUCT, Slot.PRODUCT, an_id(1), "9")
    assert "; the stored id 9 is none of them;" in said(rival("1"), rival("2"), stored=hint)
    shared = StoredId(Kind.CRM_PRODUCT, Slot.PRODUCT, an_id(1), "1", products=3)
    assert "; the stored id 1 is that of 3 products;" in said(rival("1"), rival("2"), stored=shared)
    assert "stored" not in said(rival("1"), rival("2"))
