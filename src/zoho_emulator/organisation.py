"""Whose catalogue this is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Organisation:
    """The emulated organisation; `time_zone` is an IANA name, `currency` an ISO code."""

    org_id: str
    name: str
    currency: str
    time_zone: str
