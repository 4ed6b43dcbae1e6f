"""A CRM account of an emulator in this process, for the tests beside this file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from zoho_emulator.app import Emulator
from zoho_emulator.clock import ManualClock
from zoho_emulator.crm.options import CrmOptions
from zoho_emulator.oauth.options import FULL_SCOPE, OAuthOptions
from zoho_emulator.options import LimitOptions, Options
from zoho_emulator.wire import Request, Response

PRODUCTS = "/crm/v8/Products"


class CrmAccount:
    """Sends requests with a good token; `crm` keywords are those of `CrmOptions`.

    `scope` is what the token was granted.
    """

    def __init__(
        self, *, limits: LimitOptions | None = None, scope: str = FULL_SCOPE, **crm: Any
    ) -> None:
        self.clock = ManualClock()
        self.options = Options(
            crm=CrmOptions(**crm),
            limits=limits or LimitOptions.unlimited(),
            oauth=OAuthOptions(scope=scope),
        )
        self.emulator = Emulator(self.options, self.clock)
        self.token = self._refreshed()

    @property
    def store(self) -> Any:
        return self.emulator.world.crm

    def _refreshed(self) -> str:
        grant = {
            "grant_type": "refresh_token",
            "client_id": self.options.client_id,
            "client_secret": self.options.client_secret,
            "refresh_token": self.options.refresh_token,
        }
        form = {"content-type": "application/x-www-form-urlencoded"}
        body = urlencode(grant).encode()
        answer = self.emulator.handle(Request("POST", "/oauth/v2/token", {}, form, body))
        return str(json.loads(answer.response.body)["access_token"])

    def advance(self, seconds: float) -> None:
        """Let emulated time pass, and renew the token that may have died meanwhile."""
        self.clock.advance(seconds)
        self.token = self._refreshed()

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        sent = {"authorization": f"Zoho-oauthtoken {self.token}", **(headers or {})}
        return self.emulator.handle(Request(method, path, query or {}, sent, raw)).response

    def get(self, path: str, headers: Mapping[str, str] | None = None, /, **query: str) -> Response:
        return self.send("GET", path, query, None, headers)

    def post(self, records: Sequence[Mapping[str, Any]], **more: Any) -> Response:
        return self.send("POST", PRODUCTS, {}, {"data": records, **more})

    def put(
        self, records: Sequence[Mapping[str, Any]], headers: Mapping[str, str] | None = None
    ) -> Response:
        return self.send("PUT", PRODUCTS, {}, {"data": records}, headers)

    def upsert(self, records: Sequence[Mapping[str, Any]], **more: Any) -> Response:
        return self.send("POST", f"{PRODUCTS}/upsert", {}, {"data": records, **more})

    def coql(self, select_query: str) -> Response:
        return self.send("POST", "/crm/v8/coql", {}, {"select_query": select_query})

    def created(self, **fields: Any) -> str:
        """The id of a new product, which has a name even if none is given."""
        answer = self.post([{"Product_Name": "Fibre", **fields}])
        assert answer.status == 201, answer.body
        return str(first(answer)["details"]["id"])

    def read(self, record_id: str) -> dict[str, Any]:
        return dict(document(self.get(f"{PRODUCTS}/{record_id}"))["data"][0])


def document(answer: Response) -> Any:
    """The body as JSON."""
    return json.loads(answer.body)


def first(answer: Response) -> Any:
    """The first result of a write, or the first record of a read."""
    return document(answer)["data"][0]


def codes(answer: Response) -> list[str]:
    """The code of each result of a write."""
    return [result["code"] for result in document(answer)["data"]]
