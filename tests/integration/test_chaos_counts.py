"""What a run costs in requests (spec §8), and what it never sends (law 3)."""

from __future__ import annotations

import math
from pathlib import Path

from support.agreement import created_keys, some_rows
from support.nights import some_nights
from trueup.domain.runs import RunState
from trueup.planner.due import Look

PRODUCTS = 500
LISTED_KINDS = 4
PAGE = 200


def test_five_hundred_products_cost_one_token_and_few_requests(
    database_url: str, tmp_path: Path
) -> None:
    """The first sync, then a night without changes."""
    with some_nights(database_url, tmp_path, some_rows(PRODUCTS), batch_size=100) as nights:
        first = nights.run().run
        assert (first.state, first.requests["oauth"]) == (RunState.SUCCEEDED, 1), first
        # A token, the fields, an empty CRM asked twice before that is believed, and and before the
        # first amount that is ever sent each organisation is asked for its currency.
        listings = LISTED_KINDS + 3 + 2
        writes = math.ceil(PRODUCTS / 100) + 3 * PRODUCTS
        assert sum(first.requests.values()) <= writes + listings
        assert first.requests["crm"] <= math.ceil(PRODUCTS / 100) + 4
        assert set(created_keys(nights.emulator.journal()).values()) == {1}

        nights.fall(24)
        quiet = nights.run().run
        assert quiet.summary["unchanged"] == PRODUCTS
        assert sum(quiet.requests.values()) <= LISTED_KINDS * math.ceil(PRODUCTS / PAGE) + 3
        assert quiet.requests["oauth"] == 0
        assert nights.plan(Look.EVERYTHING).changes == ()
