"""What can be chosen about the accounts server."""

from __future__ import annotations

from dataclasses import dataclass

FULL_SCOPE = (
    "ZohoCRM.modules.ALL,ZohoCRM.settings.ALL,ZohoCRM.coql.READ,ZohoCRM.bulk.ALL,ZohoCRM.org.READ,"
    "ZohoCRM.users.READ,ZohoSearch.securesearch.READ,ZohoFiles.files.ALL,"
    "ZohoSubscriptions.fullaccess.all"
)


@dataclass(frozen=True, slots=True)
class OAuthOptions:
    """Token lives, limits and undocumented answers (zoho-facts §1.2-1.5). Times in seconds.

    `throttle_status` is 400 as observed, or 200 as one of Zoho's own texts states.
    `refreshes` and `codes` are the most in `refresh_window`; None lifts the limit.
    `refused_counts`: a refused refresh prolongs the refusal (uncertain, hence the worst case).
    """

    scope: str = FULL_SCOPE
    expires_in: int = 3600
    omit_expires_in: bool = False
    live_tokens: int = 15
    refreshes: int | None = 10
    refresh_window: int = 600
    refused_counts: bool = True
    throttle_status: int = 400
    refresh_tokens: int = 20
    codes: int | None = 10
    code_life: int = 60
