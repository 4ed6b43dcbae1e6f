"""Fixtures for every tier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import postgres
from support.profiles import try_the_same

try_the_same()  # before any test is read


def pytest_configure(config: pytest.Config) -> None:
    """The controller of a session chooses the server's folder; workers inherit it."""
    if not hasattr(config, "workerinput"):
        postgres.claim_folder()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        postgres.remove_folder()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The session's server: the URL of its own database, for creating others."""
    with postgres.running_server() as url:
        yield url


@pytest.fixture(scope="session")
def template(postgres_server: str) -> str:
    """The name of a migrated database to copy."""
    return postgres.make_template(postgres_server)


@pytest.fixture
def database_url(postgres_server: str, template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with postgres.fresh_database(postgres_server, template) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_server: str) -> Iterator[str]:
    """A database with nothing in it."""
    with postgres.fresh_database(postgres_server) as url:
        yield url
