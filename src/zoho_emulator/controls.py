"""What a test, a demo or a person at the console may do to an emulated organisation."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from zoho_emulator.clock import Clock, ScaledClock
from zoho_emulator.faults import Faults, parse_script
from zoho_emulator.journal import entry_document
from zoho_emulator.options import Options
from zoho_emulator.world import World


class NoSuchRecordError(LookupError):
    """The console was asked for a service, resource or record that is not there."""


class Controls:
    """The knobs around one `World`. Every method takes the lock that handlers take."""

    def __init__(self, options: Options | None = None, clock: Clock | None = None) -> None:
        self.options = options or Options()
        self.clock = clock or ScaledClock(self.options.time_scale)
        self._lock = threading.RLock()
        self._base_url = ""
        self._begin_again()

    def _begin_again(self) -> None:
        self.world = World(self.options, self.clock)
        self.world.base_url = self._base_url
        self.faults = Faults(self.options.seed)

    def served_at(self, base_url: str) -> None:
        """Tell the emulator its own address, which token answers then name as `api_domain`."""
        self._base_url = base_url
        self.world.base_url = base_url

    def reset(self, options: Options | None = None) -> None:
        """Begin again with an empty organisation, no faults and no history; time goes on."""
        with self._lock:
            self.options = options or self.options
            self._begin_again()

    def state(self) -> dict[str, Any]:
        """Counts of records, requests, tokens, and the largest windows seen."""
        with self._lock:
            world = self.world
            return {
                "time": self.clock.now().isoformat(timespec="milliseconds"),
                "records": {
                    "crm": {"products": len(world.crm.records)},
                    "billing": world.billing.counts(),
                },
                "requests": {
                    "total": world.journal.total,
                    "by_service": world.journal.by_service(),
                    "by_status": world.journal.table(),
                },
                "largest_windows": world.limits.largest_windows(),
                "most_in_flight": world.limits.most_in_flight,
                "used_today": world.limits.used_today(),
                "tokens": world.tokens.counts(),
                "faults": self.faults.listing(),
            }

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Requests with a number above `since`, oldest first."""
        with self._lock:
            return [entry_document(entry) for entry in self.world.journal.since(since)]

    def add_faults(self, script: Sequence[Mapping[str, Any]]) -> None:
        """Arm the rules of a fault script; raises `FaultScriptError`."""
        rules = parse_script(script)
        with self._lock:
            self.faults.add(rules)

    def clear_faults(self) -> None:
        """Good weather from now on."""
        with self._lock:
            self.faults.clear()

    def advance(self, seconds: float) -> None:
        """Let emulated time pass at once."""
        with self._lock:
            self.clock.advance(seconds)

    def expire_tokens(self) -> int:
        """End every live access token; tells how many there were."""
        with self._lock:
            return self.world.tokens.expire()

    def issued(self, token: str) -> bool:
        """Whether this organisation gave out this access token, refresh token or grant code."""
        with self._lock:
            return bool(token) and self.world.tokens.issued(token)

    def grant_code(self, scope: str | None = None) -> str:
        """A fresh one-use grant code, as the self-client page of Zoho's console makes one.

        Raises `ThrottledError` after ten in ten minutes (zoho-facts §1.4).
        """
        with self._lock:
            return self.world.tokens.mint_code(scope)

    def records(self, service: str, resource: str) -> list[dict[str, Any]]:
        """The records as stored. `resource` is `products` (CRM) or a Billing resource."""
        with self._lock:
            if (service, resource.lower()) == ("crm", "products"):
                return self.world.crm.raw_records()
            return self.world.billing.raw_records(_billing(service, resource))

    def add(self, service: str, resource: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A record that a person enters by hand. Raises `KeyError` for unknown CRM fields."""
        with self._lock:
            if (service, resource.lower()) == ("crm", "products"):
                return {"id": self.world.crm.add_foreign(fields).id}
            return self.world.billing.add_foreign(_billing(service, resource), fields)

    def edit(
        self, service: str, resource: str, key: str, fields: Mapping[str, Any], by: str = ""
    ) -> None:
        """A hand edit of the record with this id or code. Raises `NoSuchRecordError`.

        `by` names the editor, whom CRM remembers; without one it is the token's own user, whom
        nobody can tell from a program.
        """
        with self._lock:
            record_id = self._find(service, resource, key)
            if service == "crm":
                editor = self.world.crm.user_named(by)
                self.world.crm.edit_by_person(record_id, fields, editor)
            else:
                self.world.billing.edit_by_person(resource, record_id, fields)

    def delete(self, service: str, resource: str, key: str) -> None:
        """A hand deletion of the record with this id or code. Raises `NoSuchRecordError`."""
        with self._lock:
            record_id = self._find(service, resource, key)
            if service == "crm":
                self.world.crm.delete_by_person(record_id)
            else:
                self.world.billing.delete_by_person(resource, record_id)

    def demand(self, layout: str, field: str, *, required: bool = True) -> None:
        """A layout of CRM demands a field, or does so no longer. Raises `KeyError`."""
        with self._lock:
            self.world.crm.demand(layout, field, required=required)

    def attach_subscriptions(self, plan_code: str, live: int, cancelled: int = 0) -> None:
        """Let `live` subscriptions run on a plan, and others have ended; it cannot be deleted."""
        with self._lock:
            record_id = self._find("billing", "plans", plan_code)
            self.world.billing.subscriptions[record_id] = live
            self.world.billing.cancelled[record_id] = cancelled

    def _find(self, service: str, resource: str, key: str) -> str:
        """The id of the record whose id or code is `key`."""
        if (service, resource.lower()) == ("crm", "products"):
            for record in self.world.crm.records.values():
                if key in {record.id, record.values.get("Product_Code")}:
                    return record.id
        elif (found := self.world.billing.find(_billing(service, resource), key)) is not None:
            return found.id
        raise NoSuchRecordError(f"{service} has no record {key} among its {resource}")


def _billing(service: str, resource: str) -> str:
    if service != "billing" or resource not in {"products", "plans", "addons", "items"}:
        raise NoSuchRecordError(f"there is no resource {resource} at {service}")
    return resource
