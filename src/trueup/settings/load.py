"""Read the file and the environment; say precisely what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import platformdirs

from trueup.domain.errors import UsageError
from trueup.domain.schedule import Schedule
from trueup.planner.mapping import FieldMap
from trueup.settings import workspaces as places
from trueup.settings.mapping import read_columns, read_dated_columns, read_mapping
from trueup.settings.options import OPTIONS
from trueup.settings.schedules import read_schedules
from trueup.settings.workspaces import DEFAULT_WORKSPACE, Layout
from trueup.settings.written import Source, Variables, Written

FILE_NAME = "trueup.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings of one workspace, whose name is `workspace`.

    Durations are seconds. `origin` says where each value comes from.
    """

    database_url: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    org_id: str
    region: str
    accounts_url: str
    api_url: str
    tax_id: str
    cron_secret: str = field(repr=False)
    cron_secret_previous: str = field(repr=False)
    rate_limit: int
    rate_window: float
    daily_budget: int | None
    daily_reserve: int
    concurrency: int
    batch_size: int
    max_products: int
    lease: float
    stale_after: float
    oauth_cooldown: float
    schedule: str
    timezone: str
    run_deadline: float
    secret_key: str = field(repr=False)
    data_dir: Path
    currency: str
    catalogue_table: str
    dated_prices: str
    vat_basis: Literal["exclusive", "inclusive"] | None
    vat_rate: Decimal
    price_fall: Decimal
    price_rise: Decimal
    mass_share: Decimal
    mass_count: int
    catalogue_loss: Decimal
    takeover: Literal["hold", "apply"]
    flips: int
    flip_days: int
    approval_expires: float
    price_changes: Literal["version", "update", "hold"]
    version_threshold: Decimal
    host: str
    port: int
    proxies: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str = field(repr=False)
    oidc_name: str
    oidc_role_claim: str
    oidc_roles: tuple[str, ...]
    worker_jobs: int
    worker_grace: float
    watch_delay: float
    history_kept: float
    runs_kept: float
    alerts: tuple[str, ...] = field(repr=False)
    ping_url: str = field(repr=False)
    overdue_after: float
    failures_allowed: int
    log_format: Literal["auto", "json", "text"]
    otel_endpoint: str
    simulated_clock: str
    workspaces_folder: Path | None
    link_crm_product: str
    link_billing_product: str
    link_billing_plan: str
    link_billing_item: str
    mapping: FieldMap
    columns: Mapping[str, str]
    dated_columns: Mapping[str, str]
    schedules: tuple[Schedule, ...]
    workspace: str
    file: Path | None
    origin: Mapping[str, str]


def load(
    workspace: str | None = None,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    use_file: bool = True,
) -> Settings:
    """Read the settings of a workspace; the environment wins over the file, that over the defaults.

    It is the one named here, else by `--workspace` or TRUEUP_WORKSPACE, else the only one.
    `file` defaults to TRUEUP_CONFIG, else `trueup.toml` in the current directory if there is one.
    Raises `UsageError` naming the variable, or the line and key of the file, and what is expected.
    """
    _, known = load_all(file=file, environment=environment, use_file=use_file)
    if workspace is None:
        workspace = chosen(environment) if use_file else None
    return known[places.pick(tuple(known), workspace)]


def load_all(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    use_file: bool = True,
) -> tuple[Settings, Mapping[str, Settings]]:
    """The home settings, and those of every workspace by its name; whichever is chosen.

    The home settings are the top level: jobs are kept in their database. They are a workspace too,
    `default`, unless others are named and the top level has no organisation.
    """
    env = os.environ if environment is None else environment
    top = Written.read(_find_file(file, env) if use_file else None)
    top.refuse_unknown()
    layout = places.lay_out(top, Variables(env))
    home = _settings(layout, DEFAULT_WORKSPACE)
    known = {
        name: _settings(layout, name) if name in layout.named else home for name in layout.names
    }
    places.refuse_shared(known)
    return home, known


def chosen(environment: Mapping[str, str] | None = None) -> str | None:
    """The workspace that a person named with `--workspace` or TRUEUP_WORKSPACE, if any."""
    return places.chosen(os.environ if environment is None else environment)


def _find_file(file: Path | None, env: Mapping[str, str]) -> Path | None:
    named = file or (Path(env["TRUEUP_CONFIG"]) if env.get("TRUEUP_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise UsageError(f"there is no configuration file {named}")
        return named
    found = Path(FILE_NAME)
    return found if found.is_file() else None


def _settings(layout: Layout, name: str) -> Settings:
    """The settings of one workspace, each from the most specific place that gives it."""
    top, own = layout.top, layout.named.get(name)
    shared: list[Source] = [layout.variables, top]
    sources: list[Source] = [layout.own_variables(name), *([own] if own else [])]
    chosen_values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for option in OPTIONS:
        usable = [*sources, *(shared if places.inherits(name, option.key) else [])]
        found = next((f for source in usable if (f := source.find(option))), None)
        chosen_values[option.name], origin[option.name] = found or (option.default, "default")
    _refuse_whole_reserve(chosen_values, origin)
    if chosen_values["data_dir"] is None:
        chosen_values["data_dir"] = Path(platformdirs.user_data_dir("trueup"))
    files = _Files([top, *([own] if own else [])])
    return Settings(
        **chosen_values,
        mapping=read_mapping(files.section("mapping", 2), files.refuse),
        columns=read_columns(files.section("catalogue.columns", 1), files.refuse),
        dated_columns=read_dated_columns(files.section("catalogue.dated_columns", 1), files.refuse),
        schedules=read_schedules(
            files.section("schedules", 2),
            chosen_values["schedule"],
            chosen_values["timezone"],
            files.refuse,
        ),
        workspace=name,
        file=top.source,
        origin=origin,
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """The places that hold a workspace's sections; what a later one says wins, line by line."""

    written: Sequence[Written]

    def section(self, key: str, depth: int) -> Mapping[str, Any]:
        """The lines of all places, as tables of that depth."""
        found: Mapping[str, Any] = {}
        for written in self.written:
            found = _overlaid(found, written.section(key), depth)
        return found

    def refuse(self, key: str, message: str) -> UsageError:
        """Point at the line where it is written."""
        there = (w for w in reversed(self.written) if w.line(key) is not None)
        return next(there, self.written[0]).refuse(key, message)


def _overlaid(below: Any, above: Any, depth: int) -> Any:
    if depth == 0 or not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{k: _overlaid(below.get(k), v, depth - 1) for k, v in above.items()}}


def _refuse_whole_reserve(given: Mapping[str, Any], origin: Mapping[str, str]) -> None:
    """With nothing left of the budget beside the reserve, no scheduled run would ever send."""
    budget, reserve = given["daily_budget"], given["daily_reserve"]
    if budget is not None and reserve >= budget:
        raise UsageError(
            f"the daily reserve of {reserve} ({origin['daily_reserve']}) leaves nothing of the"
            f" daily budget of {budget} ({origin['daily_budget']})",
            "TRUEUP_DAILY_RESERVE must be below TRUEUP_DAILY_BUDGET",
        )
