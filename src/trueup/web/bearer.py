"""Who may use the endpoints: a bearer secret, with its predecessor during a rotation.

Both are always compared, in constant time, as digests of one length. Wrong secrets are counted by
client: beyond a few a minute they are answered with 429, while the right one still passes from the
same address (a colleague behind the same router must not lock the schedule out).
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final, NoReturn

from fastapi.security import HTTPBearer
from starlette.requests import Request

from trueup import logs
from trueup.settings import Settings
from trueup.web.buckets import Buckets, house_of
from trueup.web.front import client_of
from trueup.web.refusals import Refusal

SCHEME: Final = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="CRON_SECRET, or CRON_SECRET_PREVIOUS during a rotation.",
)
BURST: Final = 10  # wrong secrets in a row
PER_SECOND: Final = 10 / 60  # and then so many
MOST_CLIENTS: Final = 10_000


class Attempts:
    """Wrong secrets per client: a bucket that fills up again, for so many clients at most."""

    def __init__(self, monotonic: Callable[[], float], most: int = MOST_CLIENTS) -> None:
        self._buckets = Buckets(monotonic, most, BURST, PER_SECOND)

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._buckets)

    def count(self, client: str) -> float:
        """Count one; 0.0, or after how many seconds the next is looked at, when it was too many."""
        bucket = self._buckets.of(house_of(client))
        if bucket.left >= 1:
            bucket.left -= 1
            bucket.told = False
            return 0.0
        if not bucket.told:
            # The flood itself is not for the log: one line says that there is one.
            bucket.told = True
            logs.logger().warning("wrong_secrets", client=client)
        return (1 - bucket.left) / PER_SECOND


class Gate:
    """Lets those pass who know a secret, each to the workspaces that it opens.

    The home secret opens all of them; a workspace may have one of its own, for its own people.
    """

    def __init__(
        self, home: Settings, workspaces: Mapping[str, Settings], attempts: Attempts
    ) -> None:
        known: dict[str, set[str]] = {}
        for names, settings in [
            (set(workspaces), home),
            *(({name}, own) for name, own in workspaces.items()),
        ]:
            for secret in (settings.cron_secret, settings.cron_secret_previous):
                if secret and settings.cron_secret:
                    known.setdefault(secret, set()).update(names)
        self.configured = bool(known)
        # What nobody can know stands for what is not set: there are always two to compare.
        for _ in range(2 - len(known)):
            known[secrets.token_hex(32)] = set()
        self._known = [(_digest(s.encode()), frozenset(names)) for s, names in known.items()]
        self._attempts = attempts

    async def check(self, request: Request) -> None:
        """Note in `request.state.opened` what the caller may see; raise the `Refusal` of others."""
        if not self.configured:
            raise Refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "no secret is configured",
                "set CRON_SECRET for the server, and send it as a bearer token",
            )
        opened = self.opens(request.headers.getlist("authorization"))
        if opened:
            request.state.opened = opened
            return
        self.turn_away(
            request,
            "the secret is wrong or missing",
            "send CRON_SECRET as a bearer token in the Authorization header, never in the address",
        )

    def turn_away(self, request: Request, error: str, remedy: str) -> NoReturn:
        """Count a wrong secret, of whatever kind; raises the `Refusal` 401 or, of too many, 429."""
        wait = self._attempts.count(client_of(request.scope))
        if wait:
            raise Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too many wrong secrets from this address",
                "the right one still passes",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        raise Refusal(
            HTTPStatus.UNAUTHORIZED, error, remedy, headers={"WWW-Authenticate": "Bearer"}
        )

    def opens(self, headers: Sequence[str]) -> frozenset[str]:
        """The workspaces that the one Authorization header opens; none for a wrong secret."""
        [header, *more] = headers or [""]
        scheme, _, given = header.partition(" ")
        digest = _digest(given.strip(" ").encode("latin-1"))
        # Each is compared, whichever fits.
        found = [n for known, n in self._known if hmac.compare_digest(digest, known)]
        if more or scheme.lower() != "bearer":
            return frozenset()
        return frozenset().union(*found)


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
