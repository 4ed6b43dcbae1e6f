"""The two sides that are kept in agreement: the catalogue and the targets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from trueup.domain.changes import Change
from trueup.domain.errors import RecordError
from trueup.domain.package import OutlineRow, PackageRow, UnreadableRow
from trueup.domain.records import (
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    Schema,
    TargetName,
)
from trueup.domain.states import ProductState


@dataclass(frozen=True, slots=True)
class Glance:
    """What a whole record is compared by, in a reading: the fields of each kind that was read.

    `enforced` must be as they were written; `filled` must only hold something.
    """

    reading: str
    enforced: Mapping[Kind, Sequence[str]]
    filled: Mapping[Kind, Sequence[str]]


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One row with what the ledger remembers about it; `revision` is the digest of the row.

    `intact` are the targets at which the row has exactly the records of a product without devices,
    and a glance found each of them as it was last written. Empty without a glance.
    """

    row: PackageRow | UnreadableRow
    revision: str
    states: Mapping[TargetName, ProductState] = field(default_factory=dict)
    intact: frozenset[TargetName] = frozenset()


class Catalogue(Protocol):
    """The product catalogue; read-only."""

    def outline(self) -> Iterator[OutlineRow]:
        """Every row, for facts that need the whole catalogue (duplicates, shared devices)."""
        ...

    def entries(
        self, skus: Collection[str] = (), glance: Glance | None = None
    ) -> Iterator[CatalogueEntry]:
        """Every row, or those with these SKUs, in a stable order, with what is remembered."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """A change that the target confirmed."""

    remote_id: str


@runtime_checkable
class CountsSubscriptions(Protocol):
    """A target that may tell who has what: Billing."""

    def subscriptions(self, codes: Collection[str]) -> Mapping[str, int] | None:
        """Live subscriptions of these plans; a plan without any is left out. None: not known."""
        ...


class Target(Protocol):
    """One place that holds a copy of the catalogue."""

    name: TargetName

    def schema(self) -> Schema:
        """The target's fields; asked once per run."""
        ...

    def records(self, kind: Kind) -> Iterator[RemoteRecord]:
        """Every record of a kind, active or not, by listing pages. An error is never 'none'."""
        ...

    def find(self, intents: Sequence[Intent]) -> list[RemoteRecord]:
        """Look records up by a read-after-write path, after the answer to a create was lost."""
        ...

    def group(self, changes: Sequence[Change]) -> list[list[Change]]:
        """Split changes, in order, into what one call of `apply` carries out with one request."""
        ...

    def apply(
        self, changes: Sequence[Change], remote_id: Callable[[RecordKey], str | None]
    ) -> list[Written | RecordError]:
        """Carry out one group; one answer per change, in order.

        Raises `TargetStoppedError` when nothing was carried out and nothing more will pass.
        """
        ...
