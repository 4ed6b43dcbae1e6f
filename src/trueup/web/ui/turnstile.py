"""How often somebody may try a password: so often a minute, whoever it is and wherever from.

A try is taken before the password is looked at and given back when it was right: guesses that are
sent at one moment are counted as well, and a refused one costs no hashing. A login has a second
lane for browsers in which its owner has signed in before: who guesses from elsewhere locks nobody
out. Memory is bounded: of too many clients the longest quiet are forgotten.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

BURST: Final = 10  # tries in a row
PER_SECOND: Final = 10 / 60  # and then so many
MOST: Final = 20_000  # clients and logins that are remembered
_HOUSE_BITS: Final = 64  # of an IPv6 address: what one customer is given


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Turnstile:
    """Buckets that fill up again. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float], most: int = MOST) -> None:
        self._monotonic = monotonic
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._buckets)

    def enter(self, lanes: Sequence[str]) -> float:
        """Take a try from each lane; or from none, and after how many seconds there is one."""
        buckets = [self._bucket(lane) for lane in lanes]
        lacking = max(1 - bucket.left for bucket in buckets)
        if lacking > 0:
            return lacking / PER_SECOND
        for bucket in buckets:
            bucket.left -= 1
        return 0.0

    def give_back(self, lanes: Sequence[str]) -> None:
        """It was the right password."""
        for lane in lanes:
            bucket = self._bucket(lane)
            bucket.left = min(BURST, bucket.left + 1)

    def _bucket(self, lane: str) -> _Bucket:
        now = self._monotonic()
        bucket = self._buckets.setdefault(lane, _Bucket(BURST, now))
        self._buckets.move_to_end(lane)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        bucket.left = min(BURST, bucket.left + (now - bucket.at) * PER_SECOND)
        bucket.at = now
        return bucket


def lanes(client: str, login: str, *, known: bool = False) -> tuple[str, str]:
    """What a try is counted under: the client's network, and the login; `known`: see above."""
    digest = hashlib.sha256(login.strip().casefold().encode()).hexdigest()
    return f"client {_house(client)}", f"{'known' if known else 'login'} {digest}"


def browser_mark(key: str, login: str) -> str:
    """What a browser is given to be known by: it opens nothing. `key` is the deployment's."""
    said = f"known browser of {login.strip().casefold()}"
    return hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()


def _house(client: str) -> str:
    """What counts as one client: an address, or the network of an IPv6 one."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return f"{int(address) >> (128 - _HOUSE_BITS):x}"
    return client
