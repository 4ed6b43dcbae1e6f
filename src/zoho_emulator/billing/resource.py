"""What products, plans, addons and items have in common: seven operations on one kind of record."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from zoho_emulator.billing.dialect import refuse, refuse_value
from zoho_emulator.billing.paging import cut_page, kept_listing
from zoho_emulator.billing.schema import Field, read_body
from zoho_emulator.billing.store import BillingStore, Record, Status
from zoho_emulator.wire import JsonDocument, Request, Response
from zoho_emulator.world import World


@dataclass(frozen=True, slots=True)
class Wording:
    """What Billing answers when it is done, word for word (zoho-facts §3.2)."""

    created: str
    updated: str
    deleted: str
    activated: str
    deactivated: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a list, and in what order; `key` tells selections apart."""

    key: tuple[object, ...]
    rows: list[Record]
    applied_filter: str
    sort_column: str = "created_time"
    sort_order: str = "D"


class Resource(ABC):
    """One kind of Billing record. A subclass says what is special about it."""

    plural: ClassVar[str]
    singular: ClassVar[str]
    label: ClassVar[str]
    fields: ClassVar[Sequence[Field]]
    update_fields: ClassVar[Sequence[Field]]
    create_requires: ClassVar[Sequence[str]]
    update_requires: ClassVar[Sequence[str]]
    wording: ClassVar[Wording]
    unknown_code: ClassVar[int] = 1002

    @abstractmethod
    def locate(self, store: BillingStore, key: str) -> Record | None:
        """The record that a path names."""

    @abstractmethod
    def check(self, store: BillingStore, body: JsonDocument, record: Record | None) -> None:
        """Refuse a body that breaks a rule beyond its types; `record` is the one updated."""

    @abstractmethod
    def show(self, store: BillingStore, record: Record, *, listed: bool) -> JsonDocument:
        """A record as an answer shows it."""

    @abstractmethod
    def select(self, store: BillingStore, query: Mapping[str, str]) -> Selection:
        """The rows that a list request asks for."""

    def check_deletion(self, store: BillingStore, record: Record) -> None:
        """Refuse a deletion because of what hangs on the record; nothing does by default."""
        del store, record

    def list(self, world: World, request: Request) -> Response:
        """One page of records; an empty list is an answer like any other (zoho-facts §3.8)."""
        store = world.billing
        selection = self.select(store, request.query)
        context: JsonDocument = {
            "report_name": self.plural.capitalize(),
            "applied_filter": selection.applied_filter,
            "sort_column": selection.sort_column,
            "sort_order": selection.sort_order,
        }
        page, page_context = cut_page(request, selection.rows, context)
        rows = [self.show(store, record, listed=True) for record in page]
        return answer(200, "success", {self.plural: rows, "page_context": page_context})

    def read(self, world: World, _request: Request, key: str) -> Response:
        """One record."""
        return self._answer(world, 200, "success", self._located(world.billing, key))

    def create(self, world: World, request: Request) -> Response:
        """A new record: 201. Sent twice it is refused or doubled, never merged (§3.9)."""
        store = world.billing
        body = read_body(request, self.fields, self.create_requires, store.options)
        self.check(store, body, None)
        defaults = {f.name: f.default for f in self.fields if f.default is not None}
        record = store.insert(self.plural, defaults | body)
        return self._answer(world, 201, self.wording.created, record)

    def update(self, world: World, request: Request, key: str) -> Response:
        """Lay the body over a record; what it leaves out stays, or resets by option (§3.4)."""
        store = world.billing
        record = self._located(store, key)
        body = read_body(request, self.update_fields, self.update_requires, store.options)
        self.check(store, body, record)
        resettable = {f.name for f in self.update_fields} if store.options.put_resets else set()
        kept = {name: v for name, v in record.fields.items() if name not in resettable}
        defaults = {f.name: f.default for f in self.fields if f.default is not None}
        store.update(self.plural, record, defaults | kept | body)
        return self._answer(world, 200, self.wording.updated, record)

    def delete(self, world: World, _request: Request, key: str) -> Response:
        """Remove a record for good."""
        record = self._located(world.billing, key)
        self.check_deletion(world.billing, record)
        world.billing.delete(self.plural, record)
        return answer(200, self.wording.deleted)

    def activate(self, world: World, _request: Request, key: str) -> Response:
        """Mark active; doing it twice is no error."""
        return self._mark(world, key, "active", self.wording.activated)

    def deactivate(self, world: World, _request: Request, key: str) -> Response:
        """Mark inactive; doing it twice is no error."""
        return self._mark(world, key, "inactive", self.wording.deactivated)

    def _mark(self, world: World, key: str, status: Status, message: str) -> Response:
        record = self._located(world.billing, key)
        world.billing.set_status(self.plural, record, status)
        return answer(200, message)

    def _located(self, store: BillingStore, key: str) -> Record:
        record = self.locate(store, key)
        if record is None:
            message = f"{self.label} does not exist."
            refuse(store.options.unknown_object_status, self.unknown_code, message)
        return record

    def _answer(self, world: World, status: int, message: str, record: Record) -> Response:
        shown = self.show(world.billing, record, listed=False)
        return answer(status, message, {self.singular: shown})


def answer(status: int, message: str, content: Mapping[str, object] | None = None) -> Response:
    """Billing's envelope of success (zoho-facts §3.1)."""
    return Response.json(status, {"code": 0, "message": message} | dict(content or {}))


def select_by_status(
    store: BillingStore, resource: str, query: Mapping[str, str], prefix: str
) -> Selection:
    """Plans and addons: `filter_by=<prefix>.All|ACTIVE|INACTIVE…` and `product_id` (§3.4-3.5)."""
    applied = query.get("filter_by", f"{prefix}.All")
    head, _, wanted = applied.partition(".")
    kinds = {"ONETIME": "one_time", "RECURRING": "recurring"} if prefix == "AddonStatus" else {}
    if head != prefix or wanted.upper() not in {"ALL", "ACTIVE", "INACTIVE", *kinds}:
        refuse_value("filter_by")
    wanted, product = wanted.upper(), query.get("product_id")

    def build() -> list[Record]:
        return [
            record
            for record in reversed(store.all(resource))
            if (wanted in kinds or wanted in {"ALL", record.status.upper()})
            and (wanted not in kinds or record.fields.get("type") == kinds[wanted])
            and product in {None, record.fields.get("product_id")}
        ]

    key = (resource, wanted, product)
    return Selection(key, kept_listing(store, key, build), applied)


def check_code(store: BillingStore, resource: str, code: str, record: Record | None) -> None:
    """A code has no spaces and no slash, and nobody else has it, active or not (§3.4, §5)."""
    field = "plan_code" if resource == "plans" else "addon_code"
    if any(character.isspace() or character == "/" for character in code):
        refuse_value(field)
    if record is not None and code != record.fields[field]:
        refuse_value(field)  # the code is the address; it cannot be changed (§3.7)
    others = [r for r in store.alike(resource, field, code) if r is not record]
    if others:
        refuse_duplicate(store, f"A record with {field} {code} already exists.")


def check_references(store: BillingStore, body: JsonDocument) -> None:
    """Products and taxes that a body names must be there, custom fields defined (§3.7-3.8)."""
    if "product_id" in body and store.get("products", body["product_id"]) is None:
        refuse_value("product_id", 4)
    if body.get("tax_id") and body["tax_id"] not in store.tax_ids:
        refuse_value("tax_id", 4)
    for row in body.get("custom_fields", []):
        if row.get("label", row.get("customfield_id")) not in store.options.custom_fields:
            refuse(400, 120129, "Invalid value passed for custom_fields")


def refuse_duplicate(store: BillingStore, message: str) -> None:
    """The real code is unknown, so a sentinel that no client can have learnt (§5)."""
    refuse(store.options.duplicate_status, store.options.duplicate_code, message)
