"""Read the targets whole: every record of every kind, kept under the name of a reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from trueup.domain.errors import TargetDownError, TargetStoppedError, TrueupError
from trueup.domain.records import KINDS_OF, NAME, Intent, Kind, RemoteRecord, Schema, TargetName
from trueup.ports import Target
from trueup.reconcile.scope import Workshop
from trueup.reconcile.surveyed import Survey

_READ_STEP = 200  # records between two words to the watcher: one listing page
_ASKED_SINGLY = 50  # of our records, when a listing shows none at all

WhyStop = Callable[[], str | None]


def observe(
    shop: Workshop,
    targets: Sequence[TargetName],
    reading: str,
    result: Survey,
    why_stop: WhyStop,
) -> dict[TargetName, Schema]:
    """Read the targets whole and keep what was read; one that fails is left out and noted."""
    schemas: dict[TargetName, Schema] = {}
    for name in targets:
        target = shop.targets[name]
        try:
            schema = target.schema()
            for kind in KINDS_OF[name]:
                shop.watcher.phase(f"reading {kind.value}")
                records = _counted(shop, kind, target.records(kind), why_stop)
                if not shop.ledger.observe(reading, kind, records):
                    _doubt(shop, target, kind)
            _observe_lost(shop, name, reading)
            schemas[name] = schema
        except TargetStoppedError as error:
            result.stopped[name] = error
            shop.watcher.stopped(name, error)
    return schemas


def _doubt(shop: Workshop, target: Target, kind: Kind) -> None:
    """Nothing at all where records of ours should be: believed when none can be found singly.

    Believed wrongly, it would create everything a second time (law 4).
    """
    known = shop.ledger.some_bindings(kind, _ASKED_SINGLY)
    wanted = [Intent(b.key, str(b.applied.get(NAME[kind]) or "")) for b in known]
    if wanted and target.find(wanted):
        raise TargetDownError(
            f"{target.name.value} lists no {kind.value} at all, but has what we made there",
            "the next run looks again; nothing was written there",
        )


def _observe_lost(shop: Workshop, name: TargetName, reading: str) -> None:
    """Creates whose answer was lost are looked up where the target shows what was just written."""
    intents = shop.ledger.intents(KINDS_OF[name])
    if not intents:
        return
    found = shop.targets[name].find(intents)
    for kind in {record.kind for record in found}:
        shop.ledger.observe(reading, kind, [r for r in found if r.kind is kind])


def _counted(
    shop: Workshop, kind: Kind, records: Iterable[RemoteRecord], why_stop: WhyStop
) -> Iterator[RemoteRecord]:
    count = 0
    for count, record in enumerate(records, start=1):
        yield record
        if count % _READ_STEP == 0:
            shop.watcher.read(kind, count)
            if (reason := why_stop()) is not None:
                raise TrueupError(f"{reason} while reading", "`trueup run` begins again")
    shop.watcher.read(kind, count)
