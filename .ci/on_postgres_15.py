"""Run tests against a Postgres 15 of its own, the oldest server that Trueup supports."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from trueup.postgres.embedded import EmbeddedPostgres

SERVER = Path("/usr/lib/postgresql/15")


def main(arguments: list[str]) -> int:
    """Start the server, point the tests' fixtures at it, run them, stop it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder), binaries=SERVER) as server,
    ):
        told = os.environ | {"TRUEUP_TEST_DATABASE_URL": server.url}
        tests = [sys.executable, "-m", "pytest", "-q", *arguments]
        return subprocess.run(tests, env=told, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
