"""How often somebody may try a password: so often a minute, whoever it is and wherever from.

A try is taken before the password is looked at and given back when it was right: guesses that are
sent at one moment are counted as well, and a refused one costs no hashing. A login has a second
lane for browsers in which its owner has signed in before: who guesses from elsewhere locks nobody
out. Memory is bounded: of too many clients the longest quiet are forgotten.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final

from trueup.web.buckets import Buckets, house_of

BURST: Final = 10  # tries in a row
PER_SECOND: Final = 10 / 60  # and then so many
MOST: Final = 20_000  # clients and logins that are remembered


class Turnstile:
    """Buckets that fill up again. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float], most: int = MOST) -> None:
        self._buckets = Buckets(monotonic, most, BURST, PER_SECOND)

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._buckets)

    def enter(self, lanes: Sequence[str]) -> float:
        """Take a try from each lane; or from none, and after how many seconds there is one."""
        buckets = [self._buckets.of(lane) for lane in lanes]
        lacking = max(1 - bucket.left for bucket in buckets)
        if lacking > 0:
            return lacking / PER_SECOND
        for bucket in buckets:
            bucket.left -= 1
        return 0.0

    def give_back(self, lanes: Sequence[str]) -> None:
        """It was the right password."""
        for lane in lanes:
            bucket = self._buckets.of(lane)
            bucket.left = min(BURST, bucket.left + 1)


def lanes(client: str, login: str, *, known: bool = False) -> tuple[str, str]:
    """What a try is counted under: the client's network, and the login; `known`: see above."""
    digest = hashlib.sha256(login.strip().casefold().encode()).hexdigest()
    return f"client {house_of(client)}", f"{'known' if known else 'login'} {digest}"


def browser_mark(key: str, login: str) -> str:
    """What a browser is given to be known by: it opens nothing. `key` is the deployment's."""
    said = f"known browser of {login.strip().casefold()}"
    return hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()
