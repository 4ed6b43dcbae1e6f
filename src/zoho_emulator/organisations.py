"""Several organisations behind one port, as at Zoho: the token says which one is meant.

Each is an emulator of its own, with its own records, limits, tokens, faults and journal. Nothing in
the address of a request names an organisation (zoho-facts §1.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from zoho_emulator.app import Emulator, Ticket, bearer_of
from zoho_emulator.console import CONSOLE
from zoho_emulator.oauth.routes import parameters
from zoho_emulator.options import Options, OptionsError
from zoho_emulator.wire import Reply, Request, Response


class Organisations:
    """The organisations of one port. What nobody's token came with is answered by the first."""

    def __init__(self, options: Options) -> None:
        each = [_options(options, number) for number in range(len(options.organisations))]
        for name in ("org_id", "refresh_token"):
            if len({getattr(one, name) for one in each}) < len(each):
                raise OptionsError(f"options: $.organisations: two have the same {name}")
        self._emulators = {one.org_id: Emulator(one) for one in each}

    @property
    def options(self) -> Options:
        """Those of the first one."""
        return self._first.options

    def begin(self, request: Request) -> Ticket:
        """Let the organisation answer that the request's token belongs to."""
        if request.path.startswith(f"/{CONSOLE}/"):
            return self._console(request)
        emulator = self._whose(request)
        return replace(emulator.begin(request), organisation=emulator.options.org_id)

    def finish(self, ticket: Ticket) -> None:
        """The answer has been delivered."""
        if ticket.organisation:
            self._emulators[ticket.organisation].finish(ticket)

    def served_at(self, base_url: str) -> None:
        """Tell all of them their address."""
        for emulator in self._emulators.values():
            emulator.served_at(base_url)

    def add_faults(self, script: Sequence[Mapping[str, Any]]) -> None:
        """Arm the rules at each of them; raises `FaultScriptError`."""
        for emulator in self._emulators.values():
            emulator.add_faults(script)

    @property
    def _first(self) -> Emulator:
        return next(iter(self._emulators.values()))

    def _whose(self, request: Request) -> Emulator:
        tokens = [bearer_of(request)]
        if request.path.startswith("/oauth/"):
            form = parameters(request)
            tokens = [form.get(name, "") for name in ("refresh_token", "code", "token")]
        issuers = (e for e in self._emulators.values() if any(e.issued(t) for t in tokens))
        return next(issuers, self._first)

    def _console(self, request: Request) -> Ticket:
        """`/_emulator/organisations` lists them; other calls take `?org_id=`, else the first."""
        if request.path == f"/{CONSOLE}/organisations":
            listed = [_known(emulator.options) for emulator in self._emulators.values()]
            return Ticket(Reply(Response.json(200, listed)))
        org_id = request.query.get("org_id", self._first.options.org_id)
        emulator = self._emulators.get(org_id)
        if emulator is None:
            error = {"error": f"there is no organisation {org_id}"}
            return Ticket(Reply(Response.json(404, error)))
        return emulator.begin(request)


def _options(common: Options, number: int) -> Options:
    """What the n-th one is like: the common options, with what is its own."""
    own = common.organisations[number]
    base: dict[str, Any] = msgspec.to_builtins(replace(common, organisations=[]))
    if number:
        base["seed"] = common.seed + number
        base["org_id"] = str(int(common.org_id) + number)
        base["org_name"] = f"{common.org_name} {number + 1}"
        digest = hashlib.sha256(f"organisation {common.seed}/{number}".encode()).hexdigest()
        base["refresh_token"] = f"1000.{digest[:32]}.{digest[32:]}"
    return Options.from_json(_overlaid(base, own))


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        before = found.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            found[key] = _overlaid(before, value)
        else:
            found[key] = value
    return found


def _known(options: Options) -> dict[str, str]:
    names = ("org_id", "org_name", "client_id", "client_secret", "refresh_token")
    return {name: getattr(options, name) for name in names}
