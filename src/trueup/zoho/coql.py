"""The one query that Trueup asks CRM: which records carry these codes (zoho-facts §2.10)."""

from __future__ import annotations

from collections.abc import Sequence

# `in` takes 50 values, and the select list 50 columns.
MOST_VALUES = 50
PAGE = 200


def by_code(codes: Sequence[str], columns: Sequence[str], offset: int = 0) -> str:
    """Select the Products that carry any of these codes; WHERE and LIMIT are mandatory."""
    if not codes or len(codes) > MOST_VALUES:
        raise ValueError(f"1 to {MOST_VALUES} codes, not {len(codes)}")
    values = ", ".join(quoted(code) for code in codes)
    return (
        f"select {', '.join(columns)} from Products"
        f" where Product_Code in ({values}) limit {offset}, {PAGE}"
    )


def quoted(value: str) -> str:
    """A string literal. That the escape is a backslash is inferred (zoho-facts §2.10)."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
