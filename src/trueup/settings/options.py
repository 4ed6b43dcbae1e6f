"""Every setting: its key in `trueup.toml`, its environment variable, default and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trueup.settings import values
from trueup.settings.values import Parse


@dataclass(frozen=True, slots=True)
class Option:
    """One setting; `name` is its attribute of `Settings`; without `env` only the file has it."""

    name: str
    key: str
    env: str
    parse: Parse
    default: Any
    meaning: str
    secret: bool = False


OPTIONS: tuple[Option, ...] = (
    Option(
        "database_url",
        "database.url",
        "DATABASE_URL",
        values.text,
        "",
        "catalogue and ledger; empty: the embedded Postgres in the data directory",
        secret=True,
    ),
    Option("client_id", "zoho.client_id", "ZOHO_CLIENT_ID", values.text, "", "OAuth client"),
    Option(
        "client_secret",
        "zoho.client_secret",
        "ZOHO_CLIENT_SECRET",
        values.text,
        "",
        "OAuth client secret",
        secret=True,
    ),
    Option(
        "refresh_token",
        "zoho.refresh_token",
        "ZOHO_REFRESH_TOKEN",
        values.text,
        "",
        "OAuth refresh token",
        secret=True,
    ),
    Option("org_id", "zoho.org_id", "ZOHO_ORG_ID", values.text, "", "Billing organisation"),
    Option("region", "zoho.region", "ZOHO_REGION", values.text, "US", "data centre of the account"),
    Option(
        "accounts_url",
        "zoho.accounts_url",
        "ZOHO_ACCOUNTS_URL",
        values.host,
        "",
        "accounts host; empty: from the region",
    ),
    Option(
        "api_url",
        "zoho.api_url",
        "ZOHO_API_URL",
        values.host,
        "",
        "API host; empty: from the token's answer, else from the region",
    ),
    Option("tax_id", "zoho.tax_id", "", values.text, "", "tax of Billing items; empty: none"),
    Option(
        "cron_secret",
        "cron.secret",
        "CRON_SECRET",
        values.text,
        "",
        "bearer secret of the cron endpoint",
        secret=True,
    ),
    Option(
        "cron_secret_previous",
        "cron.secret_previous",
        "CRON_SECRET_PREVIOUS",
        values.text,
        "",
        "the one before, during a rotation",
        secret=True,
    ),
    Option(
        "rate_limit",
        "rate.limit",
        "TRUEUP_RATE_LIMIT",
        values.whole(1, 100_000),
        90,
        "most requests to Zoho in any window, all targets, all processes",
    ),
    Option(
        "rate_window",
        "rate.window",
        "TRUEUP_RATE_WINDOW",
        values.duration,
        60.0,
        "length of the window in seconds",
    ),
    Option(
        "daily_budget",
        "rate.daily_budget",
        "TRUEUP_DAILY_BUDGET",
        values.whole(1, 100_000_000),
        None,
        "most requests in any 24 hours; empty: no bound",
    ),
    Option(
        "daily_reserve",
        "rate.daily_reserve",
        "TRUEUP_DAILY_RESERVE",
        values.whole(0, 100_000_000),
        0,
        "part of the daily budget that is kept for people: a run without a terminal leaves it",
    ),
    Option(
        "concurrency",
        "rate.concurrency",
        "TRUEUP_CONCURRENCY",
        values.whole(1, 100),
        4,
        "most requests in flight",
    ),
    Option(
        "batch_size",
        "run.batch_size",
        "TRUEUP_BATCH_SIZE",
        values.whole(1, 100),
        20,
        "products per batch, and most CRM records in one request",
    ),
    Option(
        "max_products",
        "run.max_products",
        "TRUEUP_MAX_PRODUCTS",
        values.whole(1, 10_000_000),
        100,
        "most products written in one run",
    ),
    Option(
        "lease",
        "run.lease",
        "TRUEUP_LEASE",
        values.duration,
        30.0,
        "life of the run lock without a heartbeat, in seconds",
    ),
    Option(
        "stale_after",
        "run.stale_after",
        "TRUEUP_STALE_AFTER",
        values.duration,
        72_000.0,
        "what was verified longer ago is verified again",
    ),
    Option(
        "oauth_cooldown",
        "zoho.oauth_cooldown",
        "TRUEUP_OAUTH_COOLDOWN",
        values.duration,
        300.0,
        "silence after the token endpoint refuses for too many requests",
    ),
    Option(
        "schedule",
        "schedule.cron",
        "TRUEUP_SCHEDULE",
        values.schedule,
        "0 2 * * *",
        "when the nightly run starts, in the business's time zone",
    ),
    Option(
        "timezone",
        "schedule.timezone",
        "TRUEUP_TIMEZONE",
        values.zone,
        "Africa/Johannesburg",
        "the business's own time zone",
    ),
    Option(
        "run_deadline",
        "run.deadline",
        "TRUEUP_RUN_DEADLINE",
        values.duration,
        10_800.0,
        "a run stops cleanly after this and reports the rest as deferred",
    ),
    Option(
        "secret_key",
        "security.secret_key",
        "TRUEUP_SECRET_KEY",
        values.text,
        "",
        "encrypts stored tokens; empty: generated in the data directory",
        secret=True,
    ),
    Option(
        "data_dir",
        "data_dir",
        "TRUEUP_DATA_DIR",
        values.path,
        None,
        "embedded database and generated key; empty: the platform's user data directory",
    ),
    Option("currency", "catalogue.currency", "", values.text, "ZAR", "currency of the catalogue"),
    Option(
        "catalogue_table",
        "catalogue.table",
        "",
        values.text,
        "service_packages",
        "table that holds the catalogue",
    ),
    Option(
        "dated_prices",
        "catalogue.dated_prices",
        "",
        values.text,
        "price_changes",
        "table of list prices that hold from a date on, where it exists; empty: none is read",
    ),
    Option(
        "vat_basis",
        "vat.basis",
        "",
        values.choice("exclusive", "inclusive"),
        None,
        "basis in which prices are sent; empty: as the row states them",
    ),
    Option("vat_rate", "vat.rate", "", values.fraction, Decimal("0.15"), "VAT as a fraction"),
    Option(
        "price_fall",
        "guards.price_fall",
        "",
        values.share,
        Decimal("0.30"),
        "a price that falls by more than this fraction waits for a person",
    ),
    Option(
        "price_rise",
        "guards.price_rise",
        "",
        values.share,
        Decimal("0.50"),
        "a price that rises by more than this fraction waits for a person",
    ),
    Option(
        "mass_share",
        "guards.mass_share",
        "",
        values.share,
        Decimal("0.30"),
        "more than this fraction of a target's products created, re-priced or retired: all wait",
    ),
    Option(
        "mass_count",
        "guards.mass_count",
        "",
        values.whole(0, 10_000_000),
        10,
        "that many products may always be created, re-priced or retired in one run",
    ),
    Option(
        "catalogue_loss",
        "guards.catalogue_loss",
        "",
        values.share,
        Decimal("0.50"),
        "a catalogue that lost more than this fraction of its rows since the last run stops a run",
    ),
    Option(
        "takeover",
        "guards.takeover",
        "",
        values.choice("hold", "apply"),
        "hold",
        "changes to records that Trueup never wrote: hold them for a person, or apply them",
    ),
    Option(
        "flips",
        "guards.flips",
        "",
        values.whole(1, 1000),
        3,
        "a field that had to be put back this often is left to a person (second writer)",
    ),
    Option(
        "flip_days",
        "guards.flip_days",
        "",
        values.whole(1, 365),
        7,
        "the days within which that counts",
    ),
    Option(
        "approval_expires",
        "guards.approval_expires",
        "",
        values.duration,
        604_800.0,
        "an approval that was not carried out by then is void",
    ),
    Option(
        "price_changes",
        "billing.price_changes",
        "",
        values.choice("version", "update", "hold"),
        "version",
        "a larger price change in Billing: a new plan version, the same plan, or a person decides",
    ),
    Option(
        "version_threshold",
        "billing.version_threshold",
        "",
        values.share,
        Decimal("0.10"),
        "from this fraction on a price change is a larger one, measured from the version's start",
    ),
)

BY_KEY = {option.key: option for option in OPTIONS}
