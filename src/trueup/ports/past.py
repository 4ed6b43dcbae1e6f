"""What runs wrote, for taking it back, and the decisions that go with that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from trueup.domain.guards import FieldKey
from trueup.domain.past import LastWrite, PastWrite, Place
from trueup.domain.records import FieldValue, RecordKey
from trueup.ports.ledger import Fence


class Past(Protocol):
    """The history of what was written, and the refusals that a revert leaves or lifts."""

    def writes(self, run_id: str) -> list[PastWrite]:
        """What a run wrote, in order, also where an answer was lost or it died before hearing it.

        A create of unknown outcome is left out when another run has made the record since.
        """
        ...

    def last_writes(self, records: Collection[Place]) -> Mapping[tuple[Place, str], LastWrite]:
        """The last write of each field of these remote records, whatever run it was in."""
        ...

    def refused(self, keys: Collection[RecordKey]) -> Mapping[FieldKey, FieldValue]:
        """The values that people do not want on the fields of these records."""
        ...

    def lift(self, fields: Collection[FieldKey], fence: Fence) -> None:
        """People want what they refused on these fields after all."""
        ...

    def sign(self, run_id: str, by: str, fence: Fence) -> None:
        """A person had this run made: its changes carry the name from now on."""
        ...
