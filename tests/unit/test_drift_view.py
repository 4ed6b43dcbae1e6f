"""What a look at everything keeps, and what a repair of it would do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from trueup.domain.changes import Action, Change, FieldDelta, Reason
from trueup.domain.guards import Held, Rule
from trueup.domain.jobs import JobKind
from trueup.domain.looks import Look
from trueup.domain.plan import Plan
from trueup.domain.records import Kind, RecordKey, Slot, TargetName
from trueup.jobs.looking import MOST_LISTED, drift_as_json
from trueup.postgres.looks import Written
from trueup.views.drift import Drift, Product, Wanted, read_products

AT = datetime(2026, 3, 2, 2, tzinfo=UTC)


def a_change(number: int, **changes: Any) -> Change:
    """A price that somebody changed at Zoho."""
    sku = f"FIB-{number:04}"
    made = Change(
        RecordKey(Kind.CRM_PRODUCT, sku),
        Action.UPDATE,
        Reason.DRIFTED,
        {"Unit_Price": FieldDelta(Decimal("450.00"), Decimal("900.00"))},
        Slot.PRODUCT,
        f"owner-{number}",
        (),
        sku,
        applied={"Unit_Price": Decimal("900.00")},
        editor="Ann Example",
    )
    return replace(made, **changes)


def seen(plan: Plan, written: dict[RecordKey, Written] | None = None) -> Drift:
    document = drift_as_json(plan, {})
    products = read_products(document["listed"], written or {})
    look = Look(JobKind.DRIFT, AT, AT, plan.looked, document["products"], "", document)
    return Drift(look, products)


def test_drift_comes_first_and_the_counts_are_of_all() -> None:
    edited = [a_change(n, reason=Reason.EDITED, applied={}) for n in range(MOST_LISTED)]
    found = seen(Plan((*edited, a_change(9999)), looked=1000))
    assert found.products[0].sku == "FIB-9999"
    assert (len(found.products), found.unlisted) == (MOST_LISTED, 1)
    assert found.document["moved"] == {"theirs": 1, "unknown": MOST_LISTED}
    assert found.document["fields"] == {"Unit_Price": MOST_LISTED + 1}
    everything = found.repair_of_all()
    assert (everything.products, everything.writes) == (501, {TargetName.CRM: 501})


def test_a_repair_leaves_what_is_held_and_what_was_written_since() -> None:
    held, done, failed, free = (a_change(n) for n in range(4))
    guarded = Held(held, (Rule.PRICE_RISE,), "it rises too far")
    written = {
        done.key: Written("applied", AT, "a-run"),
        failed.key: Written("failed", AT, "a-run"),
    }
    found = seen(Plan((held, done, failed, free), held=(guarded,), looked=4), written)
    for repair in (found.repair_of_all(), found.repair_of({f"FIB-000{n}" for n in range(9)})):
        assert (repair.writes, repair.held, repair.products) == ({TargetName.CRM: 2}, 1, 3)
    assert found.repair_of({""}).skus == found.repair_of(set()).skus == ()
    assert [product.to_write for product in found.products] == [False, False, True, True]
    assert found.settled == 1


def test_who_moved_and_what_is_not_there() -> None:
    missing = a_change(1, action=Action.CREATE, reason=Reason.MISSING, applied={})
    found = seen(Plan((missing, a_change(2)), looked=2))
    assert [p.sku for p in found.only(Wanted(who="new"))] == ["FIB-0001"]
    assert [p.sku for p in found.only(Wanted(who="theirs", field="Unit_Price"))] == ["FIB-0002"]
    assert found.only(Wanted(target="billing")) == ()
    [field] = found.only(Wanted(who="theirs"))[0].differences[0].fields
    assert (field.before, field.after) == ("450.00", "900.00")
    assert field.side == "somebody changed it in CRM"
    assert found.document["fields"] == {"Unit_Price": 1}


def test_a_record_of_no_product_is_no_products() -> None:
    """It is part of a repair of everything, and of no other."""
    stray = a_change(1, sku="", owner="")
    found = seen(Plan((stray, a_change(2)), looked=2))
    assert [type(product) for product in found.products] == [Product, Product]
    assert found.repair_of({"", "FIB-0002"}).skus == ("FIB-0002",)
    assert found.repair_of_all().writes == {TargetName.CRM: 2}
