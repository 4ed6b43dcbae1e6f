"""A process that calls as often as the budget lets it and reports each call to a socket.

Usage: budget_caller.py URL RULES_JSON SOCKET NAME SECONDS HOLD
"""

from __future__ import annotations

import json
import socket
import sys
import time

from psycopg_pool import ConnectionPool

from trueup.domain.errors import PausedError
from trueup.postgres.budget import PostgresBudget


def main(url: str, rules: str, recorder: str, name: str, seconds: float, hold: float) -> None:
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    wire.connect(recorder)
    with ConnectionPool(url, min_size=1, max_size=1, kwargs={"autocommit": True}) as pool:
        budget = PostgresBudget(pool, sleep=time.sleep, **json.loads(rules))
        budget.usage()
        wire.send(b"ready")
        sys.stdin.readline()
        ends_at = time.monotonic() + seconds
        while (left := ends_at - time.monotonic()) > 0:
            try:
                ticket = budget.acquire("crm", patience=left)
            except PausedError:
                return
            wire.send(name.encode())
            time.sleep(hold)
            budget.release(ticket)


if __name__ == "__main__":
    url, rules, recorder, name, seconds, hold = sys.argv[1:]
    main(url, rules, recorder, name, float(seconds), float(hold))
