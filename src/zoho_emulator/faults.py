"""Bad weather by script: which request meets which fault.

A script is a JSON list of `{"match": {...}, "do": "...", ...}`. A rule fires when the request
matches and its turn has come: `nth` (exactly the n-th match), `every` (each n-th), `after` (all
beyond the n-th), `probability` (seeded), and at most `times` times. The first rule that fires wins.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

import msgspec

from zoho_emulator.wire import JsonDocument, Request

Kind = Literal[
    "refuse",
    "throttle",
    "error_html",
    "server_error",
    "slow",
    "hang",
    "reset_before",
    "reset_after",
    "truncate",
    "expire_token",
    "partial",
    "empty_204",
    "html_200",
]

# Whether the request is carried out although its answer is lost or wrong. The doubtful kinds are
# carried out: that is the harder case for a client.
_CARRIED_OUT: dict[str, bool] = {
    "refuse": False,
    "throttle": False,
    "error_html": False,
    "server_error": False,
    "slow": True,
    "hang": True,
    "reset_before": False,
    "reset_after": True,
    "truncate": True,
    "expire_token": True,
    "partial": True,
    "empty_204": True,
    "html_200": False,
}


class FaultScriptError(ValueError):
    """A fault script cannot be used; the message names the entry and the field."""


class Match(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which requests a rule is about, and which of those it hits. `path` is a glob."""

    service: Literal["", "crm", "billing", "oauth"] = ""
    method: str = ""
    path: str = ""
    nth: int | None = None
    every: int | None = None
    after: int | None = None
    probability: float | None = None
    times: int | None = None


class Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One entry of a fault script. `seconds` are emulated, `retry_after` is sent as written.

    `carried_out` overrides whether the request takes effect behind the fault; `body` is the whole
    answer of a `refuse`, for one that has no words here.
    """

    do: Kind
    match: Match = msgspec.field(default_factory=Match)
    seconds: float | None = None
    status: int | None = None
    code: str | int | None = None
    retry_after: float | None = None
    carried_out: bool | None = None
    body: JsonDocument | None = None

    @property
    def carries_out(self) -> bool:
        """Whether the request takes effect although the client does not learn it."""
        return _CARRIED_OUT[self.do] if self.carried_out is None else self.carried_out


@dataclass(slots=True)
class _Armed:
    """A rule with its memory."""

    rule: Rule
    seen: int = 0
    fired: int = 0


@dataclass(slots=True)
class Faults:
    """The armed rules of one emulator."""

    seed: int
    _armed: list[_Armed] = field(default_factory=list)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def add(self, rules: Sequence[Rule]) -> None:
        """Arm more rules, after those already armed."""
        self._armed += [_Armed(rule) for rule in rules]

    def clear(self) -> None:
        """Good weather."""
        self._armed.clear()

    def strike(self, service: str, request: Request) -> Rule | None:
        """The rule that this request meets, if any; every matching rule counts the request."""
        struck = None
        for armed in self._armed:
            if _matches(armed.rule.match, service, request):
                armed.seen += 1
                if struck is None and self._fires(armed):
                    armed.fired += 1
                    struck = armed.rule
        return struck

    def listing(self) -> list[dict[str, Any]]:
        """The armed rules with their counts, for the console."""
        return [
            msgspec.to_builtins(armed.rule) | {"seen": armed.seen, "fired": armed.fired}
            for armed in self._armed
        ]

    def _fires(self, armed: _Armed) -> bool:
        match = armed.rule.match
        turn = (
            (match.nth is None or armed.seen == match.nth)
            and (match.every is None or armed.seen % match.every == 0)
            and (match.after is None or armed.seen > match.after)
            and (match.times is None or armed.fired < match.times)
        )
        # The dice are thrown for every match, so that a seed gives one sequence of weather.
        lucky = match.probability is None or self._chance.random() < match.probability
        return turn and lucky


def parse_script(document: object) -> list[Rule]:
    """Rules from a JSON list. Raises `FaultScriptError` naming the entry and the field."""
    if not isinstance(document, list):
        raise FaultScriptError("a fault script is a JSON list of rules")
    return [_parse_rule(entry, number) for number, entry in enumerate(document)]


def _parse_rule(entry: object, number: int) -> Rule:
    if not isinstance(entry, dict):
        raise FaultScriptError(f"fault script entry {number}: a rule is a JSON object")
    try:
        rule = msgspec.convert(entry, Rule)
    except msgspec.ValidationError as error:
        hint = f" (one of {', '.join(get_args(Kind))})" if "`$.do`" in str(error) else ""
        raise FaultScriptError(f"fault script entry {number}: {error}{hint}") from error
    trouble = _trouble(rule)
    if trouble:
        raise FaultScriptError(f"fault script entry {number}: {trouble}")
    return rule


def _trouble(rule: Rule) -> str:
    """What is wrong with a rule whose types are right."""
    match = rule.match
    for name, number, least in (
        ("nth", match.nth, 1),
        ("every", match.every, 1),
        ("after", match.after, 0),
        ("times", match.times, 1),
    ):
        if number is not None and number < least:
            return f"match.{name} must be at least {least}, not {number}"
    if match.probability is not None and not 0 <= match.probability <= 1:
        return f"match.probability must lie between 0 and 1, not {match.probability}"
    if rule.do == "slow" and rule.seconds is None:
        return "seconds is needed by the fault slow"
    if rule.seconds is not None and rule.seconds < 0:
        return f"seconds must not be negative, not {rule.seconds}"
    if rule.body is not None and rule.do != "refuse":
        return "body is for the fault refuse alone"
    if rule.do == "partial" and match.service in {"billing", "oauth"}:
        return "match.service must be crm: only CRM writes in batches"
    return ""


def _matches(match: Match, service: str, request: Request) -> bool:
    return (
        match.service in {"", service}
        and match.method.upper() in {"", request.method}
        and (not match.path or fnmatchcase(request.path, match.path))
    )
