"""`trueup check --fix`: the custom fields of the default mapping that CRM lacks are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trueup.domain.records import Kind
from trueup.planner.mapping import DEFAULT_RULES, FieldMap, FieldRule
from trueup.views.catalogue_use import Form
from trueup.views.preflight import Line, Verdict
from trueup.views.preflight_fields import form_of, rules
from trueup.zoho.custom_fields import Described, MadeField, NewField, create_fields

if TYPE_CHECKING:
    from trueup.zoho.http import Door

CHECK = "new fields"
CUSTOM = "ct_"
# The type and size of the field that each kind of value wants (zoho-facts §2.1).
_TYPES: Mapping[Form, tuple[str, int | None, int | None]] = {
    "text": ("text", 255, None),
    "date": ("date", None, None),
    "money": ("currency", 16, 2),
    "number": ("integer", 9, None),
    "yes or no": ("boolean", None, None),
}


@dataclass(slots=True)
class Fix:
    """What `--fix` would make, and what became of it. `agreed` puts a question to whoever may."""

    requested: bool
    agreed: Callable[[str], bool]
    wanted: list[NewField] = field(default_factory=list)
    made: list[MadeField] = field(default_factory=list)

    def document(self) -> list[dict[str, Any]]:
        """For scripts: each field that is missing, and what CRM calls it where it is there now."""
        done = {made.wanted.name: made for made in self.made}
        return [
            {
                "field": wanted.name,
                "data_type": wanted.data_type,
                "length": wanted.length,
                "made": made is not None and bool(made.api_name) and not made.existed,
                "api_name": made.api_name if made is not None else "",
                "problem": made.problem if made is not None else "",
            }
            for wanted in self.wanted
            for made in [done.get(wanted.name)]
        ]


def missing_fields(mapping: FieldMap, present: Described) -> list[NewField]:
    """The `ct_` fields of the default mapping that the mapping still uses and CRM does not have."""
    usual = {rule.field for rule in DEFAULT_RULES[Kind.CRM_PRODUCT]}
    return [
        _new(rule)
        for rule in rules(mapping)
        if rule.field.startswith(CUSTOM) and rule.field in usual and rule.field not in present.specs
    ]


def make_fields(door: Door, mapping: FieldMap, present: Described, fix: Fix) -> Iterator[Line]:
    """Make what is missing, if somebody agrees; raises `ScopeError` naming the permission."""
    fix.wanted = missing_fields(mapping, present)
    if not fix.wanted:
        yield Line(CHECK, Verdict.OK, "no ct_ field of the mapping is missing")
        return
    names = ", ".join(map(str, fix.wanted))
    if not fix.agreed(f"Make {_count(fix.wanted)} in CRM: {names}?"):
        yield Line(
            CHECK,
            Verdict.NOTE,
            f"would make {_count(fix.wanted)} in CRM: {names}",
            "`trueup check --fix --yes` makes them",
        )
        return
    fix.made = create_fields(door, fix.wanted)
    sources = {rule.field: rule for rule in rules(mapping)}
    for made in fix.made:
        yield _outcome(made, sources[made.wanted.name])


def _new(rule: FieldRule) -> NewField:
    data_type, length, decimals = _TYPES[form_of(rule)]
    return NewField(rule.field, data_type, length, decimals)


def _count(fields: Sequence[NewField]) -> str:
    return f"{len(fields)} field" if len(fields) == 1 else f"{len(fields)} fields"


def _outcome(made: MadeField, rule: FieldRule) -> Line:
    wanted = made.wanted
    if made.problem:
        return Line(
            CHECK,
            Verdict.FAIL,
            f"{wanted} was not made: {made.problem}",
            "make it in CRM: Setup > Modules and Fields > Products",
        )
    if made.api_name != wanted.name:
        how = "has a field with that label, called" if made.existed else "calls the new field"
        return Line(
            CHECK,
            Verdict.WARN,
            f"CRM {how} {made.api_name}, not {wanted.name}",
            f"in [mapping.crm_product] of trueup.toml set {made.api_name} = {_source(rule)} and"
            f' {wanted.name} = {{ policy = "ignore" }}; or change its API name in CRM',
        )
    return Line(CHECK, Verdict.OK, f"{wanted} is made")


def _source(rule: FieldRule) -> str:
    return f'"{rule.source}"' if rule.source else f"{{ value = {rule.value!r} }}"
