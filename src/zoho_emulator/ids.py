"""Record ids and tokens: unique, not sequential, and the same for the same seed."""

from __future__ import annotations

import hashlib
import random

_LOWEST = 3_000_000_000_000_000_000
_SPAN = 6_000_000_000_000_000_000


class Ids:
    """The emulated organisation's source of ids and tokens.

    Ids are 19-digit decimal strings above 2**53, as Zoho's are: a client that reads them as
    floating-point numbers loses digits (zoho-facts §4.10).
    """

    def __init__(self, seed: int, drawn: int = 0, minted: int = 0) -> None:
        source = random.Random(seed)
        self._seed = seed
        self._offset = source.randrange(_SPAN)
        self._step = _coprime_step(source)
        self.drawn = drawn
        self.minted = minted

    def next(self) -> str:
        """A new id."""
        self.drawn += 1
        # A step without a factor in common with the span visits every number before repeating one.
        return str(_LOWEST + (self._offset + self.drawn * self._step) % _SPAN)

    def token(self) -> str:
        """A new token of the shape `1000.<32 hex>.<32 hex>` (zoho-facts §1.2)."""
        self.minted += 1
        digest = hashlib.sha256(f"{self._seed}/{self.minted}".encode()).hexdigest()
        return f"1000.{digest[:32]}.{digest[32:]}"


def _coprime_step(source: random.Random) -> int:
    """A large step that shares none of the span's prime factors 2, 3 and 5."""
    base = source.randrange(_SPAN // 30 // 8, _SPAN // 30 // 2)
    return base * 30 + source.choice((1, 7, 11, 13, 17, 19, 23, 29))
