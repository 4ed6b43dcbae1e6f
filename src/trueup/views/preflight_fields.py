"""Whether the fields of CRM can take what the mapping and the catalogue would put into them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trueup.domain.records import FieldSpec, Kind
from trueup.planner.mapping import FieldMap, FieldRule, Policy
from trueup.views.catalogue_use import CatalogueUse, FieldUse, Form, form_of_value
from trueup.views.preflight import Line, Verdict
from trueup.zoho.probe import Layout

# Without these a record cannot be recognised, or has no price.
ESSENTIAL = ("Product_Name", "Product_Code", "Unit_Price")
OWN_ID = "ct_service_package_id"

_TEXTS = frozenset({"text", "textarea", "picklist", "website", "email", "phone"})
_AMOUNTS = frozenset({"currency", "double", "decimal"})
# What a type gives back must equal what was written, or every run would write it again.
_TAKES: Mapping[Form, frozenset[str]] = {
    "text": _TEXTS,
    "date": _TEXTS | {"date", "datetime"},
    "money": _AMOUNTS,
    "number": _AMOUNTS | {"integer", "bigint"},
    "yes or no": frozenset({"boolean"}),
}
# What a source holds, where it is not text.
_FORMS: Mapping[str, Form] = {
    "recurring": "money",
    "setup": "money",
    "term_months": "number",
    "down_mbps": "number",
    "up_mbps": "number",
    "valid_from": "date",
    "valid_to": "date",
    "active": "yes or no",
}
_SHOWN_WORDS = 5
_CHECK = "CRM fields"
_PART = "[mapping.crm_product]"


def crm_fields(
    specs: Mapping[str, FieldSpec], mapping: FieldMap, use: CatalogueUse
) -> Iterator[Line]:
    """Existence, type, length, picklist values and uniqueness (zoho-facts §2.1, §2.2)."""
    managed = mapping.managed(Kind.CRM_PRODUCT)
    present = {name: specs[name] for name in managed if name in specs}
    yield Line(_CHECK, Verdict.OK, f"{len(present)} of {len(managed)} mapped fields exist")
    yield from _missing(managed, present)
    yield from _read_only(present)
    yield from _demanded(specs, managed)
    for rule in rules(mapping):
        if rule.field in present:
            yield from _values(present[rule.field], use.crm.get(rule.field), form_of(rule))
    yield from _unique(present)


def rules(mapping: FieldMap) -> list[FieldRule]:
    """The lines of the mapping that something is sent for."""
    lines = mapping.rules[Kind.CRM_PRODUCT]
    return [rule for rule in lines if rule.policy is not Policy.IGNORE]


def form_of(rule: FieldRule) -> Form:
    """What a line of the mapping puts into its field, whatever the catalogue holds today."""
    if rule.source:
        return _FORMS.get(rule.source, "text")
    return form_of_value(rule.value)


def crm_layouts(
    layouts: Sequence[Layout], specs: Mapping[str, FieldSpec], mapping: FieldMap
) -> Iterator[Line]:
    """What a page of CRM demands beyond its fields; a new record meets the default page.

    What the fields themselves demand was told before, and what nobody can write is no demand.
    """
    managed = mapping.managed(Kind.CRM_PRODUCT)
    told = {name for name, spec in specs.items() if spec.mandatory or not spec.writable}
    harmless = True
    for layout in layouts:
        unfilled = sorted(layout.required.difference(managed, told))
        if not unfilled:
            continue
        harmless = False
        demand = f"the layout {layout.name} demands {', '.join(unfilled)}"
        if layout.default:
            yield Line(
                "CRM layouts",
                Verdict.FAIL,
                f"{demand}, which the mapping does not fill: every new product would be refused",
                f"map them in {_PART}, or make them optional in that layout",
            )
        else:
            yield Line("CRM layouts", Verdict.NOTE, f"{demand}; it is nobody's default")
    if harmless:
        names = ", ".join(layout.name for layout in layouts) or "none"
        yield Line("CRM layouts", Verdict.OK, f"{names}: nothing is demanded but what is filled")


def _missing(managed: Sequence[str], present: Mapping[str, FieldSpec]) -> Iterator[Line]:
    missing = [name for name in managed if name not in present]
    essential = [name for name in missing if name in ESSENTIAL]
    custom = [name for name in missing if name not in ESSENTIAL]
    if essential:
        yield Line(
            _CHECK,
            Verdict.FAIL,
            f"the organisation lacks, or hides from this user: {', '.join(essential)}",
            "add them to the layout, or let the user's profile see them",
        )
    if custom:
        note = "; without our own id in CRM, products are found by SKU alone"
        yield Line(
            _CHECK,
            Verdict.WARN,
            f"the organisation has no {', '.join(custom)}: left out"
            f"{note if OWN_ID in custom else ''}",
            f"`trueup check --fix` makes the ct_ fields; or make them in CRM, or set"
            f' policy = "ignore" in {_PART}',
        )


def _read_only(present: Mapping[str, FieldSpec]) -> Iterator[Line]:
    locked = [name for name, spec in present.items() if not spec.writable]
    if locked:
        yield Line(
            _CHECK,
            Verdict.WARN,
            f"cannot be written: {', '.join(locked)}; left out",
            "let the user's profile edit them",
        )


def _demanded(specs: Mapping[str, FieldSpec], managed: Sequence[str]) -> Iterator[Line]:
    unfilled = [n for n, s in specs.items() if s.mandatory and s.writable and n not in managed]
    if unfilled:
        yield Line(
            _CHECK,
            Verdict.FAIL,
            f"CRM demands {', '.join(unfilled)}, which the mapping does not fill:"
            " every new product would be refused",
            "map them in [mapping.crm_product], or make them optional in CRM",
        )


def _values(spec: FieldSpec, use: FieldUse | None, form: Form) -> Iterator[Line]:
    """What the catalogue has for one field, or will have, against what the field takes."""
    forms = use.forms if use is not None else {form}
    wrong = sorted(form for form in forms if spec.data_type not in _TAKES[form])
    if wrong:
        yield Line(
            _CHECK,
            Verdict.FAIL,
            f"{spec.name} is of type {spec.data_type}; the catalogue has a {' and a '.join(wrong)}",
            "give the field another type, or map another field",
        )
        return
    if use is None:
        return
    if spec.max_length is not None and use.longest > spec.max_length:
        yield Line(
            _CHECK,
            Verdict.WARN,
            f"{spec.name} takes {spec.max_length} characters; the longest value has {use.longest}"
            f" ({use.longest_sku}): such products are not sent to CRM",
            "shorten the text in the catalogue",
        )
    unlisted = sorted(use.words - set(spec.options)) if spec.data_type == "picklist" else []
    if unlisted:
        shown = ", ".join(repr(word) for word in unlisted[:_SHOWN_WORDS])
        more = f" and {len(unlisted) - _SHOWN_WORDS} more" if len(unlisted) > _SHOWN_WORDS else ""
        yield Line(
            _CHECK,
            Verdict.WARN,
            f"the picklist {spec.name} does not list {shown}{more}; CRM may refuse them",
            "add the values to the picklist in CRM",
        )


def _unique(present: Mapping[str, FieldSpec]) -> Iterator[Line]:
    code = present.get("Product_Code")
    if code is not None and not code.unique:
        yield Line(
            _CHECK,
            Verdict.NOTE,
            "Product_Code is not unique in CRM: Trueup makes no duplicates, but people can",
            "choose `Do not allow duplicate values` for Product Code",
        )
