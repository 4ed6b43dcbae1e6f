"""Making custom fields in CRM (zoho-facts §2.2): only when a person asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trueup.domain.errors import LostAnswerError, RecordError, RejectedError, TargetDownError
from trueup.domain.records import FieldSpec, TargetName
from trueup.zoho.codec import crm_specs, identifier, text
from trueup.zoho.crm import BASE
from trueup.zoho.http import Door, Safety
from trueup.zoho.refusals import reading, record_error
from trueup.zoho.verdict import Ruling, judge_record

PATH = f"{BASE}/settings/fields"
MODULE = {"module": "Products"}
# Zoho's own texts say 5 and 25 (zoho-facts §2.2).
MOST_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class NewField:
    """A field to be made. `length` in characters or digits; None where the type has none."""

    name: str
    data_type: str
    length: int | None = None
    decimals: int | None = None

    def __str__(self) -> str:
        size = f", {self.length}" if self.length else ""
        return f"{self.name} ({self.data_type}{size})"

    def request(self) -> dict[str, Any]:
        """As CRM wants it. The name goes as the label, of which CRM makes the API name."""
        asked: dict[str, Any] = {"field_label": self.name, "data_type": self.data_type}
        if self.length is not None:
            asked["length"] = self.length
        if self.decimals is not None:
            asked["decimal_place"] = self.decimals
        return asked


@dataclass(frozen=True, slots=True)
class MadeField:
    """What became of a `NewField`: what CRM calls it, or why there is none.

    `existed` says that a field with that label was there already, under another name.
    """

    wanted: NewField
    field_id: str = ""
    api_name: str = ""
    problem: str = ""
    existed: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """The fields of Products as CRM describes them now; names by id and by label, folded."""

    specs: Mapping[str, FieldSpec]
    by_id: Mapping[str, str]
    by_label: Mapping[str, str]


def describe(door: Door) -> Described:
    """Ask CRM for its fields; raises `TargetDownError` when it does not tell."""
    with reading(PATH):
        answer = door.send(TargetName.CRM, "GET", PATH, params=MODULE)
    document = answer.document if isinstance(answer.document, Mapping) else {}
    rows = [row for row in document.get("fields") or [] if isinstance(row, Mapping)]
    specs = crm_specs(document)
    if "Product_Name" not in specs:
        # Metadata answers 204 for some modules (zoho-facts §2.2): not "has no fields".
        raise TargetDownError("CRM does not describe the fields of Products")
    return Described(
        specs,
        {identifier(row.get("id")): text(row.get("api_name")) for row in rows},
        {text(row.get("field_label")).casefold(): text(row.get("api_name")) for row in rows},
    )


def create_fields(door: Door, wanted: Sequence[NewField]) -> list[MadeField]:
    """Make the fields that are not there yet, and read back what CRM calls them.

    The answer names ids alone (zoho-facts §2.2). A field whose label exists is not made again, so
    that doing it twice is doing it once, also after an answer that was lost. Raises `ScopeError`
    naming the permission, and what the door raises when nothing more will pass.
    """
    before = describe(door)
    found = {w.name: before.by_label.get(w.name.casefold(), "") for w in wanted}
    missing = [w for w in wanted if not found[w.name]]
    made: dict[str, MadeField] = {}
    for start in range(0, len(missing), MOST_AT_ONCE):
        some = missing[start : start + MOST_AT_ONCE]
        made |= {result.wanted.name: result for result in _request(door, some)}
    after = describe(door) if made else before
    return [
        _named(made[w.name], after)
        if w.name in made
        else MadeField(w, api_name=found[w.name], existed=True)
        for w in wanted
    ]


def _request(door: Door, some: Sequence[NewField]) -> Iterator[MadeField]:
    """One request; each field has its own result."""
    body = {"fields": [wanted.request() for wanted in some]}
    try:
        answer = door.send(
            TargetName.CRM, "POST", PATH, safety=Safety.CREATE, params=MODULE, body=body
        )
    except LostAnswerError:
        # It may have been carried out: reading the fields will tell.
        yield from (MadeField(wanted) for wanted in some)
        return
    except RecordError as error:
        yield from (MadeField(wanted, problem=_why(error)) for wanted in some)
        return
    results = answer.document.get("fields") if isinstance(answer.document, Mapping) else None
    if not isinstance(results, list) or len(results) != len(some):
        results = [None] * len(some)  # it confirms nothing
    for wanted, result in zip(some, results, strict=True):
        yield _result(wanted, result)


def _why(error: RecordError) -> str:
    known = error.code if isinstance(error, RejectedError) else error.message
    return error.message if known else "CRM refused it and gave no reason"


def _result(wanted: NewField, entry: Any) -> MadeField:
    verdict = judge_record(entry)
    if verdict.kind is Ruling.OK:
        return MadeField(wanted, field_id=identifier(entry["details"]["id"]))
    if verdict.kind is Ruling.UNREADABLE:
        return MadeField(wanted)
    return MadeField(wanted, problem=record_error(verdict).message)


def _named(result: MadeField, after: Described) -> MadeField:
    """What CRM calls it: by its id, or by its label where no id was told."""
    if result.problem:
        return result
    label = result.wanted.name.casefold()
    name = after.by_id.get(result.field_id) or after.by_label.get(label, "")
    problem = "" if name else "CRM confirmed no such field, and does not describe one"
    return replace(result, api_name=name, problem=problem)
