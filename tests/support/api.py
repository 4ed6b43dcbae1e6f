"""The API as programs of every role use it, over an app in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi.testclient import TestClient

from trueup.deployment import Deployment
from trueup.domain.people import Role
from trueup.postgres.api_tokens import ApiTokens
from trueup.web.app import make_app

HERE = "/api/v1/workspaces/default"
MAKER = "Ann Example"


@dataclass
class Api:
    """A client with a token of each role; the paths are below the workspace."""

    deployment: Deployment
    client: TestClient
    tokens: dict[Role, str]

    def get(self, path: str, role: Role = Role.VIEWER) -> httpx2.Response:
        return self.client.get(f"{HERE}{path}", headers=bearer(self.tokens[role]))

    def post(self, path: str, role: Role, body: Any = None) -> httpx2.Response:
        return self.client.post(f"{HERE}{path}", headers=bearer(self.tokens[role]), json=body)

    def read(self, path: str) -> Any:
        """A document that a viewer may read."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, what: str) -> list[list[Any]]:
        """A list page by page, until there is no next one."""
        found, address = [], path
        while True:
            document = self.read(address)
            found.append(document[what])
            if document["next"] is None:
                return found
            address = f"{path}&after={document['next']}"


@contextmanager
def api_of(deployment: Deployment) -> Iterator[Api]:
    """The API of a deployment."""
    known = ApiTokens(deployment.home.pool)
    made = {role: known.add(role.value, role, MAKER, 3600) for role in Role}
    texts = {role: one[1] for role, one in made.items() if one is not None}
    with TestClient(make_app(deployment), raise_server_exceptions=False) as client:
        yield Api(deployment, client, texts)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
