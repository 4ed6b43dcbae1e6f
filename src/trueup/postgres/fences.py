"""The fence in every write of a run: whoever lost the run lock writes nothing (laws 8 and 9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from trueup.domain.errors import LeaseLostError
from trueup.ports import Fence

_FENCED_OFF: Final = "TU001"  # the error code of trueup.require_lease


def fence_values(fence: Fence) -> dict[str, Any]:
    """A fence as query parameters."""
    return {"lease": fence.name, "epoch": fence.epoch}


@contextmanager
def fenced() -> Iterator[None]:
    """Turn the refusal of a write into `LeaseLostError`."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate != _FENCED_OFF:
            raise
        raise LeaseLostError(
            "the run lock expired or was taken over; nothing was written",
            remedy="the run that holds the lock now carries on; look at `trueup runs`",
        ) from error
