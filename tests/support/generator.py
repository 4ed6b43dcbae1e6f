"""A catalogue of any size from a seed: the same rows every time, row i whatever the size is.

Shares and prices follow what real tariffs of an internet provider look like; a few rows are
awkward on purpose. Nothing here is a real product, provider or customer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID, uuid5

import msgspec

from trueup.domain.package import PackageRow

_SPACE = UUID("5b0c7f3e-6f0a-4a58-9d5e-1b6a0c0f7d11")
_START = datetime(2026, 1, 1, tzinfo=UTC)
_FAMILIES: Mapping[str, tuple[str, float]] = {
    "lte": ("LTE", 0.31),
    "skyfibre": ("SKY", 0.22),
    "5g": ("5G", 0.15),
    "bizfibre": ("BIZ", 0.10),
    "homefibre": ("FBR", 0.10),
    "wireless": ("WLS", 0.05),
    "workconnect": ("WRK", 0.03),
    "managed": ("MAN", 0.01),
    "voice": ("VOX", 0.03),
}
_SPEEDS = (10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 100, 150, 200, 300, 500, 5, 1, 0)
_SPEED_WEIGHTS = (7, 2, 7, 5, 2, 6, 2, 2, 14, 2, 6, 13, 2, 13, 3, 1, 1, 0.5, 1)
_SETUPS = (0, 900, 1500, 2500, 3500, 5500)
_SETUP_WEIGHTS = (79, 12, 5, 1, 1, 2)
_TIERS = ("Lite", "Start", "Plus", "Pro", "Max", "Ultra", "Flex", "Prime")
_BRANDS = ("Northline", "Brightwave", "Cedar", "Harbour", "Quill", "Summit", "Tandem", "Vela")
_PROVIDERS = tuple(f"P{a}{b}" for a in "ABCDEFGHJK" for b in "LMNPQRST")
_TERM_PLACES: tuple[Callable[[int], dict[str, Any]], ...] = (
    lambda months: {"metadata": {"contract_months": months}},
    lambda months: {"metadata": {"contract_term_months": months}},
    lambda months: {"metadata": {"contract_type": f"{months}-month-contract"}},
    lambda months: {"metadata": {"contract_terms": [months]}},
    lambda months: {"provider_specific_config": {"contract_months": months}},
    lambda months: {"features": [f"{months}-month contract"]},
)
_VAT = Decimal("1.15")
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Shape:
    """A seed, a number of rows, and the share of them that is awkward on purpose."""

    seed: int = 1
    size: int = 1000
    adversarial: float = 0.05


def rows(shape: Shape) -> Iterator[PackageRow]:
    """The catalogue, row by row."""
    for index in range(shape.size):
        yield row_at(shape, index)


def row_at(shape: Shape, index: int) -> PackageRow:
    """One row; it depends on the seed, the share and its index alone."""
    rng = _rng(shape.seed, index)
    columns = _ordinary(shape, index, rng)
    if rng.random() < shape.adversarial:
        awkward = rng.choice(AWKWARD)
        columns |= awkward(columns, shape, index)
    return PackageRow(**columns)


def _rng(seed: int, index: int, day: int = 0) -> random.Random:
    return random.Random(f"{seed}/{index}/{day}")


def _pick(rng: random.Random, values: tuple[Any, ...], weights: tuple[float, ...]) -> Any:
    return rng.choices(values, weights)[0]


def _ordinary(shape: Shape, index: int, rng: random.Random) -> dict[str, Any]:
    family = _pick(rng, tuple(_FAMILIES), tuple(weight for _, weight in _FAMILIES.values()))
    code, _ = _FAMILIES[family]
    business = rng.random() < 0.35
    price = _price(rng, business=business)
    down = _pick(rng, _SPEEDS, _SPEED_WEIGHTS)
    provider = _PROVIDERS[min(int(rng.paretovariate(1.1)) - 1, len(_PROVIDERS) - 1)]
    columns: dict[str, Any] = {
        "id": str(uuid5(_SPACE, f"{shape.seed}/{index}")),
        "sku": f"{provider}-{code}-{index:07}",
        "name": _name(rng, down, index),
        "description": None if rng.random() < 0.05 else _text(rng),
        "service_type": family,
        "product_category": "business" if business else "consumer",
        "market_segment": None if rng.random() < 0.61 else ("smme" if business else "home"),
        "provider": None if rng.random() < 0.63 else provider,
        "source_admin_product_id": None,
        "speed_down": down,
        "speed_up": _upload(rng, down),
        "price": price,
        "base_price_zar": price,
        "promotion_price": _promotion(rng, price),
        "pricing": {"monthly": price, "setup": Decimal(_pick(rng, _SETUPS, _SETUP_WEIGHTS))},
        "metadata": {},
        "provider_specific_config": {},
        "features": [],
        "status": _pick(rng, ("active", "inactive", "archived", "draft"), (80, 12, 6, 2)),
        **_window(rng),
        "dated_prices": None,
    }
    _add(columns, _term(rng))
    _add(columns, _hardware(rng))
    _add(columns, _vat(rng))
    return columns


def _price(rng: random.Random, *, business: bool) -> Decimal:
    median, sigma = (900.0, 1.10) if business else (650.0, 0.60)
    amount = min(max(rng.lognormvariate(0, sigma) * median, 49.0), 49_999.0)
    style = rng.random()
    if style < 0.88:
        whole = int(amount) // 100 * 100 + 99 if style < 0.44 else int(amount) // 10 * 10 + 9
        return Decimal(whole).quantize(_CENT)
    exact = Decimal(int(amount))
    return (exact / _VAT if style < 0.95 else exact).quantize(_CENT, rounding=ROUND_HALF_UP)


def _promotion(rng: random.Random, price: Decimal) -> Decimal | None:
    if rng.random() >= 0.17:
        return None
    share = Decimal(rng.randint(62, 93)) / 100
    return max(Decimal(1), (price * share).quantize(Decimal(1))).quantize(_CENT)


def _upload(rng: random.Random, down: int) -> int:
    divisor = _pick(rng, (1, 2, 4, 5), (34, 40, 16, 10))
    return 0 if down == 0 else max(1, down // int(divisor))


def _name(rng: random.Random, down: int, index: int) -> str:
    brand, tier = rng.choice(_BRANDS), rng.choice(_TIERS)
    style = rng.random()
    if style < 0.02:
        return f"{brand} {tier} {down}Mbps"  # others have it too
    if style < 0.03:
        return f"{brand} Špica {tier} {index}"
    if style < 0.035:
        return f"{brand} {tier} {index} ".ljust(rng.randint(85, 100), "x")
    return f"{brand} {tier} {down}Mbps {index}"


def _text(rng: random.Random) -> str:
    length = 2100 if rng.random() < 0.001 else rng.randint(40, 300)
    words = ("fast", "steady", "fair", "uncapped", "simple", "line", "for", "every", "home")
    text = " ".join(rng.choice(words) for _ in range(length // 4))
    return text[:length].strip()


def _term(rng: random.Random) -> dict[str, Any]:
    months = _pick(rng, (0, 12, 24, 36), (55, 8, 36, 1))
    return rng.choice(_TERM_PLACES)(months) if months else {}


def _hardware(rng: random.Random) -> dict[str, Any]:
    style = rng.random()
    if style < 0.70:
        return {}
    if style < 0.85:
        return {"metadata": {"router_included": True, "router_model": f"R{rng.randint(1, 9)}"}}
    shared = [_device(rng.randint(1, 30)) for _ in range(rng.randint(1, 3))]
    if style < 0.90:
        return {"metadata": {"hardware": shared[0] | {"included": True}}}
    listed = {d["sku"]: d | {"is_included": rng.random() < 0.8} for d in shared}
    return {"metadata": {"hardware": list(listed.values())}}


def _device(number: int) -> dict[str, Any]:
    cost = Decimal(400 + 50 * number).quantize(_CENT)
    return {"model": f"Router {number}", "sku": f"RTR-{number:02}", "cost": cost}


def _vat(rng: random.Random) -> dict[str, Any]:
    style = rng.random()
    return {} if style < 0.30 else {"metadata": {"vat_inclusive": style < 0.55}}


def _window(rng: random.Random) -> dict[str, Any]:
    style = rng.random()
    day = timedelta(days=rng.randint(1, 300))
    if style < 0.90:
        return {"valid_from": None, "valid_to": None}
    if style < 0.96:
        return {"valid_from": _START - day, "valid_to": None}
    if style < 0.98:
        return {"valid_from": _START + timedelta(days=3650), "valid_to": None}
    return {"valid_from": None, "valid_to": _START - day}


def _add(columns: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        columns[name] = columns[name] | value if isinstance(value, dict) else value


# --- rows that are awkward on purpose ------------------------------------------------------

_Columns = dict[str, Any]
Awkward = Callable[[_Columns, Shape, int], _Columns]


def _sku(change: Callable[[str], str | None]) -> Awkward:
    return lambda columns, _shape, _index: {"sku": change(columns["sku"])}


def _price_of(text: str) -> Awkward:
    amount = Decimal(text)
    return lambda columns, _shape, _index: {
        "price": amount,
        "base_price_zar": amount,
        "pricing": columns["pricing"] | {"monthly": amount},
    }


def _neighbours_sku(change: Callable[[str], str]) -> Awkward:
    def twin(_: _Columns, shape: Shape, index: int) -> _Columns:
        calm = Shape(shape.seed, shape.size, 0.0)
        return {"sku": change(row_at(calm, max(0, index - 1)).sku or "")}

    return twin


def _with_metadata(**metadata: Any) -> Awkward:
    return lambda columns, _shape, _index: {"metadata": columns["metadata"] | metadata}


AWKWARD: tuple[Awkward, ...] = (
    _sku(lambda _: None),
    _sku(lambda _: ""),
    _neighbours_sku(lambda sku: sku),
    _neighbours_sku(str.lower),
    *(_sku(lambda sku, mark=mark: f"{sku}{mark}x") for mark in " /&()'\u2615"),  # type: ignore[misc]  # mark is bound early
    _price_of("0.00"),
    _price_of("0.01"),
    _price_of("99999999.99"),
    lambda _columns, _shape, index: {"name": f"{index} ".ljust(100, "n")},
    lambda _columns, _shape, _index: {"name": "bell \x07"},
    lambda _columns, _shape, _index: {"pricing": None},
    _with_metadata(contract_months=12, contract_term_months=24),
    _with_metadata(hardware={"included": True}),
    lambda columns, _shape, _index: {"base_price_zar": columns["price"] + 1},
    lambda columns, _shape, _index: {"promotion_price": columns["price"]},
    lambda _columns, _shape, _index: {
        "status": "active",
        "valid_from": _START,
        "valid_to": _START - timedelta(days=1),
    },
)


# --- the days after ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edit:
    """What happens to one row on one day: `row` as it is afterwards, None when it is deleted."""

    index: int
    what: str
    row: PackageRow | None


def edits(shape: Shape, day: int) -> Iterator[Edit]:
    """The changes of a day, against the rows of day one; each row depends on its index alone."""
    for index in range(shape.size):
        rng = _rng(shape.seed, index, day)
        if (what := _edit_of(rng.random())) is not None:
            row = row_at(shape, index)
            yield Edit(index, what, _edited(row, what, rng, day))
    for index in range(shape.size, shape.size + max(1, shape.size * 3 // 1000)):
        yield Edit(index, "new", row_at(shape, index + day * shape.size))


_EDIT_SHARES = (
    ("price", 0.005),
    ("text", 0.005),
    ("retired", 0.002),
    ("returned", 0.0005),
    ("renamed", 0.0005),
    ("deleted", 0.0002),
    ("vat", 0.0001),
)


def _edit_of(draw: float) -> str | None:
    for what, share in _EDIT_SHARES:
        if draw < share:
            return what
        draw -= share
    return None


def _edited(row: PackageRow, what: str, rng: random.Random, day: int) -> PackageRow | None:
    if what == "deleted":
        return None
    changes: dict[str, Any]
    if what == "price":
        changes = _priced(row, _factor(rng))
    elif what == "vat":
        metadata = {**(row.metadata or {}), "vat_inclusive": False}
        changes = _priced(row, 1 / _VAT) | {"metadata": metadata}
    elif what == "text":
        changes = {"description": f"{row.description or ''} (day {day})".strip()}
    elif what == "renamed":
        changes = {"sku": f"{row.sku}-R{day}"}
    else:
        changes = {"status": "inactive" if what == "retired" else "active"}
    return msgspec.structs.replace(row, **changes)


def _factor(rng: random.Random) -> Decimal:
    style = rng.random()
    if style < 0.60:
        return 1 + Decimal(rng.randint(-999, 999)) / 10_000
    if style < 0.65:
        return Decimal("1.10")
    return 1 + Decimal(rng.choice((-1, 1)) * rng.randint(1001, 5000)) / 10_000


def _priced(row: PackageRow, factor: Decimal) -> dict[str, Any]:
    monthly = (row.pricing or {}).get("monthly")
    if not isinstance(monthly, Decimal):
        return {}
    amount = (monthly * factor).quantize(_CENT, rounding=ROUND_HALF_UP)
    pricing = {**(row.pricing or {}), "monthly": amount}
    return {"price": amount, "base_price_zar": amount, "pricing": pricing}
