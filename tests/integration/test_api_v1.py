"""What the pages do, for programs: who is let in, what they see, what they may ask for."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg_pool import ConnectionPool

from support import postgres
from support.api import HERE, MAKER, Api, api_of, bearer
from support.builders import a_change
from support.ledgers import PostgresBench
from support.monitored import FAILING, FIRST, GOOD, SECOND, two_nights
from support.program import Result, run_cli
from support.served import SECRET, deployed, settings_of
from trueup.domain.guards import Held, Rule
from trueup.domain.people import Role
from trueup.domain.plan import mark_of
from trueup.postgres.api_tokens import ApiTokens
from trueup.postgres.guardbook import PostgresGuardbook

FALL = replace(
    a_change({"Unit_Price": (Decimal("899.00"), Decimal("449.00"))}, owner=GOOD),
    sku="SKU-0001",
)
NOTHING = "00000000-0000-4000-8000-00000000ffff"
NOT_A_PRICE = b64encode(json.dumps(["a", NOTHING]).encode()).decode()
DOCUMENTS = {
    "/status": "status",
    "/trends": "trends",
    "/held": "held",
    "/limits": "limits",
    "/deeds": "deeds",
    "/products": "products",
    "/schedule": "schedule",
    "/settings": "config",
    "/runs": "runs",
}
# What each order needs, and a body of it that would otherwise be fine.
ORDERS: Mapping[str, tuple[Role, Any]] = {
    "/jobs": (Role.OPERATOR, {"kind": "drift"}),
    "/jobs/1/cancel": (Role.OPERATOR, None),
    "/adopt": (Role.OPERATOR, {"sku": "SKU-0001", "target": "crm", "remote_id": "1"}),
    "/held/approve": (Role.APPROVER, {"fingerprints": ["none"]}),
    "/held/reject": (Role.APPROVER, {"fingerprints": ["none"]}),
    f"/runs/{FIRST}/revert": (Role.APPROVER, {}),
}


@pytest.fixture(scope="module")
def database(postgres_server: str, template: str) -> Iterator[str]:
    """Two nights, after which a guard holds a change."""
    with postgres.fresh_database(postgres_server, template) as url:
        with ConnectionPool(url, min_size=1, max_size=4, kwargs={"autocommit": True}) as pool:
            fence = two_nights(PostgresBench(pool))
            held = Held(FALL, (Rule.PRICE_FALL,), "Unit_Price falls by 50.06 %")
            PostgresGuardbook(pool).hold([held], SECOND, fence)
        yield url


@pytest.fixture(scope="module")
def api(database: str) -> Iterator[Api]:
    with deployed(settings_of({"DATABASE_URL": database})) as deployment, api_of(deployment) as api:
        yield api


@pytest.fixture
def cli(database: str) -> Any:
    def call(*arguments: str) -> Result:
        return run_cli(*arguments, env={"DATABASE_URL": database})

    return call


# --- who is let in -------------------------------------------------------------------------


def test_only_a_token_opens_it(api: Api) -> None:
    """No token, a wrong one, two, the cron secret, and one where proxies would log it."""
    right = api.tokens[Role.VIEWER]
    wrong: list[list[tuple[str, str]]] = [
        [],
        [("Authorization", f"Bearer {right}x")],
        [("Authorization", f"Basic {right}")],
        [("Authorization", f"Bearer {SECRET}")],
        [("Authorization", f"Bearer {right}"), ("Authorization", "Bearer other")],
    ]
    refused = [api.client.get(f"{HERE}/status", headers=one) for one in wrong]
    refused.append(api.client.get(f"{HERE}/status?token={right}"))
    assert {answer.status_code for answer in refused} == {401}
    assert {answer.headers["www-authenticate"] for answer in refused} == {"Bearer"}
    assert refused[0].json().keys() >= {"success", "error", "remedy", "timestamp", "requestId"}
    assert api.get("/status").status_code == 200


def test_wrong_tokens_count_with_wrong_secrets_and_the_right_one_still_passes(api: Api) -> None:
    elsewhere = TestClient(api.client.app, client=("192.0.2.7", 5000))
    for _ in range(10):
        assert elsewhere.get(f"{HERE}/status", headers=bearer("trueup_x")).status_code == 401
    flood = elsewhere.get(f"{HERE}/status", headers=bearer("trueup_x"))
    other_door = elsewhere.get("/api/jobs/1", headers=bearer("guessed"))
    assert (flood.status_code, other_door.status_code) == (429, 429)
    assert int(flood.headers["retry-after"]) > 0
    right = elsewhere.get(f"{HERE}/status", headers=bearer(api.tokens[Role.VIEWER]))
    assert right.status_code == 200
    assert api.client.get(f"{HERE}/status").status_code == 401


def test_a_token_ends_when_it_expires_and_when_it_is_revoked(api: Api, cli: Any) -> None:
    short = cli("token", "add", "short", "--lasts", "0.001s", "--json").document["token"]
    long = cli("token", "add", "long", "--role", "operator", "--by", MAKER, "--json").document
    assert cli("token", "add", "LONG").code == 2
    assert api.client.get(f"{HERE}/status", headers=bearer(long["token"])).status_code == 200
    assert api.client.get(f"{HERE}/status", headers=bearer(short)).status_code == 401
    assert cli("token", "revoke", "long").code == 0
    assert cli("token", "revoke", "long").code == 2
    assert api.client.get(f"{HERE}/status", headers=bearer(long["token"])).status_code == 401
    listed = {one["name"]: one for one in cli("token", "list", "--json").document["tokens"]}
    assert (listed["short"]["standing"], listed["long"]["standing"]) == ("expired", "revoked")
    assert listed["long"]["seen_at"] is not None
    assert long["token"] not in json.dumps(listed)
    deeds = [d for d in api.read("/deeds")["deeds"] if d["subject"] == "long"]
    assert [(d["action"], d["via"].partition(",")[0], d["who"] == MAKER) for d in deeds] == [
        ("revoked a token", "cli", False),
        ("made a token", "cli", True),
    ]


@pytest.mark.parametrize("path", ORDERS)
def test_a_role_may_do_what_it_may_and_no_more(api: Api, path: str) -> None:
    """Who may is judged by what was asked for: 2xx, 404 or 409, never 403."""
    needed, body = ORDERS[path]
    statuses = {role: api.post(path, role, body).status_code for role in Role}
    assert {role for role, status in statuses.items() if status != 403} == {
        role for role in Role if role.may(needed)
    }
    assert set(statuses.values()) <= {200, 202, 403, 404, 409}


def test_there_are_no_other_workspaces(api: Api) -> None:
    headers = bearer(api.tokens[Role.ADMIN])
    assert api.client.get("/api/v1/workspaces/acme/status", headers=headers).status_code == 404
    found = api.client.get("/api/v1/workspaces", headers=headers).json()
    assert found == {"workspaces": ["default"], "token": "admin", "role": "admin"}


# --- what is seen --------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS)
def test_it_says_what_the_command_says(api: Api, cli: Any, path: str) -> None:
    """The same keys, and where no clock is in them the same values."""
    found, said = api.read(path), cli(DOCUMENTS[path], "--json").document
    for document in (found, said):
        document.pop("now", None)
        document.pop("next", None)
    if path == "/settings":
        # The tests give other variables; which settings there are, and what is masked, is the same.
        assert [s["key"] for s in found["settings"]] == [s["key"] for s in said["settings"]]
        assert {s["value"] for s in found["settings"] if s["secret"]} <= {"set", "not set"}
        found, said = found["mapping"], said["mapping"]
    assert found == said


def test_a_run_and_what_it_changed(api: Api, cli: Any) -> None:
    said = cli("runs", "show", SECOND, "--json").document
    changes = said.pop("changes")
    assert api.read(f"/runs/{SECOND}") == api.read("/runs/last") == said
    assert api.read(f"/runs/{SECOND}/changes")["changes"] == changes
    assert api.pages(f"/runs/{SECOND}/changes?limit=1", "changes") == [[one] for one in changes]


def test_runs_page_by_page(api: Api) -> None:
    pages = api.pages("/runs?limit=1", "runs")
    assert [[run["run_id"] for run in page] for page in pages] == [[SECOND], [FIRST]]
    assert [run["run_id"] for run in api.read("/runs?state=partial")["runs"]] == [SECOND]


def test_products_searched_filtered_and_page_by_page(api: Api) -> None:
    everything = api.read("/products")["products"]
    assert [one["sku"] for one in everything] == [f"SKU-000{n}" for n in range(1, 6)]
    for order in ("sku", "name", "price"):
        pages = api.pages(f"/products?limit=2&order={order}", "products")
        assert [len(page) for page in pages] == [2, 2, 1]
        assert sorted(one["sku"] for page in pages for one in page) == [
            one["sku"] for one in everything
        ]
    found = {
        filters: [one["sku"] for one in api.read(f"/products?{filters}")["products"]]
        for filters in ("search=sku-0003", "crm=ok&billing=ok", "why=quarantined", "why=never")
    }
    assert list(found.values()) == [["SKU-0003"], ["SKU-0001"], ["SKU-0002"], ["SKU-0005"]]


def test_one_product(api: Api, cli: Any) -> None:
    found = api.read(f"/products/{FAILING}")
    assert (found["sku"], found["billing"]["standing"]) == ("SKU-0002", "failed")
    assert found["crm"]["quarantined"]
    assert {one["target"] for one in found["troubles"]} == {"crm", "billing"}
    shown = cli("products", "show", "SKU-0002", "--json").document
    assert (shown["troubles"], shown["records"]) == (found["troubles"], found["records"])
    never = cli("products", "--why", "never", "--json").document["products"]
    assert [one["sku"] for one in never] == ["SKU-0005"]
    said = cli("history", "SKU-0002", "--json").document
    assert api.read(f"/products/{FAILING}/history") == said


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/products/{NOTHING}", 404),
        ("/products/%00", 404),
        ("/products/FIB-100/history", 404),
        ("/runs/%00", 404),
        ("/runs/nothing/changes", 404),
        ("/jobs/9999999999999999999", 404),
        ("/jobs/999", 404),
        ("/products?serach=x", 400),
        ("/products?limit=0", 400),
        ("/products?limit=1&limit=2", 400),
        ("/products?standing=fine", 400),
        ("/products?after=x", 404),
        ("/products?after=WyJcdTAwMDAiLCAieCJd", 404),
        (f"/products?after={NOT_A_PRICE}&order=price", 404),
        ("/products?search=%00", 400),
        ("/runs?after=nothing", 404),
        ("/status?x=1", 400),
    ],
)  # fmt: skip
def test_what_is_not_there_or_not_understood(api: Api, path: str, status: int) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json()["success"]) == (status, False)


# --- what is asked for ---------------------------------------------------------------------


def test_a_job_is_asked_for_once_found_and_cancelled(api: Api) -> None:
    order = {"kind": "resync", "skus": ["SKU-0001"], "targets": ["crm"], "reason": "new price"}
    first = api.post("/jobs", Role.OPERATOR, order)
    assert first.status_code == 202, first.text
    job = first.json()
    asked = (job["kind"], job["trigger"], job["priority"], job["skus"], job["asked_by"])
    assert asked == ("sync", "resync", 100, ["SKU-0001"], "operator")
    merged = api.post("/jobs", Role.OPERATOR, order | {"skus": ["SKU-0002"]}).json()
    assert merged["job_id"] == job["job_id"]
    # Another target, another program, a dry run: none of these is the same order.
    others = [
        api.post("/jobs", Role.OPERATOR, order | {"targets": ["billing"]}),
        api.post("/jobs", Role.ADMIN, order),
        api.post("/jobs", Role.OPERATOR, {"kind": "sync", "dry_run": True}),
        api.post("/jobs", Role.OPERATOR, {"kind": "sync", "max_products": 5}),
    ]
    numbers = {job["job_id"], *(one.json()["job_id"] for one in others)}
    assert len(numbers) == 5
    alone = api.client.get(first.headers["location"], headers=bearer(api.tokens[Role.VIEWER]))
    assert sorted(alone.json()["skus"]) == ["SKU-0001", "SKU-0002"]
    assert numbers <= {one["job_id"] for one in api.read("/jobs")["open"]}
    for number in numbers:
        cancelled = api.post(f"/jobs/{number}/cancel", Role.OPERATOR).json()
        assert (cancelled["ending"], cancelled["cancelled_by"]) == ("cancelled", "operator")
        assert api.post(f"/jobs/{number}/cancel", Role.OPERATOR).status_code == 409
    [deed, *_] = [d for d in api.read("/deeds")["deeds"] if d["action"] == "asked for a re-sync"]
    assert deed["via"] == "api"


def test_nothing_is_started_by_a_wrong_order(api: Api) -> None:
    before = [one["job_id"] for one in api.read("/jobs")["open"]]
    wrong: list[tuple[str, Any, int]] = [
        ("/jobs", {"kind": "resync"}, 400),
        ("/jobs", {"kind": "prune"}, 400),
        ("/jobs", {"kind": "sync", "dryRun": True}, 400),
        ("/jobs", {"kind": "resync", "skus": ["NONE"]}, 404),
        ("/jobs", {"kind": "resync", "skus": [" "]}, 400),
        ("/jobs", {"kind": "resync", "skus": ["\x00"]}, 400),
        ("/jobs", {"kind": "sync", "max_products": 0}, 400),
        ("/jobs?dry_run=true", {"kind": "sync"}, 400),
        ("/adopt", {"sku": "SKU-0001", "target": "books", "remote_id": "1"}, 400),
        ("/adopt", {"sku": "NONE", "target": "crm", "remote_id": "1"}, 404),
        ("/held/approve", {"fingerprints": []}, 400),
        ("/held/approve", {}, 400),
        ("/runs/nothing/revert", {}, 404),
        (f"/runs/{FIRST}/revert", {"dry_run": "no"}, 400),
    ]
    found = [api.post(path, Role.ADMIN, body).status_code for path, body, _ in wrong]
    assert found == [status for *_, status in wrong]
    assert [one["job_id"] for one in api.read("/jobs")["open"]] == before


def test_a_decision_is_about_what_was_seen(api: Api) -> None:
    """All or nothing; a yes that is taken back, and a no that is taken back."""
    mark = mark_of(FALL)
    both = api.post("/held/approve", Role.APPROVER, {"fingerprints": [mark, "another"]})
    assert (both.status_code, both.json()["unknown"]) == (409, ["another"])
    assert api.read("/held")["groups"][0]["changes"][0]["state"] == "open"
    order = {"fingerprints": [mark], "reason": "agreed with sales", "later": True}
    yes = api.post("/held/approve", Role.APPROVER, order).json()
    assert (yes["decision"], yes["by"], yes["job_id"]) == ("approved", "approver", None)
    [change] = yes["changes"]
    assert (change["state"], change["fingerprint"]) == ("approved", mark)
    assert datetime.fromisoformat(yes["expires_at"]) > datetime.now(UTC) + timedelta(days=1)
    no = api.post("/held/reject", Role.ADMIN, {"fingerprints": [mark], "reason": "typing error"})
    assert [one["state"] for one in no.json()["changes"]] == ["rejected"]
    assert api.read("/held")["groups"] == []
    assert api.post("/held/reject", Role.ADMIN, {"fingerprints": [mark]}).status_code == 409
    again = api.post("/held/approve", Role.APPROVER, {"fingerprints": [mark]})
    job = api.read(f"/jobs/{again.json()['job_id']}")
    assert (job["kind"], job["asked_by"]) == ("approve", "approver")
    assert again.headers["location"].endswith(f"/jobs/{job['job_id']}")
    deeds = api.read("/deeds")["deeds"]
    [said_yes, *_] = [d for d in deeds if (d["who"], d["action"]) == ("approver", "approved")]
    [(field, before)], [after] = said_yes["before"].items(), said_yes["after"].values()
    assert (field.split()[-1], before, after) == ("Unit_Price", "899.00", "449.00")
    said = [(d["who"], d["action"], d["reason"]) for d in deeds]
    assert ("approver", "approved", "agreed with sales") in said
    assert ("admin", "rejected", "typing error") in said


def test_a_product_is_released_from_quarantine(api: Api) -> None:
    """Operators may; what held it back is in the list of deeds, and twice is once."""
    path = f"/products/{FAILING}/release"
    assert api.post(path, Role.VIEWER).status_code == 403
    found = api.post(path, Role.OPERATOR)
    assert (found.status_code, found.json()["crm"]["quarantined"]) == (200, False)
    assert api.post(path, Role.OPERATOR).json()["crm"] == found.json()["crm"]
    assert api.post(f"/products/{NOTHING}/release", Role.OPERATOR).status_code == 404
    deeds = [d for d in api.read("/deeds")["deeds"] if d["action"] == "released from quarantine"]
    assert [(d["subject"], d["before"]["crm"]) for d in deeds] == [
        ("SKU-0002", "pending"),
        ("SKU-0002", "quarantined"),
    ]


def test_no_text_of_a_token_is_kept(api: Api) -> None:
    with api.deployment.home.pool.connection() as connection:
        rows = connection.execute("select t::text from trueup.api_token as t").fetchall()
    assert rows
    assert not [text for text in api.tokens.values() if text in str(rows)]
    assert ApiTokens(api.deployment.home.pool).whose("trueup_" + "x" * 10_000) is None
