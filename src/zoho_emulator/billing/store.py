"""The records of Billing."""

from __future__ import annotations

from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.clock import Clock
from zoho_emulator.ids import Ids
from zoho_emulator.organisation import Organisation


class BillingStore:
    """Products, plans, addons and items of one organisation."""

    def __init__(self, options: BillingOptions, clock: Clock, ids: Ids, org: Organisation) -> None:
        self.options = options
        self._clock = clock
        self._ids = ids
        self.org = org
