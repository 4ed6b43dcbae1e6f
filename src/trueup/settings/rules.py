"""Settings as the rules that the core goes by."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from trueup.domain.guards import GuardLimits
from trueup.planner.reading import CatalogueRules
from trueup.planner.versions import PriceChanges, Strategy
from trueup.reconcile.scope import Limits
from trueup.settings.load import Settings


def catalogue_rules(settings: Settings) -> CatalogueRules:
    """How prices in the catalogue are to be understood."""
    return CatalogueRules(
        settings.currency, ZoneInfo(settings.timezone), settings.vat_basis, settings.vat_rate
    )


def run_limits(settings: Settings) -> Limits:
    """How much one run does."""
    return Limits(
        batch_size=settings.batch_size,
        max_products=settings.max_products,
        workers=settings.concurrency,
        deadline=settings.run_deadline,
        stale_after=timedelta(seconds=settings.stale_after),
        rate=settings.rate_limit / settings.rate_window,
    )


def guard_limits(settings: Settings) -> GuardLimits:
    """The limits of the guards."""
    return GuardLimits(
        price_fall=settings.price_fall,
        price_rise=settings.price_rise,
        mass_share=settings.mass_share,
        mass_count=settings.mass_count,
        catalogue_loss=settings.catalogue_loss,
        takeover=settings.takeover == "hold",
        flips=settings.flips,
        flip_days=settings.flip_days,
    )


def price_changes(settings: Settings) -> PriceChanges:
    """How price changes are carried out in Billing."""
    return PriceChanges(Strategy(settings.price_changes), settings.version_threshold)
