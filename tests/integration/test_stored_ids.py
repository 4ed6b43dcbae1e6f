"""Whose remote ids are, in Postgres: bindings, the predecessor's table, plans in a product."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg_pool import ConnectionPool

from support.ledgers import PostgresBench, a_change, a_record, an_outcome, key, offering
from trueup.domain.records import Kind, Slot
from trueup.domain.stored import StoredId
from trueup.postgres.pool import open_pool
from trueup.postgres.stored_ids import PostgresRememberedIds

P1, P2, P3 = offering(1), offering(2), offering(3)
CRM, ITEM, PLAN = Kind.CRM_PRODUCT, Kind.BILLING_ITEM, Kind.BILLING_PLAN


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with open_pool(database_url, 4) as opened:
        yield opened


def remember(pool: ConnectionPool, owner: str, **ids: str) -> None:
    """What the predecessor stored for a product; the row that it belongs to is made as well."""
    with pool.connection() as connection:
        connection.execute(
            "insert into service_packages (id, name, sku, service_type, speed_down, speed_up,"
            " price) values (%s, 'x', %s, 'fibre', 1, 1, 1)",
            [owner, owner],
        )
        connection.execute(
            "insert into product_integrations (service_package_id, zoho_crm_product_id,"
            " zoho_billing_plan_id, zoho_billing_item_id, zoho_billing_hardware_item_id)"
            " values (%s, %s, '900', %s, %s)",
            [owner, ids.get("crm"), ids.get("item"), ids.get("device")],
        )


def test_ids_with_the_number_of_products_that_have_them(pool: ConnectionPool) -> None:
    """An item counts in both of its columns; a plan's numeric id is no id of ours."""
    remember(pool, P1, crm="c-1", item="i-1", device="i-2")
    remember(pool, P2, crm="c-2", item="i-1", device="i-1")
    remember(pool, P3, crm="", item="i-2")
    found = PostgresRememberedIds(pool).stored([P1])
    assert found == [
        StoredId(ITEM, Slot.DEVICE, P1, "i-2", 2),
        StoredId(ITEM, Slot.INSTALLATION, P1, "i-1", 2),
        StoredId(CRM, Slot.PRODUCT, P1, "c-1", 1),
    ]
    assert PostgresRememberedIds(pool).stored([]) == []
    [alone] = PostgresRememberedIds(pool).stored([P3])
    assert (alone.remote_id, alone.exclusive) == ("i-2", False)


def test_the_holder_of_a_record(pool: ConnectionPool) -> None:
    """By kind and remote id, whatever product has it."""
    bench = PostgresBench(pool)
    outcome = an_outcome(a_change(key("A"), owner=P1), remote_id="c-1")
    bench.ledger.record([outcome], "run-1", bench.take_over())
    ids = PostgresRememberedIds(pool)
    holder = ids.holder(CRM, "c-1")
    assert holder is not None
    assert (holder.key, holder.owner) == (key("A"), P1)
    assert (ids.holder(ITEM, "c-1"), ids.holder(CRM, "c-2")) == (None, None)


def test_the_plans_on_sale_in_a_product(pool: ConnectionPool) -> None:
    """As read under one name; those that are inactive do not count."""
    bench = PostgresBench(pool)
    plans = [
        a_record("A", "A", kind=PLAN, parent_id="p-1", fields={"active": True}),
        a_record("B", "B", kind=PLAN, parent_id="p-1", fields={"active": False}),
        a_record("C", "C", kind=PLAN, parent_id="p-2", fields={"active": True}),
        a_record("D", "D", kind=PLAN, parent_id="p-1", fields={}),
    ]
    bench.ledger.observe("r", PLAN, plans)
    ids = PostgresRememberedIds(pool)
    assert ids.residents("r", ["p-1", "p-9"]) == {"p-1": ["A", "D"]}
    assert ids.residents("r", []) == ids.residents("other", ["p-1"]) == {}
