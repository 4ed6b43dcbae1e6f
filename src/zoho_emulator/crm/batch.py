"""The body of a write and the answer to it: results by position, one status over all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.errors import failure, invalid_parameter, refusal, wrapped_refusal
from zoho_emulator.crm.fields import Field
from zoho_emulator.crm.values import moment_of
from zoho_emulator.wire import JsonDocument, Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World

MOST_RECORDS = 100  # zoho-facts §2.3
_CREDIT_RECORDS = 10  # zoho-facts §2.13: one credit per ten records written
_TRIGGERS = frozenset({"workflow", "approval", "blueprint", "pathfinder", "orchestration"})
_KEYS = frozenset(
    {
        "data",
        "trigger",
        "wf_trigger",
        "process",
        "duplicate_check_fields",
        "apply_feature_execution",
        "skip_feature_execution",
        "apply_validation_rule",
        "apply_function_validation_rule",
        "lar_id",
    }
)
_EXTERNAL = re.compile(r"Products\.(\w+)")

WriteOne = Callable[[Mapping[str, Any], str], JsonDocument]


def body_of(request: Request) -> Mapping[str, Any]:
    """The JSON object of a write; refuses anything else."""
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refusal(400, "INVALID_DATA", "body", expected_data_type="jsonobject")
    return body


def object_in(parent: object, key: str) -> Mapping[str, Any]:
    """The object under `key`; an empty one for anything else, so that what it lacks is named."""
    found = parent.get(key) if isinstance(parent, dict) else None
    return found if isinstance(found, dict) else {}


def list_in(parent: object, key: str) -> list[Any]:
    """The list under `key`; an empty one for anything else."""
    found = parent.get(key) if isinstance(parent, dict) else None
    return found if isinstance(found, list) else []


def records_in(store: CrmStore, body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The records of a write body, 1 to 100 of them (zoho-facts §2.3).

    What Zoho says to an unknown key beside them is not known; the worst case refuses it (§5).
    """
    strange = sorted(set(body) - _KEYS)
    if strange and store.options.unknown_fields == "reject":
        raise refusal(400, "INVALID_DATA", "invalid data", api_name=strange[0])
    if "data" not in body:
        raise wrapped_refusal(
            400, failure("MANDATORY_NOT_FOUND", "required field not found", {"api_name": "data"})
        )
    records = body["data"]
    if not isinstance(records, list) or not records:
        raise refusal(
            400, "INVALID_DATA", "invalid data", expected_data_type="jsonarray", api_name="data"
        )
    if len(records) > MOST_RECORDS:
        text = "count of records in your request exceeds the limit"
        details = {"maximum_length": MOST_RECORDS, "api_name": "data"}
        raise wrapped_refusal(400, failure("LIMIT_EXCEEDED", text, details))
    _check_triggers(body.get("trigger"))
    return records


def write_each(
    world: World, records: Sequence[Mapping[str, Any]], all_well: int, write: WriteOne
) -> Response:
    """Write record by record, in order, and answer with one result per position."""
    results = []
    for position, record in enumerate(records):
        path = f"$.data[{position}]"
        if world.partial_records is not None and world.partial_records(position):
            text = "dependent service error"
            results.append(failure("DEPENDENT_SERVICE_ERROR", text, {"json_path": path}))
        elif not isinstance(record, dict):
            details = {"expected_data_type": "jsonobject", "json_path": path}
            results.append(failure("INVALID_DATA", "invalid data", details))
        else:
            results.append(write(record, path))
    return Response.json(_status(results, all_well), {"data": results})


def _status(results: Sequence[JsonDocument], all_well: int) -> int:
    """201/200 all well, 207 mixed, 400 none (zoho-facts §2.4), 412 none for being too late."""
    failed = [result["code"] for result in results if result["status"] == "error"]
    if not failed:
        return all_well
    if len(failed) < len(results):
        return 207
    return 412 if set(failed) == {"ALREADY_MODIFIED"} else 400


def credits_of(request: Request) -> int:
    """Daily credits of a write: one per ten records (zoho-facts §2.13)."""
    return max(1, -(-_count(request) // _CREDIT_RECORDS))


def is_heavy(request: Request) -> bool:
    """Whether a write counts against the sub-concurrency: more than ten records (§2.13)."""
    return _count(request) > _CREDIT_RECORDS


def external_field(store: CrmStore, request: Request) -> Field | None:
    """The field that `X-EXTERNAL: Products.<field>` names as key (zoho-facts §2.6)."""
    header = request.headers.get("x-external")
    if header is None:
        return None
    match = _EXTERNAL.fullmatch(header.strip())
    field = store.fields.get(match[1]) if match else None
    if field is None or not field.external:
        raise invalid_parameter("X-EXTERNAL")
    return field


def moment_header(request: Request, name: str) -> datetime | None:
    """A header such as `If-Modified-Since` as a time; refuses one without an offset."""
    text = request.headers.get(name.lower())
    if text is None:
        return None
    moment = moment_of(text.strip())
    if moment is None:
        raise invalid_parameter(name, expected_data_type="datetime")
    return moment


def _count(request: Request) -> int:
    """How many records a body holds; 1 for a body that will be refused anyway."""
    try:
        records = request.json()["data"]
    except (ValueError, KeyError, TypeError):
        return 1
    return len(records) if isinstance(records, list) else 1


def _check_triggers(triggers: object) -> None:
    """`trigger` holds known automations; absent runs all of them, `[]` none (zoho-facts §2.3)."""
    if triggers is None:
        return
    if not isinstance(triggers, list) or not _TRIGGERS.issuperset(map(str, triggers)):
        raise refusal(
            400,
            "INVALID_DATA",
            "invalid data",
            api_name="trigger",
            supported_values=sorted(_TRIGGERS),
        )
