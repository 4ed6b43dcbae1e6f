"""Whose a remote id is, as far as anybody remembers: the ledger, the predecessor's table."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from trueup.domain.records import Binding, Kind
from trueup.domain.stored import StoredId


class RememberedIds(Protocol):
    """Remote ids and the products that they belong to."""

    def stored(self, owners: Collection[str]) -> list[StoredId]:
        """The predecessor's ids for these products: hints, to be verified before they are used."""
        ...

    def holder(self, kind: Kind, remote_id: str) -> Binding | None:
        """The binding of a remote record, whatever product has it; None when nobody has."""
        ...

    def residents(self, reading: str, products: Collection[str]) -> dict[str, list[str]]:
        """The ids of the plans on sale that lie in these Billing products, by product's id.

        As they were read under the name of a reading.
        """
        ...


class NothingRemembered:
    """No predecessor, and no bindings to look up."""

    def stored(self, owners: Collection[str]) -> list[StoredId]:
        """None."""
        del owners
        return []

    def holder(self, kind: Kind, remote_id: str) -> None:
        """Nobody."""
        del kind, remote_id

    def residents(self, reading: str, products: Collection[str]) -> dict[str, list[str]]:
        """None."""
        del reading, products
        return {}
