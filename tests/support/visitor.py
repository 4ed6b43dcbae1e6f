"""Somebody with a browser that runs no scripts: follows forms of pages, with their tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from unittest.mock import patch

import httpx2
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from trueup.domain.people import Role
from trueup.postgres.people import People
from trueup.web.ui import passwords

PASSWORD = "an invented pass phrase"
_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]*)"')


@dataclass
class Visitor:
    """One browser."""

    client: TestClient

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers=headers, follow_redirects=False)

    def token(self, page: str) -> str:
        """What the first form of a page carries."""
        found = _TOKEN.search(self.get(page).text)
        assert found, f"{page} has no form"
        return found[1]

    def post(self, path: str, page: str | None = None, **fields: str) -> httpx2.Response:
        """Fill in and send the form of a page."""
        return self.send(path, form_token=self.token(page or path), **fields)

    def send(self, path: str, **fields: str) -> httpx2.Response:
        """Send a form that no page gave."""
        return self.client.post(path, data=fields, follow_redirects=False)

    def sign_in(
        self, login: str, password: str = PASSWORD, path: str = "/login"
    ) -> httpx2.Response:
        return self.post(path, login=login, password=password)

    def cookie(self, name: str) -> str:
        return str(self.client.cookies.get(name, ""))


@contextmanager
def quick_hashing() -> Iterator[None]:
    """Within the block hashing a password costs next to nothing."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with (
        patch.object(passwords, "_HASHER", hasher),
        patch.object(passwords, "_NOBODY", hasher.hash("nobody")),
    ):
        yield


@contextmanager
def visiting(app: FastAPI, base: str = "http://trueup.example") -> Iterator[Visitor]:
    """A browser without any cookies; the app is running already."""
    client = TestClient(app, base_url=base, raise_server_exceptions=False)
    yield Visitor(client)
    client.close()


def cookies_of(answer: httpx2.Response) -> SimpleCookie:
    """The cookies that an answer sets, with all that it says of them."""
    jar: SimpleCookie = SimpleCookie()
    for one in answer.headers.get_list("set-cookie"):
        jar.load(one)
    return jar


def let_in(people: People, *roles: Role) -> None:
    """One person for each role, called like it, all with one password."""
    kept = passwords.hashed(PASSWORD)
    for role in roles:
        person = people.add(role.value, f"{role.value.title()} Example", role)
        assert person is not None
        people.invite(person.person_id, f"link-of-{role.value}")
        assert people.accept(f"link-of-{role.value}", kept) is not None
