"""A process that asks for the shared token; its mints are noted in a file.

Usage: token_caller.py URL LOG MINT_SECONDS LEASE
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from psycopg_pool import ConnectionPool

from trueup.ports import MintedToken
from trueup.postgres.tokens import PostgresTokenStore
from trueup.postgres.vault import Vault

KEY = "an invented passphrase"


def main(url: str, log: str, mint_seconds: float, lease: float) -> None:
    def mint() -> MintedToken:
        with Path(log).open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        time.sleep(mint_seconds)
        return MintedToken(f"1000.invented.{os.getpid()}", 3600, "https://api.example")

    with ConnectionPool(url, min_size=1, max_size=1, kwargs={"autocommit": True}) as pool:
        store = PostgresTokenStore(pool, Vault(KEY), sleep=time.sleep, refresh_lease=lease)
        print(store.get(mint, patience=20).value)  # noqa: T201 - its answer


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
