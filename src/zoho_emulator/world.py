"""Everything one emulated organisation consists of, in one place.

Deterministic: the same options, the same clock and the same requests give the same world.
"""

from __future__ import annotations

from collections.abc import Callable

from zoho_emulator.billing.store import BillingStore
from zoho_emulator.clock import Clock
from zoho_emulator.crm.store import CrmStore
from zoho_emulator.ids import Ids
from zoho_emulator.journal import Journal
from zoho_emulator.limits import Limits
from zoho_emulator.oauth.tokens import TokenTable
from zoho_emulator.options import Options
from zoho_emulator.organisation import Organisation


class World:
    """State and collaborators that handlers work on.

    `partial_records` is set while a handler runs under the fault `partial`: record `i` of a write
    batch for which it returns True fails by itself. `base_url` is where the emulator is served;
    empty when it is used in-process. `held_scopes` are those of the request being answered.
    """

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.ids = Ids(options.seed)
        self.org = Organisation(
            options.org_id, options.org_name, options.currency, options.time_zone
        )
        self.tokens = TokenTable(options.oauth, clock, self.ids, options.refresh_token)
        self.crm = CrmStore(options.crm, clock, self.ids, options.time_zone)
        self.billing = BillingStore(options.billing, clock, self.ids, self.org)
        self.journal = Journal()
        self.limits = Limits(options.limits, clock)
        self.partial_records: Callable[[int], bool] | None = None
        self.held_scopes: tuple[str, ...] = ()
        self.base_url = ""

    @property
    def api_domain(self) -> str:
        """The API host that a token answer names (zoho-facts §1.1)."""
        return self.base_url or self.options.region_hosts[self.options.region][1]
