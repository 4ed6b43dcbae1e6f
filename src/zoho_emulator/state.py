"""An emulated organisation as a JSON document, to go on where an earlier process stopped.

Kept: records with their history, recycle bin, subscriptions, fields that were made, what layouts
demand, people, refresh tokens, and how many ids were drawn. Not kept: live access tokens (clients
refresh), windows, journal, faults, bulk jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from zoho_emulator.billing.store import RESOURCES
from zoho_emulator.billing.store import Record as BillingRecord
from zoho_emulator.crm.fields import Field
from zoho_emulator.crm.store import CrmStore, Deletion, User
from zoho_emulator.crm.store import Record as CrmRecord
from zoho_emulator.wire import JsonDocument
from zoho_emulator.world import World

VERSION = 1


class StateError(ValueError):
    """A state document cannot be used; the message says why."""


def save(world: World) -> JsonDocument:
    """The world as a JSON object."""
    return {
        "version": VERSION,
        "seed": world.options.seed,
        "time": world.clock.now().isoformat(),
        "drawn": world.ids.drawn,
        "minted": world.ids.minted,
        "refresh_tokens": world.tokens.refresh_tokens(),
        "billing": {
            resource: [_billing_row(record) for record in world.billing.all(resource)]
            for resource in RESOURCES
        },
        "subscriptions": world.billing.subscriptions,
        "cancelled": world.billing.cancelled,
        "transactions": sorted(world.billing.transactions),
        "crm_fields": [
            {"id": world.crm.field_ids[name], "field": asdict(world.crm.fields[name])}
            for name in world.crm.made_fields
        ],
        "crm_layouts": {name: sorted(held) for name, held in world.crm.layouts.items()},
        "crm_colleagues": sorted(world.crm.colleagues),
        "crm": [_crm_row(record) for record in world.crm.records.values()],
        "crm_deleted": [
            {"at": gone.at.isoformat(), "by": gone.by.id, "record": _crm_row(gone.record)}
            for gone in world.crm.deletions
        ],
    }


def restore(world: World, document: Mapping[str, Any]) -> None:
    """Fill a fresh world.

    Raises `StateError` when the document is broken, or of another seed or version: users, fields
    and taxes take their ids from the seed, so a state belongs to its seed.
    """
    if not isinstance(document, dict):
        raise StateError("a state is a JSON object")
    if document.get("version") != VERSION:
        raise StateError(f"the state has version {document.get('version')}, not {VERSION}")
    try:
        if document["seed"] != world.options.seed:
            raise StateError(f"the state belongs to seed {document['seed']}: pass --seed")
        _fill(world, document)
    except (AttributeError, KeyError, TypeError) as error:
        raise StateError(f"the state cannot be read: {type(error).__name__} {error}") from error


def _fill(world: World, document: Mapping[str, Any]) -> None:
    behind = datetime.fromisoformat(document["time"]) - world.clock.now()
    world.clock.advance(max(0.0, behind.total_seconds()))
    for resource, rows in document["billing"].items():
        for row in rows:
            world.billing.keep(resource, _billing_record(row))
    world.billing.subscriptions.update(document["subscriptions"])
    world.billing.cancelled.update(document.get("cancelled", {}))
    world.billing.transactions.update(document["transactions"])
    for made in document.get("crm_fields", []):
        world.crm.make_field(_crm_field(made["field"]), made["id"])
    for name, held in document.get("crm_layouts", {}).items():
        world.crm.layouts[name] = frozenset(held)
    for name in document.get("crm_colleagues", []):
        world.crm.user_named(name)
    for row in document["crm"]:
        _keep_crm(world.crm, _crm_record(world.crm, row))
    for row in document["crm_deleted"]:
        record = _crm_record(world.crm, row["record"])
        at = datetime.fromisoformat(row["at"])
        world.crm.deletions.append(Deletion(record, at, _user(world.crm, row["by"])))
    for value, scope in document["refresh_tokens"].items():
        world.tokens.add_refresh_token(value, scope)
    world.ids.drawn, world.ids.minted = document["drawn"], document["minted"]


def _billing_row(record: BillingRecord) -> JsonDocument:
    return {
        "id": record.id,
        "fields": record.fields,
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "status": record.status,
        "changed_by": record.changed_by,
    }


def _billing_record(row: Mapping[str, Any]) -> BillingRecord:
    return BillingRecord(
        row["id"],
        row["fields"],
        datetime.fromisoformat(row["created_at"]),
        datetime.fromisoformat(row["updated_at"]),
        row["status"],
        row["changed_by"],
    )


def _crm_field(attributes: Mapping[str, Any]) -> Field:
    return Field(**{**attributes, "pick_list_values": tuple(attributes["pick_list_values"])})


def _crm_row(record: CrmRecord) -> JsonDocument:
    return {
        "id": record.id,
        "values": dict(record.values),
        "created_at": record.created_at.isoformat(),
        "created_by": record.created_by.id,
        "modified_at": record.modified_at.isoformat(),
        "modified_by": record.modified_by.id,
    }


def _crm_record(store: CrmStore, row: Mapping[str, Any]) -> CrmRecord:
    return CrmRecord(
        row["id"],
        row["values"],
        datetime.fromisoformat(row["created_at"]),
        _user(store, row["created_by"]),
        datetime.fromisoformat(row["modified_at"]),
        _user(store, row["modified_by"]),
    )


def _keep_crm(store: CrmStore, record: CrmRecord) -> None:
    """A restored record is found at once by value and, after the usual delay, by search."""
    store.records[record.id] = record
    store.index.replace(record.id, {}, record.values)
    store.search.note(store.clock.monotonic(), record.id, record.values)


def _user(store: CrmStore, user_id: str) -> User:
    found = next((user for user in store.users() if user.id == user_id), None)
    return found or store.api_user
