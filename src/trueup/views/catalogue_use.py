"""What the catalogue would put into the fields of CRM, and what a run would refuse to send.

One pass over the rows, without a request: the preflight compares it with what the organisation
says about its fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trueup.domain.changes import Finding
from trueup.domain.offering import Offering
from trueup.domain.records import FieldSpec, FieldValue, Kind, Schema, TargetName
from trueup.planner.census import Census, device_codes, take_census
from trueup.planner.mapping import FieldMap
from trueup.planner.project import Projector
from trueup.planner.reading import CatalogueRules, promotion_trouble, read_row
from trueup.planner.screen import device_finding, duplicate_finding, screen
from trueup.ports import Catalogue, CatalogueEntry
from trueup.zoho.billing_records import SHAPES

Form = Literal["text", "date", "money", "number", "yes or no"]

_MOST_WORDS = 200  # distinct values that are kept of a field
_KEPT_FINDINGS = 5
_DATES = ("valid_from", "valid_to")


@dataclass(slots=True)
class FieldUse:
    """What the catalogue puts into one field; `words` are its first distinct texts."""

    longest: int = 0
    longest_sku: str = ""
    forms: set[Form] = field(default_factory=set)
    words: set[str] = field(default_factory=set)

    def note(self, value: FieldValue, form: Form, sku: str) -> None:
        """One more value."""
        self.forms.add(form)
        if isinstance(value, str):
            if len(value) > self.longest:
                self.longest, self.longest_sku = len(value), sku
            if len(self.words) < _MOST_WORDS:
                self.words.add(value)


@dataclass(slots=True)
class CatalogueUse:
    """The catalogue at a glance; `findings` counts by kind, `crm` goes by field."""

    rows: int = 0
    on_sale: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    samples: list[Finding] = field(default_factory=list)
    crm: dict[str, FieldUse] = field(default_factory=dict)

    def note(self, finding: Finding) -> None:
        """One more finding."""
        self.findings[finding.kind.value] += 1
        if len(self.samples) < _KEPT_FINDINGS:
            self.samples.append(finding)


def look_through(
    catalogue: Catalogue, mapping: FieldMap, rules: CatalogueRules, now: datetime
) -> CatalogueUse:
    """Read every row once; raises `CatalogueError` when a row cannot be read at all."""
    census = take_census(catalogue.outline, rules.today(now))
    schemas = _widest(mapping)
    projector = Projector(mapping, census, schemas)
    dates = {r.field for r in mapping.rules[Kind.CRM_PRODUCT] if r.source in _DATES}
    use = CatalogueUse()
    devices: set[str] = set()
    for entry in catalogue.entries():
        use.rows += 1
        offering, findings = _read(entry, rules, census, now)
        records = projector.project(offering) if offering is not None else []
        if offering is not None:
            use.on_sale += 1
            findings += screen(records, schemas)
            findings += _device_findings(offering, census, devices)
        for finding in findings:
            use.note(finding)
        for record in records:
            if record.key.kind is Kind.CRM_PRODUCT:
                for name, value in record.fields.items():
                    if value not in (None, ""):
                        form: Form = "date" if name in dates else form_of_value(value)
                        use.crm.setdefault(name, FieldUse()).note(value, form, record.sku)
    return use


def _read(
    entry: CatalogueEntry, rules: CatalogueRules, census: Census, now: datetime
) -> tuple[Offering | None, list[Finding]]:
    """A product on sale that may be sent, and the findings about its row."""
    reading, findings = read_row(entry.row, rules, now)
    if reading is not None and not isinstance(reading, Offering):
        return None, findings
    twin = duplicate_finding(entry.row, census)
    promotion = promotion_trouble(entry.row, rules.today(now))
    findings = [*findings, *(f for f in (twin, promotion) if f is not None)]
    return (None if twin is not None else reading), findings


def _device_findings(offering: Offering, census: Census, seen: set[str]) -> Iterator[Finding]:
    """Each shared device is found once, however many products include it."""
    for code, _ in device_codes(offering.devices, offering.sku):
        finding = device_finding(code, census, offering.sku)
        if finding is not None and code not in seen:
            seen.add(code)
            yield finding


def form_of_value(value: FieldValue) -> Form:
    """What a value is, as a field must take it."""
    match value:
        case bool():
            return "yes or no"
        case Decimal():
            return "money"
        case int():
            return "number"
    return "text"


def _widest(mapping: FieldMap) -> dict[TargetName, Schema]:
    """Schemas in which CRM has every field of the mapping, of any length."""
    everything = {name: FieldSpec(name) for name in mapping.managed(Kind.CRM_PRODUCT)}
    return {
        TargetName.CRM: Schema({Kind.CRM_PRODUCT: everything}),
        TargetName.BILLING: Schema({kind: shape.specs for kind, shape in SHAPES.items()}),
    }
