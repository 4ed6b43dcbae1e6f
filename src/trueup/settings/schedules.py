"""The `[schedules.NAME]` sections of `trueup.toml`.

[schedules.verify]
cron = "0 * * * *"
job = "verify"

[schedules.weekly-report]
cron = "0 7 * * 1"
job = "report"

The nightly run (`schedule.cron`) and the housekeeping are always there; a section of the same name
changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trueup.domain.errors import UsageError
from trueup.domain.jobs import RECURRING, JobKind
from trueup.domain.schedule import HOUSEKEEPING, NIGHTLY, Schedule
from trueup.settings import values
from trueup.settings.values import suggestion

Refuse = Callable[[str, str], UsageError]
_KEYS = ("cron", "job", "timezone")
_HOUSEKEEPING_CRON = "30 4 * * *"


def read_schedules(
    section: Mapping[str, Any], nightly: str, zone: str, refuse: Refuse
) -> tuple[Schedule, ...]:
    """All schedules, the built-in ones first."""
    found = {
        NIGHTLY: Schedule(NIGHTLY, JobKind.SYNC, nightly, zone),
        HOUSEKEEPING: Schedule(HOUSEKEEPING, JobKind.PRUNE, _HOUSEKEEPING_CRON, zone),
    }
    for name, lines in section.items():
        key = f"schedules.{name}"
        if not isinstance(lines, Mapping):
            raise refuse(key, "expected a table with cron and job")
        before = found.get(name)
        for line in lines:
            if line not in _KEYS:
                hint = suggestion(line, list(_KEYS))
                raise refuse(f"{key}.{line}", f"expected cron, job or timezone, not {line!r}{hint}")
        if before is None and not {"cron", "job"} <= set(lines):
            raise refuse(key, "a schedule needs cron and job")
        base = before or Schedule(name, JobKind.SYNC, nightly, zone)
        found[name] = Schedule(
            name,
            _parsed(values.choice(*RECURRING), lines, "job", base.kind, key, refuse),
            _parsed(values.schedule, lines, "cron", base.cron, key, refuse),
            _parsed(values.zone, lines, "timezone", base.zone, key, refuse),
        )
    return tuple(found.values())


def _parsed(
    parse: values.Parse, lines: Mapping[str, Any], name: str, default: Any, key: str, refuse: Refuse
) -> Any:
    if name not in lines:
        return default
    try:
        found = parse(lines[name])
    except ValueError as error:
        raise refuse(f"{key}.{name}", f"expected {error}, not {lines[name]!r}") from None
    return JobKind(found) if name == "job" else found
