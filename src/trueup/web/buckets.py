"""Tries that fill up again with time: wrong passwords and wrong secrets are counted alike.

Memory is bounded: of too many names the longest quiet are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

_HOUSE_BITS: Final = 64  # of an IPv6 address: what one customer is given


@dataclass(slots=True)
class Bucket:
    """The tries that are left, as of a monotonic second; `told`: a flood was said already."""

    left: float
    at: float
    told: bool = False


class Buckets:
    """Buckets by name, full at first with `burst` tries. `monotonic` gives seconds."""

    def __init__(
        self, monotonic: Callable[[], float], most: int, burst: float, per_second: float
    ) -> None:
        self._monotonic, self._most = monotonic, most
        self._burst, self._per_second = burst, per_second
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._buckets)

    def of(self, name: str) -> Bucket:
        """The bucket of a name, filled up to now."""
        now = self._monotonic()
        bucket = self._buckets.setdefault(name, Bucket(self._burst, now))
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        return bucket


def house_of(client: str) -> str:
    """What counts as one client: an address, or the network of an IPv6 one."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return f"{int(address) >> (128 - _HOUSE_BITS):x}"
    return client
