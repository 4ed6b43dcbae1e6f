"""Everything about the emulated organisation that can be chosen, as one frozen value.

Where Zoho's documentation is silent, the default is the worst case for a client (zoho-facts §5).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints
from zoneinfo import available_timezones

import msgspec

from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.crm.options import CrmOptions
from zoho_emulator.oauth.options import OAuthOptions

REGION_HOSTS: dict[str, tuple[str, str]] = {
    "US": ("https://accounts.zoho.com", "https://www.zohoapis.com"),
    "EU": ("https://accounts.zoho.eu", "https://www.zohoapis.eu"),
    "IN": ("https://accounts.zoho.in", "https://www.zohoapis.in"),
    "AU": ("https://accounts.zoho.com.au", "https://www.zohoapis.com.au"),
    "JP": ("https://accounts.zoho.jp", "https://www.zohoapis.jp"),
    "CN": ("https://accounts.zoho.com.cn", "https://www.zohoapis.com.cn"),
    "CA": ("https://accounts.zohocloud.ca", "https://www.zohoapis.ca"),
    "SA": ("https://accounts.zoho.sa", "https://www.zohoapis.sa"),
    "UK": ("https://accounts.zoho.uk", "https://www.zohoapis.uk"),
    "AE": ("https://accounts.zoho.ae", "https://www.zohoapis.ae"),
}
"""Accounts host and API host by data centre (zoho-facts §1.1)."""


class OptionsError(ValueError):
    """The options document cannot be used; the message names the field."""


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """Most requests per window; None lifts a limit.

    `total_per_minute` spans all services (token requests count, but are never refused by it).
    `billing_per_minute` answers code 44, `billing_per_day` code 45, `concurrency` (per service)
    code 1070 or CRM's TOO_MANY_REQUESTS (zoho-facts §2.13, §3.8).
    """

    total_per_minute: int | None = 100
    crm_per_minute: int | None = None
    billing_per_minute: int | None = 100
    crm_credits_per_day: int | None = 50_000
    billing_per_day: int | None = 5_000
    concurrency: int | None = 10
    crm_sub_concurrency: int | None = 10
    retry_after: bool = False

    @classmethod
    def unlimited(cls) -> LimitOptions:
        """No limit at all: for tests about something else."""
        return cls(None, None, None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Options:
    """One emulated organisation.

    `time_scale` is emulated seconds per wall second; `latency` is added to every answer, in wall
    seconds. The credentials are invented. `organisations` are several on one port: what each has
    other than this one.
    """

    seed: int = 1
    org_id: str = "700000001"
    org_name: str = "Harbour Fibre (emulated)"
    client_id: str = "1000.EMULATEDCLIENT0000000000000001"
    client_secret: str = "emulated-client-secret-0000000000000001"
    refresh_token: str = "1000.0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e.1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f"
    region: str = "US"
    region_hosts: dict[str, tuple[str, str]] = field(default_factory=lambda: dict(REGION_HOSTS))
    currency: str = "ZAR"
    time_zone: str = "Africa/Johannesburg"
    time_scale: float = 1.0
    latency: float = 0.0
    oauth: OAuthOptions = field(default_factory=OAuthOptions)
    crm: CrmOptions = field(default_factory=CrmOptions)
    billing: BillingOptions = field(default_factory=BillingOptions)
    limits: LimitOptions = field(default_factory=LimitOptions)
    organisations: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Options:
        """Options from a JSON object; raises `OptionsError` naming the first wrong field."""
        if not isinstance(document, Mapping):
            raise OptionsError("options: a JSON object is wanted")
        _refuse_unknown(document, cls, "$")
        try:
            options = msgspec.convert(dict(document), cls)
        except msgspec.ValidationError as error:
            raise OptionsError(f"options: {error}") from error
        _check(options)
        return options


def _check(options: Options) -> None:
    """Raise `OptionsError` for a value of the right type that cannot be."""
    if options.region not in options.region_hosts:
        raise OptionsError(f"options: $.region is one of {sorted(options.region_hosts)}")
    if options.time_zone not in available_timezones():
        raise OptionsError(f"options: $.time_zone: there is no zone {options.time_zone}")
    if options.latency < 0:
        raise OptionsError(f"options: $.latency is 0 or more, not {options.latency}")


def _refuse_unknown(document: Mapping[str, Any], kind: type, path: str) -> None:
    """Unknown keys of a dataclass pass msgspec, but a misspelt option must not go unnoticed."""
    hints = get_type_hints(kind)
    for key, value in document.items():
        if key not in hints:
            raise OptionsError(f"options: {path}.{key} is not an option; known: {sorted(hints)}")
        nested = next(
            (t for t in (hints[key], *get_args(hints[key])) if dataclasses.is_dataclass(t)), None
        )
        if isinstance(nested, type) and isinstance(value, Mapping) and nested is hints[key]:
            _refuse_unknown(value, nested, f"{path}.{key}")
