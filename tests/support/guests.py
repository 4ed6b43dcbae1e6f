"""A served deployment of two workspaces with a browser of each role, and what strangers send."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.testclient import TestClient

from support.all_routes import Way, ways
from support.served import HastyClock, deployed, settings_of
from trueup.deployment import Deployment
from trueup.domain.people import Role
from trueup.postgres.people import People
from trueup.web.app import make_app

SITE = "https://trueup.example"
COOKIE = "__Host-trueup_session"
FORM = re.compile(r'name="form_token" value="([0-9a-f]+)"')
# Everything that is secret in the settings, so that it can be looked for.
SECRETS = {
    "TRUEUP_SECRET_KEY": "invented-key-of-the-tests",
    "ZOHO_CLIENT_SECRET": "invented-client-secret",
    "ZOHO_REFRESH_TOKEN": "invented-refresh-token",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:invented-password@collector.example",
}


@dataclass
class Guests:
    """The app, and who is signed in to it."""

    deployment: Deployment
    client: TestClient
    clock: HastyClock

    @property
    def people(self) -> People:
        return People(self.deployment.home.pool)

    @property
    def ways(self) -> list[Way]:
        assert isinstance(self.client.app, FastAPI)
        return ways(self.client.app)

    @property
    def pages(self) -> list[Way]:
        """Those that only people who are signed in may see; streams apart, which do not end."""
        return [way for way in self.ways if way.is_page]

    def ask(
        self, method: str, address: str, role: Role | None = None, **more: Any
    ) -> httpx2.Response:
        """One request, in whose cookies is a session of this role alone."""
        own = {"cookie": f"{COOKIE}={session(role)}"} if role else {}
        headers = own | dict(more.pop("headers", {}))
        self.client.cookies.clear()
        return self.client.request(method, address, headers=headers, follow_redirects=False, **more)

    def form_token(self, role: Role) -> str:
        """What every form of this session carries."""
        found = FORM.search(self.ask("GET", "/w/default/account", role).text)
        assert found
        return found[1]

    def traces(self) -> list[int]:
        """How much there is of what anybody can do: deeds, jobs, accounts, sessions."""
        with self.deployment.home.pool.connection() as connection:
            found = connection.execute(
                "select (select count(*) from trueup.deed), (select count(*) from trueup.job),"
                " (select count(*) from trueup.person where standing = 'active'),"
                " (select count(*) from trueup.web_session)"
            ).fetchone()
        assert found is not None
        return list(found)


def session(role: Role) -> str:
    """The token of somebody's session."""
    return f"session-of-the-{role.value}"


@contextmanager
def open_guests(database: str, env: Mapping[str, str] = SECRETS) -> Iterator[Guests]:
    """Nothing was synchronised yet; nobody works there."""
    settings, clock = settings_of({"DATABASE_URL": database, **env}), HastyClock()
    with deployed(settings, default=settings, other=settings) as deployment:
        deployment.home.clock = clock
        people = People(deployment.home.pool)
        for role in Role:
            person = people.add(role.value, f"{role.value.title()} Example", role)
            assert person is not None
            people.invite(person.person_id, f"link-{role.value}")
            assert people.accept(f"link-{role.value}", "no hash: nobody signs in") is not None
            people.open(person.person_id, session(role), "127.0.0.1")
        app = make_app(deployment)
        with TestClient(app, base_url=SITE, raise_server_exceptions=False) as client:
            yield Guests(deployment, client, clock)
