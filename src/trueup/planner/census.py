"""Facts about the whole catalogue that projecting one row depends on.

Who else carries this SKU, this name, this device? Only digests are kept of what is unique, so that
a million rows fit into a modest memory; the few that repeat are remembered in full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from trueup.domain.calendar import Today
from trueup.domain.errors import CatalogueError
from trueup.domain.offering import Device
from trueup.domain.package import OutlineRow
from trueup.planner.places import included_devices
from trueup.planner.reading import clean_sku, key_of, read_lifecycle

_SEVERAL = -1
_LIKE_A_VERSION = re.compile(r"-v[1-9]\d*$")


@dataclass(slots=True)
class Namesake:
    """One row of a set that shares a SKU."""

    offering_id: str
    name: str
    archived: bool
    sku: str


@dataclass(slots=True)
class SharedDevice:
    """A device with a SKU of its own, and the products on sale that include it."""

    model: str
    costs: set[Decimal] = field(default_factory=set)
    users: list[str] = field(default_factory=list)
    skus: list[str] = field(default_factory=list)

    @property
    def cost(self) -> Decimal:
        """The one stated cost; 0 where the catalogue says only that the device is included."""
        return next(iter(self.costs), Decimal(0))


@dataclass(slots=True)
class Census:
    """The catalogue as a whole."""

    size: int = 0
    twins: dict[str, list[Namesake]] = field(default_factory=dict)
    devices: dict[str, SharedDevice] = field(default_factory=dict)
    _names: dict[int, int] = field(default_factory=dict)
    _models: dict[str, str | None] = field(default_factory=dict)
    _versions: set[str] = field(default_factory=set)

    def rivals(self, offering_id: str, sku: str) -> list[Namesake]:
        """The other rows that make this SKU a duplicate; archived ones do not count."""
        twins = self.twins.get(key_of(sku), [])
        return [t for t in twins if t.offering_id != offering_id and not t.archived]

    def superseded(self, offering_id: str, sku: str) -> bool:
        """Whether this archived row left its SKU to another row."""
        twins = self.twins.get(key_of(sku), [])
        if not any(t.offering_id == offering_id and t.archived for t in twins):
            return False
        successor = next((t for t in twins if not t.archived), twins[0])
        return successor.offering_id != offering_id and successor.sku == clean_sku(sku)

    def name_repeats(self, name: str) -> bool:
        """Whether offerings of different SKUs carry this name."""
        return self._names.get(hash(key_of(name))) == _SEVERAL

    def remember_gone(self, name: str, sku: str) -> None:
        """A product that left the catalogue: the records it leaves behind keep its name."""
        _count_name(self, name, key_of(sku))

    def has_version_like(self, code: str) -> bool:
        """Whether a row's own SKU is what a version of another product's plan would be called."""
        return key_of(code) in self._versions

    def model_repeats(self, model: str) -> bool:
        """Whether device records of different codes carry this model name."""
        return self._models.get(key_of(model), "") is None


def take_census(outline: Callable[[], Iterable[OutlineRow]], today: Today) -> Census:
    """Read the outline of the catalogue once, and once more if a SKU repeats."""
    census = Census()
    seen: set[int] = set()
    repeated: set[int] = set()
    for row in outline():
        census.size += 1
        sku = key_of(row.sku or "")
        if _LIKE_A_VERSION.search(sku):
            census._versions.add(sku)  # noqa: SLF001 (the census' own builder)
        _count_name(census, row.name or "", sku or row.id)
        _count_devices(census, row, today)
        if sku:
            digest = hash(sku)
            (repeated if digest in seen else seen).add(digest)
    if repeated:
        _collect_twins(census, outline(), repeated)
    return census


def device_codes(devices: Iterable[Device], sku: str) -> Iterator[tuple[str, Device]]:
    """Each device with the code of its record: its own SKU, or one made from the product's."""
    made = 0
    for device in devices:
        if device.sku:
            yield device.sku, device
            continue
        made += 1
        yield f"{sku}-HARDWARE" if made == 1 else f"{sku}-HARDWARE-{made}", device


def _count_name(census: Census, name: str, bearer: str) -> None:
    digest, owner = hash(key_of(name)), hash(bearer) & 0x7FFFFFFFFFFFFFFF
    if census._names.setdefault(digest, owner) != owner:  # noqa: SLF001 (the census' own builder)
        census._names[digest] = _SEVERAL  # noqa: SLF001


def _count_devices(census: Census, row: OutlineRow, today: Today) -> None:
    try:
        live = read_lifecycle(row, today) == "live"
        devices = included_devices(row) if live else ()
    except CatalogueError:
        return  # the row itself is refused, with the reason
    sku = clean_sku(row.sku)
    for code, device in device_codes(devices, sku):
        if device.model:
            models = census._models  # noqa: SLF001
            if models.setdefault(key_of(device.model), code) != code:
                models[key_of(device.model)] = None
        if device.sku:
            shared = census.devices.setdefault(code, SharedDevice(device.model))
            shared.users.append(row.id)
            shared.skus.append(sku)
            if device.cost is not None:
                shared.costs.add(device.cost)


def _collect_twins(census: Census, outline: Iterable[OutlineRow], repeated: set[int]) -> None:
    for row in outline:
        sku = key_of(row.sku or "")
        if sku and hash(sku) in repeated:
            archived = row.status == "archived"
            twin = Namesake(row.id, row.name or "", archived, clean_sku(row.sku))
            census.twins.setdefault(sku, []).append(twin)
