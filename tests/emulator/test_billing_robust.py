"""Whatever arrives, Billing answers in its own words and never breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.billing.addons import Addons
from zoho_emulator.billing.items import Items
from zoho_emulator.billing.plans import Plans
from zoho_emulator.billing.products import Products
from zoho_emulator.billing.resource import Resource
from zoho_emulator.clock import ManualClock
from zoho_emulator.options import LimitOptions, Options

RESOURCES: tuple[Resource, ...] = (Products(), Plans(), Addons(), Items())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=120),
    st.sampled_from(["unit", "tier", "months", "monthly", "goods", "A", ""]),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(
        st.dictionaries(st.sampled_from(["price", "plan_code", "label", "x"]), SCALARS), max_size=2
    ),
)


def an_account() -> Caller:
    return Caller(Emulator(Options(limits=LimitOptions.unlimited()), ManualClock()))


@st.composite
def a_write(draw: st.DrawFn) -> tuple[Resource, dict[str, Any]]:
    """A body whose keys are mostly known and whose values are anything."""
    resource = draw(st.sampled_from(RESOURCES))
    names = [field.name for field in resource.fields]
    required = dict.fromkeys(resource.create_requires, VALUES)
    optional = {name: VALUES for name in names if name not in required}
    return resource, draw(st.fixed_dictionaries(required, optional=optional))


@given(st.lists(a_write(), max_size=4))
def test_any_body_is_taken_or_refused(writes: list[tuple[Resource, dict[str, Any]]]) -> None:
    """What is taken can be listed, and every answer is JSON without NaN."""
    caller = an_account()
    for resource, body in writes:
        status, answer = caller("POST", f"/billing/v1/{resource.plural}", body)
        assert (status, answer["code"] == 0) in {(201, True), (400, False)}
    for resource in RESOURCES:
        status, answer = caller("GET", f"/billing/v1/{resource.plural}")
        assert status == 200
        json.dumps(answer, allow_nan=False)


@given(
    st.dictionaries(
        st.sampled_from(["page", "per_page", "filter_by", "sort_column", "rate", "name", "sku"]),
        st.text(max_size=8),
    )
)
def test_any_query_is_taken_or_refused(query: dict[str, str]) -> None:
    caller = an_account()
    caller.emulator.add("billing", "items", {"name": "Router", "rate": 1.0})
    caller.emulator.add("billing", "plans", {"plan_code": "A", "name": "Fibre"})
    caller.emulator.attach_subscriptions("A", 2, 1)
    assert caller("GET", "/billing/v1/items", **query)[0] in {200, 400}
    assert caller("GET", "/billing/v1/subscriptions", **query)[0] in {200, 400}


@pytest.mark.parametrize("body", [b"\xff", b"[" * 50, b"null", b'{"name": NaN}', b"1e999"])
def test_bytes_that_are_no_document_are_refused(body: bytes) -> None:
    caller = an_account()
    for path in ("/billing/v1/items", "/crm/v8/Products", "/crm/v8/coql"):
        assert caller("POST", path, body)[0] == 400


def test_a_page_number_of_any_length_is_refused() -> None:
    assert an_account()("GET", "/billing/v1/plans", page="9" * 5000)[0] == 400
