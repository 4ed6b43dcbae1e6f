"""Zoho's data centres: which accounts server and which API host (zoho-facts §1.1)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from trueup.domain.errors import UsageError


@dataclass(frozen=True, slots=True)
class Region:
    """One data centre; the URLs end without a slash."""

    name: str
    accounts_url: str
    api_url: str

    @property
    def console_url(self) -> str:
        """Where a person makes a self client and its grant code (zoho-facts §1.3)."""
        return self.accounts_url.replace("://accounts.", "://api-console.")


# UK's API host and AE's accounts host are inferred, the others documented (zoho-facts §1.1).
REGIONS: Mapping[str, Region] = {
    name: Region(name, f"https://{accounts}", f"https://{api}")
    for name, accounts, api in (
        ("US", "accounts.zoho.com", "www.zohoapis.com"),
        ("EU", "accounts.zoho.eu", "www.zohoapis.eu"),
        ("IN", "accounts.zoho.in", "www.zohoapis.in"),
        ("AU", "accounts.zoho.com.au", "www.zohoapis.com.au"),
        ("CN", "accounts.zoho.com.cn", "www.zohoapis.com.cn"),
        ("JP", "accounts.zoho.jp", "www.zohoapis.jp"),
        ("CA", "accounts.zohocloud.ca", "www.zohoapis.ca"),
        ("SA", "accounts.zoho.sa", "www.zohoapis.sa"),
        ("UK", "accounts.zoho.uk", "www.zohoapis.uk"),
        ("AE", "accounts.zoho.ae", "www.zohoapis.ae"),
    )
}

# What people write for a region: country domains and common names.
_ALIASES = {"COM": "US", "USA": "US", "EUROPE": "EU", "INDIA": "IN", "GB": "UK", "UAE": "AE"}


def region(name: str) -> Region:
    """The region of this name, in any case; an unknown one raises `UsageError`, never a default."""
    wanted = name.strip().upper()
    if wanted in REGIONS:
        return REGIONS[wanted]
    near = difflib.get_close_matches(wanted, REGIONS, 1, 0.5)
    close = _ALIASES.get(wanted) or "".join(near)
    hint = f"did you mean {close}? " if close else ""
    raise UsageError(
        f"ZOHO_REGION: {name!r} is not a Zoho region",
        f"{hint}Choose one of {', '.join(REGIONS)}",
    )


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts in use: an override wins over the token's `api_domain`, that over the region."""

    region: Region
    accounts_override: str = ""
    api_override: str = ""

    @property
    def accounts(self) -> str:
        """The accounts server."""
        return (self.accounts_override or self.region.accounts_url).rstrip("/")

    def api(self, api_domain: str = "") -> str:
        """The host of CRM and Billing; `api_domain` is what the token's answer named."""
        return (self.api_override or api_domain or self.region.api_url).rstrip("/")

    def content(self, api_domain: str = "") -> str:
        """The host that takes uploads (zoho-facts §2.12); with an override, the same one."""
        api = self.api(api_domain)
        return api if self.api_override else api.replace("://www.", "://content.")
