"""Terms, devices and setup fees are found in every place that was ever used."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from support.builders import a_device, a_row
from trueup.domain.errors import CatalogueError
from trueup.domain.offering import Device
from trueup.planner.places import included_devices, setup_fee, term_months

Columns = dict[str, Any]


@pytest.mark.parametrize(
    ("columns", "months"),
    [
        ({"metadata": {"contract_months": 24}}, 24),
        ({"metadata": {"contract_months": "24"}}, 24),
        ({"metadata": {"contract_months": Decimal(12)}}, 12),
        ({"metadata": {"contract_term_months": 36}}, 36),
        ({"metadata": {"contract_type": "24-month-contract"}}, 24),
        ({"metadata": {"contract_type": "Month to month"}}, 0),
        ({"metadata": {"contract_duration": "12 months"}}, 12),
        ({"metadata": {"contract_duration": 12}}, 12),
        ({"metadata": {"contract_terms": [24]}}, 24),
        ({"metadata": {"contract_terms": [0, 24]}}, None),
        ({"metadata": {"contract_terms": [0, 24], "contract_months": 24}}, 24),
        ({"provider_specific_config": {"contract_months": 24}}, 24),
        ({"features": ["Fast", "24-month contract", "Free router"]}, 24),
        ({"features": ["Contract term: 12 months"]}, 12),
        ({"features": ["3 months free"]}, None),
        ({"features": ["12 month contract", "24 month contract"]}, None),
        ({"features": ["24 month contract"], "metadata": {"contract_months": 12}}, 12),
        ({"metadata": {"contract_months": 0}}, 0),
        ({"metadata": {"contract_type": "prepaid"}}, None),
        ({"metadata": {"contract_terms": "24"}}, None),
        ({}, None),
        ({"metadata": None, "provider_specific_config": None, "features": None}, None),
    ],
)
def test_the_term_is_found_in_each_of_its_places(columns: Columns, months: int | None) -> None:
    """Whichever form wrote it, the term is the same number of months."""
    assert term_months(a_row(**columns)) == months


@pytest.mark.parametrize(
    "columns",
    [
        {"metadata": {"contract_months": 12, "contract_term_months": 24}},
        {"metadata": {"contract_months": 12}, "provider_specific_config": {"contract_months": 24}},
        {"metadata": {"contract_months": 24, "contract_type": "month-to-month"}},
        {"metadata": {"contract_months": 36, "contract_terms": [0, 24]}},
        {"metadata": {"contract_months": "two years"}},
        {"metadata": {"contract_months": Decimal("1.5")}},
        {"metadata": {"contract_months": -1}},
        {"metadata": {"contract_months": 121}},
        {"metadata": {"contract_months": True}},
    ],
)
def test_contradictory_or_unreadable_terms_are_said_aloud(columns: Columns) -> None:
    """Nobody chooses between two terms but a person."""
    with pytest.raises(CatalogueError, match="contract term"):
        term_months(a_row(**columns))


@pytest.mark.parametrize(
    ("columns", "fee"),
    [
        ({"pricing": {"monthly": Decimal(899), "setup": Decimal(0)}}, Decimal(0)),
        ({"pricing": {"monthly": Decimal(899), "setup": "900"}}, Decimal(900)),
        ({"provider_specific_config": {"installation_fee": 2876}, "pricing": {}}, Decimal(2876)),
        ({"metadata": {"promotional_installation": 450}, "pricing": {}}, Decimal(450)),
        (
            {
                "pricing": {"setup": Decimal(0)},
                "provider_specific_config": {"installation_fee": Decimal(900)},
            },
            Decimal(0),
        ),
        ({"pricing": {"setup": None}}, None),
        ({"pricing": None}, None),
    ],
)
def test_the_setup_fee_is_found_in_each_of_its_places(
    columns: Columns, fee: Decimal | None
) -> None:
    """A stated nought is a fee of nought; only an absent one lets the next place speak."""
    assert setup_fee(a_row(**columns)) == fee


def test_an_unreadable_setup_fee_is_not_skipped() -> None:
    """A fee that is no amount is an error, not a reason to look elsewhere."""
    row = a_row(pricing={"setup": "free"}, provider_specific_config={"installation_fee": 900})
    with pytest.raises(CatalogueError, match="'free'"):
        setup_fee(row)


ROUTER = {"model": "Router X", "sku": "RTX-1", "cost": Decimal(1200)}
FULL = a_device(sku="RTX-1", cost="1200")


@pytest.mark.parametrize(
    ("columns", "devices"),
    [
        ({"metadata": {"hardware": ROUTER | {"included": True}}}, (FULL,)),
        ({"metadata": {"hardware": ROUTER | {"included": False}}}, ()),
        ({"metadata": {"hardware": ROUTER}}, ()),
        ({"metadata": {"hardware": [ROUTER | {"is_included": True}]}}, (FULL,)),
        ({"metadata": {"hardware": [ROUTER | {"included": True}]}}, (FULL,)),
        ({"metadata": {"hardware": [ROUTER | {"is_included": False}, "odd", ROUTER]}}, ()),
        (
            {"metadata": {"hardware": [ROUTER | {"is_included": True}, {"is_included": True}]}},
            (FULL, Device("", "", None)),
        ),
        ({"metadata": {"router": ROUTER | {"included": True}}}, (FULL,)),
        ({"metadata": {"router": {"model": "Lent", "free_to_use": True}}}, (a_device("Lent"),)),
        ({"metadata": {"router": {"model": "Sold"}}}, ()),
        ({"metadata": {"router": " Router X "}}, (a_device(),)),
        ({"metadata": {"router_included": True, "router_model": "Router X"}}, (a_device(),)),
        ({"metadata": {"router_model": "Router X"}}, (a_device(),)),
        ({"metadata": {"router_included": True}}, (a_device(""),)),
        ({"metadata": {"router_included": False, "router_model": "Router X"}}, ()),
        ({"provider_specific_config": {"router_model": "Router X"}}, (a_device(),)),
        (
            {
                "provider_specific_config": {"router_included": False},
                "metadata": {"router_model": "Router X"},
            },
            (),
        ),
        ({}, ()),
        ({"metadata": None, "provider_specific_config": None}, ()),
    ],
)
def test_included_devices_are_found_in_each_of_their_places(
    columns: Columns, devices: tuple[Device, ...]
) -> None:
    """Objects, lists, names and flags all say which hardware comes with the product."""
    assert included_devices(a_row(**columns)) == devices


@pytest.mark.parametrize("cost", ["free", Decimal(-1), Decimal("1E+40"), 12.5, [1]])
def test_a_cost_that_is_no_amount_is_not_taken_for_none(cost: object) -> None:
    """A device that nobody can price is said aloud, not given away."""
    row = a_row(metadata={"hardware": ROUTER | {"included": True, "cost": cost}})
    with pytest.raises(CatalogueError, match="'Router X'"):
        included_devices(row)


@pytest.mark.parametrize("cost", [None, ""])
def test_an_empty_cost_is_none(cost: object) -> None:
    """A form that was left empty states nothing."""
    row = a_row(metadata={"hardware": ROUTER | {"included": True, "cost": cost}})
    assert included_devices(row) == (a_device(sku="RTX-1"),)
