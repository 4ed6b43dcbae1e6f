"""What the core needs from the outside: small Protocols and the values that cross them."""

from trueup.ports.clock import Clock
from trueup.ports.decisions import Decisions
from trueup.ports.guardbook import Decision, Guardbook
from trueup.ports.ledger import Fence, Lease, Ledger
from trueup.ports.limits import (
    AccessToken,
    Budget,
    BudgetUsage,
    MintedToken,
    TargetUsage,
    Ticket,
    TokenStore,
)
from trueup.ports.past import Past
from trueup.ports.queue import Queue
from trueup.ports.remembered import NothingRemembered, RememberedIds
from trueup.ports.sides import (
    Catalogue,
    CatalogueEntry,
    CountsSubscriptions,
    Glance,
    Target,
    Written,
)

__all__ = [
    "AccessToken",
    "Budget",
    "BudgetUsage",
    "Catalogue",
    "CatalogueEntry",
    "Clock",
    "CountsSubscriptions",
    "Decision",
    "Decisions",
    "Fence",
    "Glance",
    "Guardbook",
    "Lease",
    "Ledger",
    "MintedToken",
    "NothingRemembered",
    "Past",
    "Queue",
    "RememberedIds",
    "Target",
    "TargetUsage",
    "Ticket",
    "TokenStore",
    "Written",
]
