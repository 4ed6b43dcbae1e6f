"""Read the file and the environment; say precisely what is wrong with them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import platformdirs

from trueup.domain.errors import UsageError
from trueup.domain.schedule import Schedule
from trueup.planner.mapping import FieldMap
from trueup.settings.mapping import read_columns, read_dated_columns, read_mapping
from trueup.settings.options import BY_KEY, OPTIONS, Option
from trueup.settings.schedules import read_schedules
from trueup.settings.values import suggestion

FILE_NAME = "trueup.toml"
# Read by their own rules.
_SECTIONS = ("mapping", "catalogue.columns", "catalogue.dated_columns", "schedules", "workspaces")
DEFAULT_WORKSPACE = "default"


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings. Durations are seconds. `origin` says where each value comes from."""

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
    mapping: FieldMap
    columns: Mapping[str, str]
    dated_columns: Mapping[str, str]
    schedules: tuple[Schedule, ...]
    workspace: str
    file: Path | None
    origin: Mapping[str, str]


def load(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    use_file: bool = True,
) -> Settings:
    """Read settings: the environment wins over the file, the file over the defaults.

    `file` defaults to TRUEUP_CONFIG, else `trueup.toml` in the current directory if there is one.
    Raises `UsageError` naming the variable, or the line and key of the file, and what is expected.
    """
    env = os.environ if environment is None else environment
    source = _find_file(file, env) if use_file else None
    document, lines = _read_file(source)
    written = dict(_flatten(document))
    _refuse_unknown(written, source, lines)
    chosen: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for option in OPTIONS:
        chosen[option.name], origin[option.name] = _choose(option, env, written, source, lines)
    _refuse_whole_reserve(chosen, origin)
    if chosen["data_dir"] is None:
        chosen["data_dir"] = Path(platformdirs.user_data_dir("trueup"))
    where, catalogue = _Where(source, lines), document.get("catalogue", {})
    return Settings(
        **chosen,
        mapping=read_mapping(document.get("mapping", {}), where.refuse),
        columns=read_columns(catalogue.get("columns", {}), where.refuse),
        dated_columns=read_dated_columns(catalogue.get("dated_columns", {}), where.refuse),
        schedules=read_schedules(
            document.get("schedules", {}), chosen["schedule"], chosen["timezone"], where.refuse
        ),
        workspace=DEFAULT_WORKSPACE,
        file=source,
        origin=origin,
    )


@dataclass(frozen=True, slots=True)
class _Where:
    """Points at a line of the file."""

    source: Path | None
    lines: list[str]

    def refuse(self, key: str, message: str) -> UsageError:
        return UsageError(f"{_place(self.source, self.lines, key)}: {message}")


def _find_file(file: Path | None, env: Mapping[str, str]) -> Path | None:
    named = file or (Path(env["TRUEUP_CONFIG"]) if env.get("TRUEUP_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise UsageError(f"there is no configuration file {named}")
        return named
    found = Path(FILE_NAME)
    return found if found.is_file() else None


def _read_file(source: Path | None) -> tuple[dict[str, Any], list[str]]:
    if source is None:
        return {}, []
    try:
        content = source.read_text(encoding="utf-8")
        return tomllib.loads(content, parse_float=Decimal), content.splitlines()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{source} cannot be read: {error}") from None


def _flatten(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in _SECTIONS:
            yield from _flatten(value, f"{key}.")
        elif key not in _SECTIONS:
            yield key, value


def _refuse_unknown(written: Mapping[str, Any], source: Path | None, lines: list[str]) -> None:
    for key in written:
        if key not in BY_KEY:
            place = _place(source, lines, key)
            raise UsageError(
                f"{place}: there is no setting {key!r}{suggestion(key, list(BY_KEY))}",
                "`trueup config` lists every setting",
            )


def _choose(
    option: Option,
    env: Mapping[str, str],
    written: Mapping[str, Any],
    source: Path | None,
    lines: list[str],
) -> tuple[Any, str]:
    given = env.get(option.env, "") if option.env else ""
    if given.strip():
        return _parsed(option, given, option.env), option.env
    if option.key in written:
        value = _parsed(option, written[option.key], _place(source, lines, option.key))
        return value, f"{source}"
    return option.default, "default"


def _refuse_whole_reserve(chosen: Mapping[str, Any], origin: Mapping[str, str]) -> None:
    """With nothing left of the budget beside the reserve, no scheduled run would ever send."""
    budget, reserve = chosen["daily_budget"], chosen["daily_reserve"]
    if budget is not None and reserve >= budget:
        raise UsageError(
            f"the daily reserve of {reserve} ({origin['daily_reserve']}) leaves nothing of the"
            f" daily budget of {budget} ({origin['daily_budget']})",
            "TRUEUP_DAILY_RESERVE must be below TRUEUP_DAILY_BUDGET",
        )


def _parsed(option: Option, value: Any, place: str) -> Any:
    try:
        return option.parse(value)
    except ValueError as error:
        shown = "" if option.secret else f" {value!r}"
        raise UsageError(f"{place}: expected {error}, not{shown or ' this'}") from None


def _place(source: Path | None, lines: list[str], key: str) -> str:
    """`trueup.toml, line 3`: where the last part of a key is written, as far as it can be found."""
    *sections, name = key.split(".")
    inside = not sections
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped.strip("[] ").replace(" ", "")
            inside = section == ".".join(sections)
            if section == key:
                return f"{source}, line {number}"
        word = stripped.split("=")[0].strip().strip("\"'")
        if word in (key, name) and (inside or word == key):
            return f"{source}, line {number}"
    return f"{source}, {key}"
