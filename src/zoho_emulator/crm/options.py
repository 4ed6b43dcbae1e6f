"""What may differ between one CRM organisation and the next, and Zoho's undocumented points.

Defaults are the ones of zoho-facts §5: where Zoho's documentation is silent, the worst case for a
client that hopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from zoho_emulator.crm.fields import CATALOGUE_FIELDS, Field


@dataclass(frozen=True, slots=True)
class CrmOptions:
    """The CRM organisation that the emulator plays. Durations are seconds of emulated time.

    `field_overrides` maps an API name to attributes of `Field`, for example
    `{"Product_Code": {"unique": True, "length": 100}}`; `missing_fields` are absent altogether.
    """

    custom_fields: tuple[Field, ...] = CATALOGUE_FIELDS
    field_overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing_fields: tuple[str, ...] = ()
    # The fields that each layout demands, by its name; the first is everybody's default.
    layouts: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"Standard": ()})
    # How Zoho makes an API name of a new field's label is not documented (zoho-facts §2.2).
    api_names_from_labels: Literal["as_written", "capitalised"] = "as_written"
    unknown_fields: Literal["reject", "ignore"] = "reject"
    read_only_fields: Literal["reject", "ignore"] = "reject"
    unlisted_picklist: Literal["accept", "strict"] = "accept"
    trims_text: bool = False
    search_delay: float = 30.0
    # COQL wants criteria in bracket pairs, `((a and b) and c)` (zoho-facts §2.10).
    coql_bracket_pairs: bool = True
    # Multi-line fields in the select list of COQL: only their use in criteria is documented as
    # refused (zoho-facts §2.10); True refuses both.
    coql_refuses_long_text: bool = False
    bulk_seconds: float = 20.0
    bulk_read_page: int = 200_000
    page_limit: int = 2_000
    token_limit: int = 100_000
    page_token_life: float = 24 * 3600.0
    recycle_bin_life: float = 60 * 24 * 3600.0
    # Vendors that a lookup may point at, by id; an empty organisation has none.
    vendors: Mapping[str, str] = field(default_factory=dict)
