"""The emulator: a synchronous function from a request to a reply.

A request is written down, meets its fault, passes the turnstile, shows its token, reaches its
handler, and its answer travels through the fault's weather.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zoho_emulator import console
from zoho_emulator.billing.dialect import DIALECT as BILLING
from zoho_emulator.billing.routes import routes as billing_routes
from zoho_emulator.controls import Controls
from zoho_emulator.crm.dialect import DIALECT as CRM
from zoho_emulator.crm.routes import routes as crm_routes
from zoho_emulator.dialect import Dialect
from zoho_emulator.faults import Rule
from zoho_emulator.journal import Entry
from zoho_emulator.limits import Refusal
from zoho_emulator.oauth.dialect import DIALECT as OAUTH
from zoho_emulator.oauth.routes import routes as oauth_routes
from zoho_emulator.oauth.tokens import fingerprint
from zoho_emulator.routing import Found, find
from zoho_emulator.scopes import allows
from zoho_emulator.weather import instead, travel
from zoho_emulator.wire import Reply, Request, Response, Route, ServiceError
from zoho_emulator.world import World

_DIALECTS: Mapping[str, Dialect] = {"oauth": OAUTH, "crm": CRM, "billing": BILLING}
_ROUTES: Mapping[str, Callable[[World], list[Route]]] = {
    "oauth": oauth_routes,
    "crm": crm_routes,
    "billing": billing_routes,
}
_SCHEME = "zoho-oauthtoken"
_KEPT_BODY = 256 * 1024  # bytes; an upload need not stay in the journal whole


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request that has been answered but may still be on its way; hand it to `finish`."""

    reply: Reply
    service: str = ""
    heavy: bool = False
    organisation: str = ""


class Emulator(Controls):
    """One emulated organisation behind one port. Safe to call from several threads."""

    def handle(self, request: Request) -> Reply:
        """Answer a request whose answer is delivered at once."""
        ticket = self.begin(request)
        self.finish(ticket)
        return ticket.reply

    def begin(self, request: Request) -> Ticket:
        """Answer a request and keep it in flight until `finish`."""
        service = request.path.split("/", 2)[1] if "/" in request.path else ""
        with self._lock:
            if service == console.CONSOLE:
                return Ticket(Reply(console.answer(self, request)))
            if service not in _DIALECTS:
                return Ticket(Reply(Response.html(404, "<html><body><h1>404</h1></body></html>")))
            return self._serve(service, request)

    def finish(self, ticket: Ticket) -> None:
        """The answer has been delivered, or nobody waits for it any more."""
        if ticket.service:
            with self._lock:
                self.world.limits.leave(ticket.service, heavy=ticket.heavy)

    def _begin_again(self) -> None:
        super()._begin_again()
        self._routes = {name: build(self.world) for name, build in _ROUTES.items()}

    def _serve(self, service: str, request: Request) -> Ticket:
        entry = self._write_down(service, request)
        rule = self.faults.strike(service, request)
        found = find(self._routes[service], request.method, request.path)
        heavy = isinstance(found, Found) and found.route.sub_concurrency(request)
        cost = found.route.credits(request) if isinstance(found, Found) else 1
        refusal = self.world.limits.enter(service, credits_=cost, heavy=heavy)

        try:
            if refusal is None or (rule is not None and not rule.carries_out):
                response = self._answer(service, request, found, rule)
            else:
                response, rule = self._throttle(_DIALECTS[service], request, refusal), None
        except BaseException:
            self.world.limits.leave(service, heavy=heavy)
            raise
        if service == "crm":
            response = self._with_credits_left(response)
        reply = travel(rule, response, self.clock.wall)
        self._write_outcome(entry, rule, reply)
        delay = reply.delay + self.options.latency
        return Ticket(Reply(reply.response, delay, reply.cut), service, heavy)

    def _answer(
        self, service: str, request: Request, found: Found | str | None, rule: Rule | None
    ) -> Response:
        """The service's own answer, or the one that a fault puts in its place."""
        dialect = _DIALECTS[service]
        if rule is not None and not rule.carries_out:
            return instead(rule, request, service, dialect) or dialect.broken()
        response = self._carry_out(service, request, found, rule)
        return (rule and instead(rule, request, service, dialect)) or response

    def _throttle(self, dialect: Dialect, request: Request, refusal: Refusal) -> Response:
        """The refusal in the service's words; a client counts the wait in wall seconds."""
        wait = refusal.retry_after
        seconds = None if wait is None else self.clock.wall(wait)
        return dialect.throttled(refusal.kind, seconds, request.path)

    def _carry_out(
        self, service: str, request: Request, found: Found | str | None, rule: Rule | None
    ) -> Response:
        dialect = _DIALECTS[service]
        if found is None:
            return dialect.not_found(request.path)
        if isinstance(found, str):
            return dialect.method_not_allowed(request.method)
        if rule is not None and rule.do == "expire_token":
            self.world.tokens.expire(bearer_of(request))
        return self._authorise(service, request, found) or self._call(request, found, rule)

    def _authorise(self, service: str, request: Request, found: Found) -> Response | None:
        """The refusal of a request whose token does not do; None when it does (zoho-facts §1.2)."""
        if service == "oauth":
            return None
        dialect, bearer = _DIALECTS[service], bearer_of(request)
        if not bearer:
            return dialect.missing_token()
        token = self.world.tokens.check(bearer)
        if token is None:
            return dialect.invalid_token()
        self.world.held_scopes = tuple(token.scope.split(","))
        if not allows(self.world.held_scopes, found.route.scopes):
            return dialect.scope_mismatch(found.route.scopes)
        return None

    def _call(self, request: Request, found: Found, rule: Rule | None) -> Response:
        if rule is not None and rule.do == "partial":
            self.world.partial_records = lambda index: index % 2 == 1
        try:
            return found.route.handler(self.world, request, **found.parameters)
        except ServiceError as refusal:
            return refusal.response
        finally:
            self.world.partial_records = None

    def _with_credits_left(self, response: Response) -> Response:
        """CRM tells what is left once half of the daily credits are used (zoho-facts §2.13)."""
        left, most = self.world.limits.credits_left(), self.options.limits.crm_credits_per_day
        if left is None or most is None or left * 2 > most:
            return response
        headers = dict(response.headers) | {"x-api-credits-remaining": str(left)}
        return Response(response.status, response.body, headers)

    def _write_down(self, service: str, request: Request) -> Entry:
        return self.world.journal.open(
            at=self.clock.now().isoformat(timespec="milliseconds"),
            service=service,
            method=request.method,
            path=request.path,
            query=dict(request.query),
            body=request.body[:_KEPT_BODY].decode("utf-8", "replace"),
            token=fingerprint(bearer_of(request)),
        )

    def _write_outcome(self, entry: Entry, rule: Rule | None, reply: Reply) -> None:
        entry.status = 0 if reply.cut in {"reset", "hang"} else reply.response.status
        entry.records = _records(reply.response)
        entry.fault = rule.do if rule else ""
        entry.cut = reply.cut
        self.world.journal.close(entry)


def bearer_of(request: Request) -> str:
    """The access token of `Authorization: Zoho-oauthtoken …`; no other scheme is known (§1.2)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == _SCHEME else ""


def _records(response: Response) -> int:
    """How many records an answer tells of: rows of a list, results of a batch, or one object."""
    if not response.headers.get("content-type", "").startswith("application/json"):
        return 0
    try:
        document = json.loads(response.body)
    except ValueError:
        return 0
    if not isinstance(document, dict):
        return 0
    rows = [value for value in document.values() if isinstance(value, list)]
    return len(rows[0]) if rows else int(any(isinstance(v, dict) for v in document.values()))
