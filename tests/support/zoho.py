"""Doors to Zoho for tests: a clock that stands still, a budget and a token store in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2

from support.emulator import EmulatorTransport
from trueup.domain.changes import Action, Change, FieldDelta, Reason
from trueup.domain.errors import PausedError
from trueup.domain.records import Fields, FieldValue, Kind, RecordKey, Slot
from trueup.ports import AccessToken, BudgetUsage, MintedToken, Ticket
from trueup.zoho.auth import Credentials
from trueup.zoho.http import Door
from trueup.zoho.regions import Hosts, region
from trueup.zoho.wire import RequestEvent
from zoho_emulator.app import Emulator
from zoho_emulator.clock import ManualClock
from zoho_emulator.crm.options import CrmOptions
from zoho_emulator.options import LimitOptions, Options

SECRET, REFRESH, TOKEN = "s3cret-of-nobody", "1000.refresh-of-nobody", "1000.token-of-nobody"
CREDENTIALS = Credentials("1000.CLIENT", SECRET, REFRESH)
MANAGED = (
    "Product_Name", "Product_Code", "Description", "Product_Category", "Unit_Price",
    "Product_Active", "ct_product_id", "ct_service_package_id", "ct_service_type",
    "ct_installation_fee", "ct_download_speed_mbps", "ct_contract_term_months",
    "ct_valid_from", "ct_no_such_field",
)  # fmt: skip

Handler = Callable[[httpx2.Request], httpx2.Response]


class StillClock(ManualClock):
    """Time that passes only while somebody sleeps; `slept` keeps the naps."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


@dataclass
class SmallBudget:
    """The `Budget` without limits: closes throttled targets and remembers what it was told."""

    clock: StillClock
    closure: float = 60.0
    acquired: list[str] = field(default_factory=list)
    open_tickets: set[int] = field(default_factory=set)
    throttles: list[tuple[str, float | None]] = field(default_factory=list)
    exhaustions: list[tuple[str, float]] = field(default_factory=list)
    closed: dict[str, float] = field(default_factory=dict)

    def acquire(self, target: str, *, patience: float) -> Ticket:
        wait = self.closed.get(target, 0.0) - self.clock.monotonic()
        if wait > patience:
            raise PausedError(f"{target} is closed", self.clock.now() + timedelta(seconds=wait))
        if wait > 0:
            self.clock.sleep(wait)
        self.acquired.append(target)
        self.open_tickets.add(len(self.acquired))
        return Ticket(len(self.acquired), target)

    def release(self, ticket: Ticket) -> None:
        self.open_tickets.remove(ticket.number)

    def throttled(self, target: str, retry_after: float | None) -> None:
        self.throttles.append((target, retry_after))
        self._close(target, self.closure if retry_after is None else retry_after)

    def exhausted(self, target: str, seconds: float) -> None:
        self.exhaustions.append((target, seconds))
        self._close(target, seconds)

    def usage(self) -> BudgetUsage:
        return BudgetUsage(0, 60.0, 0, len(self.open_tickets), len(self.acquired), None, {})

    def _close(self, target: str, seconds: float) -> None:
        until = self.clock.monotonic() + seconds
        self.closed[target] = max(until, self.closed.get(target, 0.0))


@dataclass
class SmallTokens:
    """The `TokenStore` of one process."""

    clock: StillClock
    token: AccessToken | None = None
    generation: int = 0
    cooling_until: float = 0.0
    cooldowns: list[str] = field(default_factory=list)

    def get(self, mint: Callable[[], MintedToken], *, patience: float) -> AccessToken:
        if self.cooling_until > self.clock.monotonic():
            raise PausedError(f"the token endpoint wants silence for more than {patience} s")
        if self.token is None:
            minted = mint()
            self.generation += 1
            expires = self.clock.now() + timedelta(seconds=minted.expires_in)
            self.token = AccessToken(minted.value, minted.api_domain, self.generation, expires)
        return self.token

    def invalidate(self, token: AccessToken) -> None:
        if self.token is not None and self.token.generation == token.generation:
            self.token = None

    def cool_down(self, reason: str, seconds: float | None = None) -> None:
        self.cooldowns.append(reason)
        self.cooling_until = self.clock.monotonic() + (300.0 if seconds is None else seconds)


@dataclass
class Zoho:
    """A door with everything around it within reach of a test."""

    door: Door
    clock: StillClock
    budget: SmallBudget
    tokens: SmallTokens
    events: list[RequestEvent]


def zoho(
    transport: httpx2.BaseTransport,
    clock: StillClock | None = None,
    credentials: Credentials = CREDENTIALS,
    patience: float = 120.0,
) -> Zoho:
    """A door over any transport."""
    clock = clock or StillClock()
    budget, tokens = SmallBudget(clock), SmallTokens(clock)
    events: list[RequestEvent] = []
    door = Door.open(
        credentials=credentials,
        hosts=Hosts(region("US")),
        budget=budget,
        tokens=tokens,
        clock=clock,
        rng=random.Random(7),
        transport=transport,
        patience=patience,
        on_request=events.append,
    )
    return Zoho(door, clock, budget, tokens, events)


def scripted(*answers: httpx2.Response | Exception | Handler) -> tuple[Zoho, list[httpx2.Request]]:
    """A door whose API answers are given, in order; the token endpoint always answers well."""
    asked: list[httpx2.Request] = []
    left = list(answers)

    def respond(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/oauth/v2/token":
            return a_token()
        asked.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else answer(request)

    return zoho(httpx2.MockTransport(respond)), asked


def a_token(**changes: object) -> httpx2.Response:
    body = {
        "access_token": TOKEN,
        "api_domain": "https://www.zohoapis.com",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    return httpx2.Response(200, json=body | changes)


def emulated(options: Options | None = None, patience: float = 120.0) -> tuple[Zoho, Emulator]:
    """A door into an emulator that shares its clock; no rate limits unless options say so."""
    clock = StillClock()
    options = options or Options(limits=LimitOptions.unlimited(), crm=CrmOptions())
    emulator = Emulator(options, clock)
    credentials = Credentials(options.client_id, options.client_secret, options.refresh_token)
    transport = EmulatorTransport(emulator, sleep=clock.sleep)
    return zoho(transport, clock, credentials, patience), emulator


# --- changes -------------------------------------------------------------------------------


def a_create(kind: Kind, code: str, fields: Fields) -> Change:
    deltas = {name: FieldDelta(None, value) for name, value in fields.items()}
    return _change(kind, code, Action.CREATE, Reason.MISSING, deltas, fields)


def an_update(
    kind: Kind,
    code: str,
    remote_id: str,
    deltas: Mapping[str, tuple[FieldValue, FieldValue]],
    version: str = "",
    action: Action = Action.UPDATE,
) -> Change:
    full = {name: FieldDelta(*pair) for name, pair in deltas.items()}
    after = {name: delta.after for name, delta in full.items()}
    return _change(kind, code, action, Reason.EDITED, full, after, remote_id, version)


def _change(
    kind: Kind,
    code: str,
    action: Action,
    reason: Reason,
    deltas: Mapping[str, FieldDelta],
    fields: Fields,
    remote_id: str = "",
    version: str = "",
) -> Change:
    return Change(
        key=RecordKey(kind, code),
        action=action,
        reason=reason,
        deltas=deltas,
        slot=Slot.PRODUCT,
        owner="offering-1",
        users=("offering-1",),
        sku=code,
        remote_id=remote_id,
        version=version,
        fields=fields,
    )


def nobody(_key: RecordKey) -> str | None:
    """No record has a remote id."""
    return None


def journal_of(emulator: Emulator, method: str, part: str = "") -> Sequence[dict[str, Any]]:
    """The requests of a method whose path contains a part."""
    entries = emulator.journal()
    return [e for e in entries if e["method"] == method and part in e["path"]]
