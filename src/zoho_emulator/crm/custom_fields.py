"""Making custom fields by API (zoho-facts §2.2): at most five at a time, each judged by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.batch import body_of
from zoho_emulator.crm.errors import failure, invalid, refusal
from zoho_emulator.crm.fields import UNIQUE_TYPES, Field
from zoho_emulator.crm.metadata import module_of
from zoho_emulator.wire import JsonDocument, Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World

MOST_FIELDS = 5  # one page says 25, the answer's description 5 (zoho-facts §2.2)
MOST_LABEL = 25
_ALWAYS = frozenset(
    {
        "field_label", "data_type", "tooltip", "profiles", "hipaa_compliance_enabled", "private",
        "association_details",
    }
)  # fmt: skip
_SMALL, _LARGE = 2_000, 32_000  # characters of a text area


@dataclass(frozen=True, slots=True)
class Kind:
    """What a type of field takes beside label and type; `most` is its greatest length."""

    length: int
    most: int
    keys: frozenset[str] = frozenset()
    decimals: int | None = None


_KEYED = frozenset({"length", "external", "unique", "crypt", "encrypt_case"})
_NUMBER = frozenset({"length", "external", "unique", "filterable", "separator"})
_AMOUNT = frozenset({"length", "external", "decimal_place"})
_KINDS: Mapping[str, Kind] = {
    "text": Kind(255, 255, _KEYED),
    "textarea": Kind(_SMALL, _LARGE, frozenset({"length", "textarea"})),
    "integer": Kind(9, 9, _NUMBER),
    "bigint": Kind(18, 18, _NUMBER),
    "double": Kind(16, 16, _AMOUNT | {"filterable", "separator"}, decimals=2),
    "currency": Kind(16, 16, _AMOUNT | {"precision", "rounding_option", "currency"}, decimals=2),
    "boolean": Kind(5, 5),
    "date": Kind(20, 20),
    "datetime": Kind(40, 40),
    "picklist": Kind(120, 120, frozenset({"external", "pick_list_values"})),
}
# Documented, but nothing of a product catalogue is kept in them.
_NOT_EMULATED = frozenset(
    {
        "email", "phone", "website", "percent", "multiselectpicklist", "autonumber", "fileupload",
        "imageupload", "lookup", "userlookup", "multiselectlookup", "multiuserlookup", "formula",
        "rollup_summary", "address",
    }
)  # fmt: skip


class FieldFaultError(Exception):
    """One field that cannot be made; carries its entry in the answer."""

    def __init__(self, error: JsonDocument) -> None:
        super().__init__(error["code"])
        self.error = error


def create_fields(world: World, request: Request) -> Response:
    """`POST /settings/fields?module=Products`: 201 all made, 207 some, 400 none.

    The answer names ids alone: what Zoho calls a field must be read from the metadata.
    """
    store = world.crm
    module = module_of(store, request)
    wanted = body_of(request).get("fields")
    if not isinstance(wanted, list) or not wanted:
        raise refusal(400, "MANDATORY_NOT_FOUND", "required field not found", api_name="fields")
    if len(wanted) > MOST_FIELDS:
        raise refusal(400, "LIMIT_EXCEEDED", "limit exceeded", limit=MOST_FIELDS)
    if module != "Products":
        raise refusal(400, "INVALID_MODULE", "the module name given seems to be invalid")
    results = [_made(store, given, f"$.fields[{n}]") for n, given in enumerate(wanted)]
    failed = sum(result["status"] == "error" for result in results)
    status = 201 if not failed else 400 if failed == len(results) else 207
    return Response.json(status, {"fields": results})


def _made(store: CrmStore, given: object, path: str) -> JsonDocument:
    try:
        field = _read(store, given, path)
    except FieldFaultError as fault:
        return fault.error
    details = {"id": store.make_field(field)}
    return {"code": "SUCCESS", "details": details, "message": "field created", "status": "success"}


def _read(store: CrmStore, given: object, path: str) -> Field:
    """The field that an entry asks for; raises `FieldFaultError`."""
    if not isinstance(given, dict):
        details = {"expected_data_type": "jsonobject", "json_path": path}
        raise FieldFaultError(failure("INVALID_DATA", "invalid data", details))
    label, kind = _label(store, given, path), _kind(given, path)
    strange = sorted(set(given) - _ALWAYS - kind.keys)
    if strange and store.options.unknown_fields == "reject":
        raise _wrong(strange[0], path)
    unique = bool(given.get("unique"))
    if unique and given["data_type"] not in UNIQUE_TYPES:
        raise _wrong("unique", path)
    return Field(
        api_name=_api_name(store, label),
        data_type=given["data_type"],
        length=_length(given, kind, path),
        decimal_place=_decimals(given, kind, path),
        unique=unique,
        custom=True,
        pick_list_values=_options(given, path),
        field_label=label,
    )


def _label(store: CrmStore, given: Mapping[str, Any], path: str) -> str:
    label = given.get("field_label")
    if label is None:
        raise _missing("field_label", path)
    if not isinstance(label, str):
        raise _wrong("field_label", path, expected_data_type="text")
    if not label.strip():
        raise _missing("field_label", path)
    if len(label) > MOST_LABEL:
        raise _wrong("field_label", path, maximum_length=MOST_LABEL)
    if any(field.label.casefold() == label.strip().casefold() for field in store.fields.values()):
        where = {"api_name": "field_label", "json_path": f"{path}.field_label"}
        raise FieldFaultError(failure("DUPLICATE_DATA", "Field label duplicate", where))
    return label.strip()


def _kind(given: Mapping[str, Any], path: str) -> Kind:
    name = given.get("data_type")
    if name is None:
        raise _missing("data_type", path)
    if isinstance(name, str) and name in _NOT_EMULATED:
        where = {"api_name": "data_type", "json_path": f"{path}.data_type"}
        raise FieldFaultError(failure("NOT_SUPPORTED", "not emulated", where))
    if not isinstance(name, str) or name not in _KINDS:
        raise _wrong("data_type", path, supported_values=sorted({*_KINDS, *_NOT_EMULATED}))
    return _KINDS[name]


def _length(given: Mapping[str, Any], kind: Kind, path: str) -> int:
    usual = kind.length
    if isinstance(given.get("textarea"), dict) and given["textarea"].get("type") == "large":
        usual = _LARGE
    return _whole(given, "length", usual, (1, kind.most), path)


def _decimals(given: Mapping[str, Any], kind: Kind, path: str) -> int | None:
    if kind.decimals is None:
        return None
    return _whole(given, "decimal_place", kind.decimals, (0, 9), path)


def _whole(
    given: Mapping[str, Any], name: str, usual: int, bounds: tuple[int, int], path: str
) -> int:
    value = given.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(name, path, expected_data_type="integer")
    if not bounds[0] <= value <= bounds[1]:
        raise _wrong(name, path, range={"from": bounds[0], "to": bounds[1]})
    return value


def _options(given: Mapping[str, Any], path: str) -> tuple[str, ...]:
    if given["data_type"] != "picklist":
        return ()
    values = given.get("pick_list_values")
    if not isinstance(values, list) or not values:
        raise _missing("pick_list_values", path)
    for value in values:
        if not isinstance(value, dict) or not {"display_value", "actual_value"} <= set(value):
            raise _wrong("pick_list_values", path, expected_data_type="jsonarray")
    return tuple(str(value["actual_value"]) for value in values)


def _api_name(store: CrmStore, label: str) -> str:
    """The name that is made from a label: blanks and signs become underscores (zoho-facts §2.2).

    A name that is taken gets a number.
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_") or "Custom_Field"
    if store.options.api_names_from_labels == "capitalised":
        name = "_".join(word[:1].upper() + word[1:] for word in name.split("_"))
    taken = {known.casefold() for known in store.fields}
    numbers = (f"{name}{n}" if n else name for n in range(len(taken) + 1))
    return next(candidate for candidate in numbers if candidate.casefold() not in taken)


def _missing(name: str, path: str) -> FieldFaultError:
    where = {"api_name": name, "json_path": f"{path}.{name}"}
    return FieldFaultError(failure("MANDATORY_NOT_FOUND", "Mandatory field not found", where))


def _wrong(name: str, path: str, **details: Any) -> FieldFaultError:
    return FieldFaultError(invalid(name, f"{path}.{name}", **details))
