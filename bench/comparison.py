"""The predecessor's loop and a loop with the official SDK, on the same emulator as ours."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import httpx2

from bench.figures import Figure, Section
from bench.lab import FREE, Lab, Zoho, reconcile
from bench.predecessor import Predecessor, Product

_SCALE = 30  # emulated seconds per second: a real millisecond weighs about what the network would
# Billing finds plans and items by the filters that the predecessor relies on: undocumented, and
# the favourable case for it (zoho-facts §3.4, §3.6).
_FAVOURABLE = {"billing": {"honour_undocumented_filters": True}}
_NO_THROTTLE = {**FREE, **_FAVOURABLE, "oauth": {"refreshes": None}, "crm": {"search_delay": 0.0}}
_AS_FOUND = {**FREE, **_FAVOURABLE}
_LOST = (
    {"match": {"service": "crm", "every": 7}, "do": "reset_after"},
    {"match": {"service": "billing", "every": 10}, "do": "reset_after"},
)


def measure(lab: Lab) -> Section:
    """The same products, three ways."""
    products = [
        Product(f"FIB-{n:07}", f"Fibre {n}", 299.0 + n % 700)
        for n in range(1, 1 + (20 if lab.quick else 100))
    ]
    return Section(
        "comparison",
        f"Beside ours: {len(products)} products on the same emulator",
        "The predecessor is a model of its calls, written from its description, with its pauses"
        " shortened as the emulator's clock is faster. It takes at most 100 products a night. The"
        " official SDK knows CRM only. Lost answers: two nights in which Zoho carries out every"
        " request but every seventh answer of CRM and every tenth of Billing never arrives.",
        (
            *_requests(lab, products),
            *_throttled(lab, products),
            *_lost_answers(lab, products),
            *_sdk(lab, products),
        ),
    )


def _requests(lab: Lab, products: Sequence[Product]) -> Iterator[Figure]:
    """A first night and one without changes, with as many tokens as anybody wants."""
    with lab.zoho(_NO_THROTTLE, time_scale=_SCALE) as zoho:
        for key, text in (("first", "first sync"), ("same", "no change")):
            before = zoho.requests()
            night = _night(zoho, products)
            sent = _difference(zoho.requests(), before)
            note = f"{_spelled(sent)}; {night.succeeded} products ok"
            total = sum(sent.values())
            label = f"predecessor, {text}"
            yield Figure(f"predecessor.requests.{key}", label, total, "requests", None, note)
    with lab.zoho() as zoho, lab.app(len(products), zoho) as app:
        for key, text in (("first", "first sync"), ("same", "no change")):
            before = zoho.requests()
            reconcile(app)
            sent = _difference(zoho.requests(), before)
            total = sum(sent.values())
            label = f"trueup, {text}"
            yield Figure(f"trueup.requests.{key}", label, total, "requests", None, _spelled(sent))


def _throttled(lab: Lab, products: Sequence[Product]) -> Iterator[Figure]:
    """Zoho gives ten tokens in ten minutes (zoho-facts §1.4)."""
    with lab.zoho(_AS_FOUND, time_scale=_SCALE) as zoho:
        began = time.monotonic()
        night = _night(zoho, products)
        emulated = (time.monotonic() - began) * _SCALE
        state = zoho.state()
    failures = ", ".join(f"{count} times {text}" for text, count in night.failures.most_common(2))
    yield Figure(
        "predecessor.ok",
        "predecessor, products right after one night",
        night.succeeded,
        "products",
        None,
        f"{failures}; {emulated:.0f} emulated seconds",
    )
    yield Figure(
        "predecessor.tokens", "predecessor, token requests", _oauth(state), "requests", None
    )
    with lab.zoho(_AS_FOUND) as zoho, lab.app(len(products), zoho) as app:
        report = reconcile(app)
        state = zoho.state()
    right = report.run.summary["billingSucceeded"]
    yield Figure("trueup.ok", "trueup, products right after one night", right, "products")
    yield Figure("trueup.tokens", "trueup, token requests", _oauth(state), "requests", 1)


def _lost_answers(lab: Lab, products: Sequence[Product]) -> Iterator[Figure]:
    """Answers that never arrive, and what the next night makes of them."""
    late = {**_NO_THROTTLE, "crm": {"search_delay": 30.0}}
    with lab.zoho(late, time_scale=_SCALE, faults=_LOST) as zoho:
        _night(zoho, products)
        night = _night(zoho, products)
        yield Figure(
            "predecessor.duplicates",
            "predecessor, duplicates after lost answers",
            _duplicates(zoho),
            "records",
            None,
            f"{night.succeeded} products right after the second night",
        )
    with (
        lab.zoho(late, time_scale=_SCALE, faults=_LOST) as zoho,
        lab.app(len(products), zoho) as app,
    ):
        reconcile(app)
        report = reconcile(app)
        right = report.run.summary["billingSucceeded"]
        yield Figure(
            "trueup.duplicates",
            "trueup, duplicates after lost answers",
            _duplicates(zoho),
            "records",
            0,
            f"{right} products right after the second night",
        )


def _sdk(lab: Lab, products: Sequence[Product]) -> Iterator[Figure]:
    """The official SDK, in a program of its own."""
    if find_spec("zohocrmsdk") is None:
        return
    with lab.zoho(_NO_THROTTLE) as zoho:
        for key, text in (("first", "first sync"), ("same", "no change")):
            before = zoho.requests()
            began = time.monotonic()
            _sdk_program(lab, zoho.variables, products)
            seconds = time.monotonic() - began
            sent = _difference(zoho.requests(), before)
            label = f"official SDK, {text}, CRM alone"
            note = f"{_spelled(sent)}; {seconds:.1f} s"
            yield Figure(f"sdk.requests.{key}", label, sum(sent.values()), "requests", None, note)


def _sdk_program(lab: Lab, variables: Mapping[str, str], products: Sequence[Product]) -> None:
    folder = lab.folder / "sdk"
    folder.mkdir(exist_ok=True)
    rows = [[p.sku, p.name, p.price] for p in products]
    command = [sys.executable, "-W", "ignore", "-m", "bench.sdk_loop"]
    command += [json.dumps(dict(variables)), str(folder), json.dumps(rows)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _night(zoho: Zoho, products: Sequence[Product]) -> Predecessor:
    def pause(seconds: float) -> None:
        time.sleep(seconds / _SCALE)

    with httpx2.Client(timeout=30) as client:
        night = Predecessor(client, zoho.variables, pause)
        night.night(products)
    return night


def _duplicates(zoho: Zoho) -> int:
    """Records beyond the first that carry the same code or, where there is none, name."""
    seen: Counter[tuple[str, Any]] = Counter()
    for service, resource, field in (
        ("crm", "products", "Product_Code"),
        ("billing", "products", "name"),
        ("billing", "plans", "plan_code"),
        ("billing", "items", "sku"),
    ):
        for record in zoho.records(service, resource):
            seen[f"{service}/{resource}", record.get(field)] += 1
    return sum(count - 1 for count in seen.values())


def _oauth(state: Any) -> int:
    return int(state["requests"]["by_service"].get("oauth", 0))


def _difference(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after}


def _spelled(sent: Mapping[str, int]) -> str:
    return f"crm {sent['crm']:,}, billing {sent['billing']:,}, tokens {sent['oauth']:,}"
