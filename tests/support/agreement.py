"""What agreement means, told without the product's own code: rows, records, and what was sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Row = dict[str, Any]
Records = Callable[[str, str], list[dict[str, Any]]]
Tale = Counter[tuple[str, ...]]


def wanted(rows: Iterable[Row]) -> Tale:
    """The records that the rows on sale imply, and those of withdrawn rows, inactive."""
    found: Tale = Counter()
    for row in rows:
        sku, name, price = row["sku"], row["name"], f"{row['pricing']['monthly']:.2f}"
        setup, on_sale = f"{row['pricing']['setup']:.2f}", row["status"] == "active"
        status = "active" if on_sale else "inactive"
        found["crm", sku, name, price, str(on_sale)] += 1
        found["product", name, status] += 1
        found["plan", sku, name, price, status] += 1
        found["item", f"{sku}-INSTALL", f"{name} - Installation", setup, status] += 1
    return found


def there(records: Records) -> Tale:
    """The records at both targets, in the same words."""
    found: Tale = Counter()
    for one in records("crm", "products"):
        price, active = f"{one['Unit_Price']:.2f}", str(one.get("Product_Active"))
        found["crm", one["Product_Code"], one["Product_Name"], price, active] += 1
    for one in records("billing", "products"):
        found["product", one["name"], one["status"]] += 1
    for one in records("billing", "plans"):
        price = f"{one['recurring_price']:.2f}"
        found["plan", one["plan_code"], one["name"], price, one["status"]] += 1
    for one in records("billing", "items"):
        found["item", one["sku"], one["name"], f"{one['rate']:.2f}", one["status"]] += 1
    return found


def some_rows(count: int, first: int = 1) -> list[Row]:
    """So many ordinary products on sale."""
    return [a_catalogue_row(number) for number in range(first, first + count)]


def on_sale(tale: Tale) -> Tale:
    """Only the records that are active."""
    return Counter({key: count for key, count in tale.items() if key[-1] in ("True", "active")})


def a_catalogue_row(number: int, **columns: Any) -> Row:
    """One ordinary product on sale; `monthly` and `setup` set its prices."""
    monthly, setup = columns.pop("monthly", 500 + number), columns.pop("setup", 900)
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "sku": f"FIB-{number:04d}",
        "name": f"Fibre {number}",
        "description": f"Line number {number}",
        "service_type": "fibre",
        "speed_down": 100,
        "speed_up": 50,
        "price": monthly,
        "base_price_zar": monthly,
        "pricing": {"monthly": monthly, "setup": setup},
        "status": "active",
    } | columns


def writes(journal: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The requests that could change a record."""
    return [
        entry
        for entry in journal
        if entry["service"] != "oauth"
        and entry["method"] != "GET"
        and not entry["path"].endswith("/coql")
    ]


def created_keys(journal: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    """How often each record was sent for creation in a request that was carried out."""
    found: Counter[tuple[str, str]] = Counter()
    for entry in writes(journal):
        if entry["method"] != "POST" or not carried_out(entry):
            continue
        path, body = entry["path"], json.loads(entry["body"] or "{}")
        if path.endswith("/Products"):
            found.update(("crm", record["Product_Code"]) for record in body["data"])
        elif path.endswith(("/products", "/plans", "/items")):
            code = body.get("plan_code") or body.get("sku") or body["name"]
            found[path.rsplit("/", 1)[1], code] += 1
    return found


def carried_out(entry: Mapping[str, Any]) -> bool:
    """Whether a request took effect, also one whose answer was lost on the way."""
    answered = 200 <= entry["status"] < 300 and entry["fault"] != "html_200"
    return answered or entry["fault"] in ("reset_after", "hang")


def prices_in(journal: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Every plan price and list price that was ever sent, in sending order."""
    found = []
    for entry in writes(journal):
        document = json.loads(entry["body"]) if entry["body"].startswith("{") else {}
        for record in (document, *document.get("data", ())):
            found += [record[name] for name in ("Unit_Price", "recurring_price") if name in record]
    return found
