"""One product of Billing that several products of the catalogue were put into."""

from __future__ import annotations

from decimal import Decimal

from support.builders import a_row
from support.workshop import Floor, a_floor
from trueup.domain.changes import Action
from trueup.domain.records import Kind, RecordKey
from trueup.domain.runs import RunState
from trueup.reconcile.survey import PART

PRODUCT = Kind.BILLING_PRODUCT
TWIN = {"name": "Fibre Twin"}


def two_in_one(first: int = 1, second: int = 2) -> tuple[Floor, str]:
    """Two tariffs of one name, with both plans in one Billing product."""
    rows = [a_row(n, sku=f"FIB-{n}", **TWIN) for n in (first, second)]
    floor = a_floor(rows)
    product = floor.billing.add(PRODUCT, {**TWIN, "description": "by the job"})
    for n in (first, second):
        floor.billing.add(
            Kind.BILLING_PLAN,
            {
                "plan_code": f"FIB-{n}",
                "name": "Fibre Twin",
                "description": "by the job",
                "recurring_price": Decimal("899.00"),
                "interval": 1,
                "interval_unit": "months",
                "billing_cycles": -1,
                "setup_fee": Decimal("0.00"),
                "product_id": product,
            },
        )
    return floor, product


def bound_to(floor: Floor, sku: str) -> str:
    return floor.ledger.bound[RecordKey(PRODUCT, sku)].remote_id


def settled_but_for_findings(floor: Floor) -> None:
    """Run it again and expect nothing: the findings stay, no change does."""
    assert floor.plan().changes == ()
    assert floor.run().run.state is RunState.SUCCEEDED


def test_each_gets_its_own_and_the_first_keeps_what_was_shared() -> None:
    """Never shared: the second one's product is new, and its plan is said to lie elsewhere."""
    floor, product = two_in_one()
    [finding] = floor.plan().findings
    assert (finding.code, finding.sku, finding.blocks) == ("plan_elsewhere", "FIB-2", frozenset())
    assert finding.message.startswith(f"the plan FIB-2 lies in the Billing product {product} of ")
    assert floor.run().run.state is RunState.SUCCEEDED
    assert bound_to(floor, "FIB-1") == product != bound_to(floor, "FIB-2")
    names = {i: s.fields["name"] for i, s in floor.billing.stored.items() if s.kind is PRODUCT}
    assert names == {
        product: "Fibre Twin [FIB-1]",
        bound_to(floor, "FIB-2"): "Fibre Twin [FIB-2]",
    }
    settled_but_for_findings(floor)


def test_parts_of_the_catalogue_do_not_share_either() -> None:
    """The second one is compared long after the first."""
    floor, product = two_in_one(1, PART + 5)
    for number in range(2, PART + 5):
        floor.catalogue.put(a_row(number))
    found = {c.key.code: c for c in floor.plan().changes if c.key.kind is PRODUCT}
    assert (found["FIB-1"].action, found["FIB-1"].remote_id) == (Action.ADOPT, product)
    assert found[f"FIB-{PART + 5}"].action is Action.CREATE


def test_what_others_plans_lie_in_is_not_taken_off_sale() -> None:
    """The keeper is withdrawn: its plan goes, its product stays until the other plan is gone."""
    floor, product = two_in_one()
    floor.run()
    floor.catalogue.put(a_row(1, sku="FIB-1", status="archived", **TWIN))
    floor.run()
    assert floor.billing.stored["FIB-1"].fields["active"] is False
    assert floor.billing.stored["FIB-2"].fields["active"] is True
    assert floor.billing.stored[product].fields["active"] is True
    found = {f.code: f for f in floor.plan().findings}
    assert "plans that are not its own are in it and on sale (FIB-2)" in (
        found["product_in_use"].message
    )
    settled_but_for_findings(floor)

    floor.catalogue.put(a_row(2, sku="FIB-2", status="archived", **TWIN))
    floor.run()
    floor.run()
    assert floor.billing.stored[product].fields["active"] is False
    settled_but_for_findings(floor)


def test_a_product_with_its_own_plans_alone_goes_at_once() -> None:
    """Its plan is retired in the same plan, so nothing is left in it."""
    floor = a_floor([a_row()])
    floor.run()
    floor.catalogue.put(a_row(status="archived"))
    floor.run()
    product = floor.billing.stored[bound_to(floor, "FIB-100")]
    assert product.fields["active"] is False
    settled_but_for_findings(floor)
