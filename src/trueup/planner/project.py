"""An offering becomes the records that each target should hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from trueup.domain.money import cents
from trueup.domain.offering import Offering, Withdrawn
from trueup.domain.records import (
    ACTIVE,
    Binding,
    DesiredRecord,
    FieldValue,
    Kind,
    RecordKey,
    Ref,
    Schema,
    Slot,
    Stands,
    TargetName,
)
from trueup.planner.census import Census, device_codes
from trueup.planner.mapping import PRODUCT_SOURCES, Facts, FieldMap, FieldRule, Policy

INSTALLATION_TEXT = "One-time installation"
HARDWARE_TEXT = "Hardware included with the product"
_PLAN_CODE = "plan_code"


def installation_code(sku: str) -> str:
    """The SKU of a product's installation item."""
    return f"{sku}-INSTALL"


class Projector:
    """Projects offerings under one mapping, one census and the schemas of the targets asked.

    A field that a target does not have is left out; preflight reports it.
    """

    def __init__(
        self, mapping: FieldMap, census: Census, schemas: Mapping[TargetName, Schema]
    ) -> None:
        self._census = census
        self._targets = frozenset(schemas)
        self._rules = {
            kind: _usable(mapping.rules[kind], kind, schemas[kind.target])
            for kind in Kind
            if kind.target in schemas
        }

    def project(self, offering: Offering, plan_code: str = "") -> list[DesiredRecord]:
        """The records of a product on sale, in the order in which they may be created.

        `plan_code` is the version of its plan that counts, when that is not the first one.
        """
        facts = Facts(offering, self._label(offering.name, offering.sku), plan_code)
        records: list[DesiredRecord] = []
        if TargetName.CRM in self._targets:
            records.append(self._record(Kind.CRM_PRODUCT, Slot.PRODUCT, facts))
        if TargetName.BILLING in self._targets:
            records.append(self._record(Kind.BILLING_PRODUCT, Slot.PRODUCT, facts))
            records.append(self._record(Kind.BILLING_PLAN, Slot.PLAN, facts))
            records.append(self._installation(facts))
            records.extend(self._devices(facts))
        return records

    def retire(
        self,
        withdrawn: Withdrawn,
        remembered: Iterable[Binding],
        begun: Iterable[RecordKey] = (),
    ) -> list[DesiredRecord]:
        """The records of a withdrawn product: inactive where they exist.

        `begun` are plans whose creation was never answered. Where its SKU belongs to another row
        now, only records that other codes name are its own.
        """
        own, sku = withdrawn.offering_id, withdrawn.sku
        claimed = self._parts(sku) if sku else {}
        extra = {b.key: b.slot for b in remembered if b.owner == own and b.key not in claimed}
        extra |= {key: Slot.PLAN for key in begun if key not in claimed}
        parts = extra if withdrawn.superseded else claimed | extra
        return [
            retiring(key, slot, own, sku)
            for key, slot in parts.items()
            if key.kind.target in self._targets
        ]

    def _parts(self, sku: str) -> dict[RecordKey, Slot]:
        return {
            RecordKey(Kind.CRM_PRODUCT, sku): Slot.PRODUCT,
            RecordKey(Kind.BILLING_PLAN, sku): Slot.PLAN,
            RecordKey(Kind.BILLING_ITEM, installation_code(sku)): Slot.INSTALLATION,
            RecordKey(Kind.BILLING_PRODUCT, sku): Slot.PRODUCT,
        }

    def _record(self, kind: Kind, slot: Slot, facts: Facts) -> DesiredRecord:
        offering = facts.offering
        fields = {
            rule.field: PRODUCT_SOURCES[rule.source](facts) if rule.source else rule.value
            for rule in self._rules[kind]
        }
        code = facts.plan_code if kind is Kind.BILLING_PLAN else ""
        key = RecordKey(kind, code or offering.sku)
        if kind is Kind.BILLING_PLAN and _PLAN_CODE in fields:
            fields[_PLAN_CODE] = key.code  # whatever fills it in: it is the plan's address
        return DesiredRecord(
            key, slot, fields, offering.offering_id, (offering.offering_id,), offering.sku
        )

    def _installation(self, facts: Facts) -> DesiredRecord:
        offering = facts.offering
        code = installation_code(offering.sku)
        fields = self._item_fields(
            f"{facts.label} - Installation", code, offering.setup.amount, INSTALLATION_TEXT
        )
        key, own = RecordKey(Kind.BILLING_ITEM, code), offering.offering_id
        return DesiredRecord(key, Slot.INSTALLATION, fields, own, (own,), offering.sku)

    def _devices(self, facts: Facts) -> Iterator[DesiredRecord]:
        offering = facts.offering
        for code, device in device_codes(offering.devices, offering.sku):
            shared = self._census.devices.get(code)
            if shared is not None and len(shared.costs) > 1:
                continue  # a finding says so; no price is chosen
            model = (shared.model if shared else device.model) or f"{facts.label} - Hardware"
            name = f"{model} [{code}]" if self._census.model_repeats(model) else model
            cost = shared.cost if shared else device.cost or Decimal(0)
            fields = self._item_fields(name, code, cents(cost), HARDWARE_TEXT)
            own = "" if shared else offering.offering_id
            users = tuple(shared.users) if shared else (own,)
            yield DesiredRecord(
                RecordKey(Kind.BILLING_ITEM, code), Slot.DEVICE, fields, own, users, offering.sku
            )

    def _item_fields(self, name: str, code: str, rate: Decimal, text: str) -> dict[str, FieldValue]:
        sources: dict[str, FieldValue] = {
            "item_name": name,
            "item_sku": code,
            "item_rate": rate,
            "item_description": text,
            "active": True,
        }
        return {
            rule.field: sources[rule.source] if rule.source else rule.value
            for rule in self._rules[Kind.BILLING_ITEM]
        }

    def _label(self, name: str, sku: str) -> str:
        return f"{name} [{sku}]" if self._census.name_repeats(name) else name


def retiring(
    key: RecordKey,
    slot: Slot,
    owner: str,
    sku: str,
    *,
    needs: tuple[Ref, ...] = (),
    stands: Stands | None = None,
) -> DesiredRecord:
    """A record that should be inactive where it exists, once what it `needs` stands."""
    users = (owner,) if owner else ()
    fields = {ACTIVE[key.kind]: False}
    return DesiredRecord(
        key, slot, fields, owner, users, sku, retiring=True, needs=needs, stands=stands or {}
    )


def _usable(rules: Sequence[FieldRule], kind: Kind, schema: Schema) -> tuple[FieldRule, ...]:
    return tuple(
        rule for rule in rules if rule.policy is not Policy.IGNORE and schema.has(kind, rule.field)
    )
