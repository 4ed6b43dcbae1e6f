"""Who calls the API: a token, what it may do, and what is written down of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi.security import HTTPBearer
from starlette.requests import Request

from trueup.domain.api_tokens import ApiToken
from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.people import Deed, Role
from trueup.postgres.api_tokens import ApiTokens
from trueup.views.desk import Desk
from trueup.web.api.asked import in_path, number_in_path
from trueup.web.parts import request_id
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House

SCHEME: Final = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token that `trueup token add` has printed. CRON_SECRET opens nothing here.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A program in front of the API, or of one workspace of it."""

    house: House
    request: Request
    token: ApiToken
    workspace: str = ""

    @property
    def name(self) -> str:
        """How lists of jobs, decisions and deeds call it."""
        return self.token.name

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """The workspace of the address, open."""
        with self.house.rooms.desk(self.workspace) as desk:
            yield desk

    def path(self, name: str) -> str:
        """A text of the address; raises `Refusal` (404)."""
        return in_path(self.request.path_params, name)

    def number(self, name: str) -> int:
        """A number of the address; raises `Refusal` (404)."""
        return number_in_path(self.request.path_params, name)

    def note(self, action: Did, subject: str, *, reason: str = "", **states: Any) -> None:
        """Write down what was done; `before` and `after` where something changed."""
        now, where = self.house.parts.deployment.clock.now(), self.workspace
        deed = Deed(now, self.name, action, subject, where, reason=reason, via="api", **states)
        self.house.people.note(deed, request_id(self.request))


def admit(house: House, request: Request, needed: Role) -> Caller:
    """The caller that sent a request.

    Raises `Refusal`: 401 and 429 for a wrong token, 403 for a role that may not, 404 for a
    workspace that is not there.
    """
    token = _token(house, request)
    if token is None:
        house.parts.gate.turn_away(
            request,
            "the token is wrong, expired, revoked or missing",
            "send one of `trueup token add` as a bearer token in the Authorization header",
        )
    if not token.role.may(needed):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            f"this token's role {token.role.value} may not do this; {needed.value} may",
            f"`trueup token add NAME --role {needed.value}` makes one that may",
        )
    workspace = str(request.path_params.get("workspace", ""))
    try:
        if workspace:
            house.parts.deployment.settings(workspace)
    except UsageError:
        raise Refusal(
            HTTPStatus.NOT_FOUND, "there is no such workspace", "GET /api/v1/workspaces lists them"
        ) from None
    return Caller(house, request, token, workspace)


def _token(house: House, request: Request) -> ApiToken | None:
    headers = request.headers.getlist("authorization")
    if len(headers) != 1:
        return None
    scheme, _, text = headers[0].partition(" ")
    if scheme.lower() != "bearer":
        return None
    return ApiTokens(house.parts.deployment.home.pool).whose(text.strip(" "))
