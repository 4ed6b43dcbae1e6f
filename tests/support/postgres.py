"""A real Postgres for tests: one server per session, one fresh database per test.

Every worker of a session attaches to the same embedded server. `TRUEUP_TEST_DATABASE_URL` (a URL
of a role that may create databases) runs the same suite on another server.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from trueup.postgres.embedded import EmbeddedPostgres
from trueup.postgres.migrate import migrations, upgrade

SERVER_VARIABLE = "TRUEUP_TEST_DATABASE_URL"
FOLDER_VARIABLE = "TRUEUP_TEST_POSTGRES_FOLDER"
DEBIAN_15 = Path("/usr/lib/postgresql/15")

# Tests lose nothing by a power cut.
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def claim_folder() -> None:
    """Choose the session's data directory before workers inherit the environment."""
    os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="trueup-tests-")


def remove_folder() -> None:
    """Remove what `claim_folder` chose."""
    shutil.rmtree(os.environ.pop(FOLDER_VARIABLE), ignore_errors=True)


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of the session's server, as somebody who may create databases."""
    foreign = os.environ.get(SERVER_VARIABLE)
    if foreign:
        yield foreign
        return
    settings = QUICK | {"max_connections": "200"}
    with EmbeddedPostgres(Path(os.environ[FOLDER_VARIABLE]), settings=settings) as server:
        yield server.url


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def make_template(server: str) -> str:
    """The name of a migrated database to copy, made once per state of the migrations."""
    state = "".join(migration.checksum for migration in migrations())
    name = f"trueup_template_{hashlib.sha256(state.encode()).hexdigest()[:12]}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(7210)")
        if not conn.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            unfinished = f"{name}_{uuid.uuid4().hex[:8]}"
            conn.execute(f"create database {unfinished} template template0")
            with psycopg.connect(with_database(server, unfinished), autocommit=True) as fresh:
                upgrade(fresh)
            conn.execute(f"alter database {unfinished} rename to {name}")
    return name


@contextmanager
def fresh_database(server: str, template: str = "template0") -> Iterator[str]:
    """The URL of a new database, dropped afterwards, whoever is still connected."""
    name = f"trueup_test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"create database {name} template {template}")
        try:
            yield with_database(server, name)
        finally:
            conn.execute(f"drop database {name} with (force)")
