"""The pages of products, over a ledger that was written by hand: no target is asked."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import psycopg
import pytest
from fastapi.testclient import TestClient

from support import postgres
from support.agreement import a_catalogue_row
from support.ledgers import NOW, PostgresBench, a_change, a_result, an_outcome, key, offering
from support.served import deployed, settings_of
from trueup.deployment import Deployment
from trueup.domain.changes import Action, Status
from trueup.domain.jobs import Ending, Job, JobKind, JobOutcome
from trueup.domain.people import Role, Standing
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus
from trueup.postgres.importing import import_rows
from trueup.postgres.people import People
from trueup.web.app import make_app
from trueup.web.ui.session import FORM_FIELD

HOSTILE = "<script>alert(1)</script>/ 'a' \"b\""
COUNT = 120
BASE = "/w/default/products"
LINK = "https://crm.example/of/us/{id}"


@dataclass
class Room:
    """A served deployment, and what it keeps."""

    deployment: Deployment
    client: TestClient
    bench: PostgresBench

    def get(self, path: str, role: Role = Role.VIEWER, **query: Any) -> httpx2.Response:
        self.client.cookies.set("trueup_session", f"session-{role.value}")
        return self.client.get(path, params=query or None, follow_redirects=False)

    def post(self, path: str, role: Role = Role.OPERATOR, **fields: Any) -> httpx2.Response:
        token = _token(self.get(f"{BASE}/id/{_id(3)}", Role.OPERATOR).text)
        self.client.cookies.set("trueup_session", f"session-{role.value}")
        given = {FORM_FIELD: token, **fields}
        return self.client.post(path, data=given, follow_redirects=False)

    def skus(self, **query: Any) -> list[str]:
        """The SKUs of the first page."""
        answer = self.get(f"{BASE}.csv", **query)
        assert answer.status_code == 200, answer.text
        return [row["sku"] for row in csv.DictReader(answer.text.lstrip("\ufeff").splitlines())]

    def jobs(self) -> list[Job]:
        return list(self.deployment.queue.open_jobs())

    def deeds(self) -> list[Any]:
        return self.bench.sql("select action, subject from trueup.deed order by deed_id")


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _token(page: str) -> str:
    return page.split(f'name="{FORM_FIELD}" value="', 1)[1].split('"', 1)[0]


@pytest.fixture(scope="module")
def whole(postgres_server: str, template: str) -> Iterator[Room]:
    with postgres.fresh_database(postgres_server, template) as database:
        rows = [a_catalogue_row(number) for number in range(1, COUNT + 1)]
        rows[1] |= {"sku": HOSTILE, "name": "=cmd|' /C calc'!A0 <b>bold</b>"}
        rows[4] |= {"service_type": "wireless", "pricing": {"monthly": 5, "setup": 0}}
        with psycopg.connect(database, autocommit=True) as connection:
            import_rows(connection, rows)
        settings = replace(settings_of({"DATABASE_URL": database}), link_crm_product=LINK)
        with deployed(settings) as deployment:
            bench = PostgresBench(deployment.home.pool)
            _fill(bench)
            _hire(deployment)
            with TestClient(make_app(deployment)) as client:
                yield Room(deployment, client, bench)


@pytest.fixture
def room(whole: Room) -> Iterator[Room]:
    yield whole
    for job in whole.jobs():
        whole.deployment.queue.cancel(job.job_id, "the end of the test")


def _fill(bench: PostgresBench) -> None:
    """Number 1 agrees, 3 fails at Billing, 4 is quarantined there, 9999 left the catalogue."""
    fence = bench.take_over()
    crm, billing = [TargetName.CRM], [TargetName.BILLING]
    gone = offering(9)
    results = [
        a_result(_id(1), ProductStatus.OK),
        a_result(_id(3), ProductStatus.OK, targets=crm),
        a_result(_id(3), ProductStatus.FAILED, error="no such tax", targets=billing),
        a_result(_id(4), ProductStatus.FAILED, error="refused", permanent=True, targets=billing),
        a_result(gone, ProductStatus.OK),
    ]
    for result in results:
        bench.ledger.settle([result], "r1", fence, NOW)
    written = {"Product_Name": "Fibre 1", "Product_Code": "FIB-0001"}
    outcomes = [
        an_outcome(a_change(key("FIB-0001"), owner=_id(1), fields=written), remote_id="4611"),
        an_outcome(a_change(key("OLD-1"), owner=gone, fields=written), remote_id="4612"),
    ]
    bench.ledger.record(outcomes, "r1", fence)
    drift = a_change(key("FIB-0001"), Action.UPDATE, owner=_id(1), fields={"Product_Name": "New"})
    bench.ledger.record([an_outcome(drift, Status.FAILED)], "r2", fence)
    bench.ledger.note_absences("r1", fence)


def _hire(deployment: Deployment) -> None:
    people = People(deployment.home.pool)
    for role in Role:
        person = people.add(role.value, role.value.title(), role)
        assert person is not None
        people.change(person.person_id, standing=Standing.ACTIVE)
        people.open(person.person_id, f"session-{role.value}", "127.0.0.1")


# --- the list ------------------------------------------------------------------------------


def test_pages_follow_each_other_without_loss(room: Room) -> None:
    """Each product once, by each order, both ways."""
    for query in ({}, {"sort": "name"}, {"sort": "price", "down": "1"}, {"down": "1"}):
        found: list[str] = []
        path = BASE
        given: dict[str, Any] = dict(query)
        for _ in range(COUNT):
            answer = room.get(path, **given)
            assert answer.status_code == 200, answer.text
            page = answer.text
            found += [part.split('"')[0] for part in page.split(f'href="{BASE}/id/')[1:]]
            if "Next page" not in page:
                break
            path = page.split('">Next page')[0].rsplit('href="', 1)[1].replace("&amp;", "&")
            given = {}
        assert len(found) == len(set(found)) == COUNT + 1, query


def test_a_list_is_sorted(room: Room) -> None:
    skus = room.skus()
    assert skus[-1] == "SKU-1"  # what left the catalogue is in its place
    assert [*sorted(skus[1:-1])] == skus[1:-1]
    assert room.skus(sort="price")[1] == "FIB-0005"  # 5.00; the one without a price is before it
    assert room.skus(sort="price", down="1")[0] == f"FIB-{COUNT:04d}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "fib-0007"}, ["FIB-0007"]),
        ({"q": "Fibre 77"}, ["FIB-0077"]),
        ({"q": "100%"}, []),
        ({"family": "wireless"}, ["FIB-0005"]),
        ({"billing": "failed"}, ["FIB-0003", "FIB-0004"]),
        ({"billing": "failed", "crm": "ok"}, ["FIB-0003"]),
        ({"crm": "failed"}, []),
        ({"status": "ok"}, ["FIB-0001", "SKU-1"]),
        ({"status": "failed", "q": "4"}, ["FIB-0004"]),
        ({"why": "quarantined"}, ["FIB-0004"]),
        ({"why": "backing_off"}, []),  # its time has come long ago
        ({"why": "gone"}, ["SKU-1"]),
        ({"why": "decision"}, []),
        ({"error": "TAX"}, ["FIB-0003"]),
    ],
)
def test_filters_narrow(room: Room, query: dict[str, Any], expected: list[str]) -> None:
    assert room.skus(**query) == expected


def test_a_word_that_nobody_wrote_narrows_nothing(room: Room) -> None:
    odd: dict[str, Any] = {
        "status": "' or 1=1 --",
        "sort": "id; drop",
        "why": "x",
        "after": "FIB",
        "id": "no",
    }
    assert len(room.skus(**odd)) == COUNT + 1
    assert room.get(BASE, sort="price", after="NaN", id=_id(1)).status_code == 200


def test_never_compared_is_not_pending_work_that_failed(room: Room) -> None:
    assert len(room.skus(why="never")) == COUNT - 3
    assert "FIB-0004" in room.skus(crm="pending")


def test_rows_come_alone_for_the_script(room: Room) -> None:
    part = room.get(BASE, q="fib-0007", part="rows").text
    assert "<html" not in part
    assert "FIB-0007" in part
    assert "<html" in room.get(BASE, q="fib-0007").text


def test_an_empty_list_says_what_to_do(room: Room) -> None:
    assert "Show all" in room.get(BASE, q="nothing like it").text


def test_hostile_texts_are_texts(room: Room) -> None:
    """On the list, on the page, and in a spreadsheet."""
    for page in (room.get(BASE, q="<script>"), room.get(f"{BASE}/id/{_id(2)}")):
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<b>bold" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text
    assert "'=cmd|" in room.get(f"{BASE}.csv", q="<script>").text


# --- one product ---------------------------------------------------------------------------


def test_a_sku_of_any_signs_leads_to_its_product(room: Room) -> None:
    """In the query, and in the path."""
    for answer in (room.get(BASE, sku=HOSTILE), room.get(f"{BASE}/FIB-0001")):
        assert answer.status_code == 303
        assert room.get(answer.headers["location"]).status_code == 200


def test_an_unknown_sku_names_near_ones(room: Room) -> None:
    answer = room.get(BASE, sku="FIB-00077")
    assert answer.status_code == 404
    assert "FIB-0077" in answer.text
    for path in (f"{BASE}/no%20such", f"{BASE}/id/{_id(9999)}", f"{BASE}/id/nonsense"):
        assert room.get(path).status_code == 404


def test_a_product_shows_three_sides(room: Room) -> None:
    """The catalogue has a description that was never written; somebody there is not known."""
    page = room.get(f"{BASE}/id/{_id(1)}").text
    assert '<a href="https://crm.example/of/us/4611" rel="noreferrer external">' in page
    assert "Product_Name" in page
    assert "not known" in page
    assert "History" in page


def test_a_product_that_fails_says_why_and_what_helps(room: Room) -> None:
    failing = room.get(f"{BASE}/id/{_id(3)}").text
    assert "no such tax" in failing
    assert "Tried again from" in failing
    assert "release it from quarantine" in room.get(f"{BASE}/id/{_id(4)}").text


def test_a_product_that_left_is_shown(room: Room) -> None:
    page = room.get(f"{BASE}/id/{offering(9)}").text
    assert "gone from the catalogue" in page
    assert "4612" in page


def test_a_viewer_sees_no_button_and_may_press_none(room: Room) -> None:
    here = f"{BASE}/id/{_id(3)}"
    assert "Re-sync now" not in room.get(here).text
    assert room.get(f"{here}/adopt").status_code == 403
    for path in ("ask", "release", "adopt"):
        assert room.post(f"{here}/{path}", Role.VIEWER, what="resync").status_code == 403
    assert room.jobs() == []


def test_a_form_of_somebody_else_does_nothing(room: Room) -> None:
    here = f"{BASE}/id/{_id(3)}/ask"
    answer = room.post(here, what="resync", **{FORM_FIELD: "guessed"})
    assert (answer.status_code, room.jobs()) == (403, [])


@pytest.mark.parametrize(
    ("what", "target", "kind", "looks"),
    [
        ("resync", "", JobKind.SYNC, False),
        ("resync", "crm", JobKind.SYNC, False),
        ("look", "", JobKind.SYNC, True),
        ("verify", "", JobKind.VERIFY, False),
    ],
)
def test_a_button_asks_for_one_job(
    room: Room, what: str, target: str, kind: JobKind, *, looks: bool
) -> None:
    """Pressed twice it is one; who pressed it is written down, and the page says that it waits."""
    here = f"{BASE}/id/{_id(3)}"
    room.post(f"{here}/ask", what=what, target=target)
    answer = room.post(f"{here}/ask", what=what, target=target)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{here}?done={what}")
    [job] = room.jobs()
    asked, terms = job.request, job.request.terms
    assert (asked.kind, terms.skus, terms.dry_run) == (kind, ("FIB-0003",), looks)
    assert [t.value for t in terms.targets] == ([target] if target else ["crm", "billing"])
    assert (asked.asked_by, asked.priority) == ("Operator", 100)
    assert room.deeds()[-1][1] == "FIB-0003"
    page = room.get(answer.headers["location"]).text
    assert "No worker is alive" in page
    assert "by Operator" in page


def test_nonsense_asks_for_nothing(room: Room) -> None:
    here = f"{BASE}/id/{_id(3)}"
    assert room.post(f"{here}/ask", what="drop").status_code == 400
    assert room.post(f"{here}/ask", what="resync", target="moon").status_code == 400
    assert room.post(f"{BASE}/id/{_id(9999)}/ask", what="resync").status_code == 404
    assert room.post(f"{here}/adopt", target="crm").status_code == 400
    assert room.jobs() == []


def test_a_release_lifts_the_quarantine(room: Room) -> None:
    here = f"{BASE}/id/{_id(4)}"
    assert room.post(f"{here}/release").status_code == 303
    assert room.skus(why="quarantined") == []
    assert room.deeds()[-1] == ("released from quarantine", "FIB-0004")
    assert ">Release<" not in room.get(here, Role.OPERATOR).text


def test_an_adoption_is_a_job(room: Room) -> None:
    here = f"{BASE}/id/{_id(3)}"
    assert "Nothing is written to Zoho" in room.get(f"{here}/adopt", Role.OPERATOR).text
    fields: dict[str, Any] = {
        "target": "billing",
        "remote_id": " 98 ",
        "part": "plan",
        "reason": "the old one",
    }
    assert room.post(f"{here}/adopt", **fields).headers["location"] == f"{here}?done=adopt"
    [job] = room.jobs()
    terms = job.request.terms
    assert (job.request.kind, terms.remote_id, terms.part) == (JobKind.ADOPT, "98", "plan")
    assert (terms.targets, terms.reason) == ((TargetName.BILLING,), "the old one")


def test_what_a_look_found_is_shown(room: Room) -> None:
    """The page shows it, says when, and has a line of the configuration for it."""
    here = f"{BASE}/id/{_id(1)}"
    room.post(f"{here}/ask", what="look")
    [job] = room.jobs()
    change = {
        "kind": "crm_product", "code": "FIB-0001", "action": "update",
        "deltas": {"Product_Name": ["Somebody's name", "Fibre 1"]},
    }  # fmt: skip
    claimed = room.deployment.queue.claim(job.job_id, "somebody")
    assert claimed is not None
    report = {"changes": [change], "findings": []}
    room.deployment.queue.finish(claimed, JobOutcome(Ending.SUCCEEDED, report=report))
    page = room.get(here, Role.OPERATOR).text
    assert "Somebody&#39;s name" in page
    assert "Somebody changed it in CRM" in page
    asked: dict[str, Any] = {"kind": "crm_product", "field": "Product_Name"}
    ignore = room.get(f"{here}/ignore", **asked).text
    assert "[mapping.crm_product]" in ignore
    assert "Product_Name = { policy = &#34;ignore&#34; }" in ignore
    assert room.get(f"{here}/ignore", kind="crm_product", field="x").status_code == 404
