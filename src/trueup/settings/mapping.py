"""The `[mapping]`, `[catalogue.columns]` and `[catalogue.dated_columns]` sections of `trueup.toml`.

[mapping.crm_product]
Unit_Price = { policy = "report" }          # a person is asked before a hand edit is overwritten
Product_Category = { policy = "fill" }      # only while it is empty
Description = { policy = "ignore" }         # somebody else's
Vendor_Code = "provider"                    # a further field, from a source
interval_unit = { value = "months" }        # a constant
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from trueup.domain.errors import UsageError
from trueup.domain.money import cents
from trueup.domain.package import CATALOGUE_COLUMNS, DATED_COLUMNS
from trueup.domain.records import Kind
from trueup.planner.mapping import (
    DEFAULT_RULES,
    ITEM_SOURCES,
    PRODUCT_SOURCES,
    FieldMap,
    FieldRule,
    Policy,
)
from trueup.settings.values import suggestion

Refuse = Callable[[str, str], UsageError]
_KEYS = ("from", "value", "policy")


def read_mapping(section: Mapping[str, Any], refuse: Refuse) -> FieldMap:
    """The default mapping with the lines that the file replaces or adds."""
    rules = {kind: {rule.field: rule for rule in lines} for kind, lines in DEFAULT_RULES.items()}
    kinds = {kind.value: kind for kind in Kind}
    for name, lines in section.items():
        if name not in kinds or not isinstance(lines, Mapping):
            hint = suggestion(name, list(kinds))
            raise refuse(f"mapping.{name}", f"there is no kind of record {name!r}{hint}")
        kind = kinds[name]
        for field, line in lines.items():
            key = f"mapping.{name}.{field}"
            before = rules[kind].get(field, FieldRule(field))
            rules[kind][field] = _rule(before, line, kind, key, refuse)
    return FieldMap({kind: tuple(lines.values()) for kind, lines in rules.items()})


def read_columns(section: Mapping[str, Any], refuse: Refuse) -> Mapping[str, str]:
    """Our column names and the SQL columns or expressions that they are read from."""
    return _read_sources(section, "columns", CATALOGUE_COLUMNS, "the catalogue has", refuse)


def read_dated_columns(section: Mapping[str, Any], refuse: Refuse) -> Mapping[str, str]:
    """The same for the table of dated prices."""
    return _read_sources(section, "dated_columns", DATED_COLUMNS, "dated prices have", refuse)


def _read_sources(
    section: Mapping[str, Any], name_of: str, known: Sequence[str], whose: str, refuse: Refuse
) -> Mapping[str, str]:
    for name, expression in section.items():
        key = f"catalogue.{name_of}.{name}"
        if name not in known:
            hint = suggestion(name, list(known))
            raise refuse(key, f"{whose} no column {name!r}{hint}")
        if not isinstance(expression, str) or not expression.strip():
            raise refuse(key, "expected a column or an SQL expression")
    return dict(section)


def _rule(before: FieldRule, line: Any, kind: Kind, key: str, refuse: Refuse) -> FieldRule:
    parts = {"from": line} if isinstance(line, str) else line
    if not isinstance(parts, Mapping):
        raise refuse(key, "expected a source, or a table with from, value or policy")
    for name in parts:
        if name not in _KEYS:
            hint = suggestion(name, list(_KEYS))
            raise refuse(key, f"expected from, value or policy, not {name!r}{hint}")
    rule = before
    if "from" in parts:
        rule = replace(rule, source=_source(parts["from"], kind, key, refuse), value=None)
    if "value" in parts:
        rule = replace(rule, source="", value=_constant(parts["value"], key, refuse))
    if "policy" in parts:
        rule = replace(rule, policy=_policy(parts["policy"], key, refuse))
    if not rule.source and rule.value is None and rule.policy is not Policy.IGNORE:
        raise refuse(key, "a further field needs `from` or `value`")
    return rule


def _source(name: Any, kind: Kind, key: str, refuse: Refuse) -> str:
    known = list(ITEM_SOURCES if kind is Kind.BILLING_ITEM else PRODUCT_SOURCES)
    if name not in known:
        hint = suggestion(str(name), known)
        raise refuse(key, f"there is no source {name!r}{hint}; one of {', '.join(known)}")
    return str(name)


def _constant(value: Any, key: str, refuse: Refuse) -> str | int | bool | Decimal:
    if isinstance(value, Decimal):
        return cents(value)
    if isinstance(value, str | int | bool):
        return value
    raise refuse(key, "a constant is a text, a number, or true or false")


def _policy(name: Any, key: str, refuse: Refuse) -> Policy:
    try:
        return Policy(name)
    except ValueError:
        known = [policy.value for policy in Policy]
        hint = suggestion(str(name), known)
        choice = f"{', '.join(known[:-1])} or {known[-1]}"
        raise refuse(key, f"a policy is {choice}, not {name!r}{hint}") from None
