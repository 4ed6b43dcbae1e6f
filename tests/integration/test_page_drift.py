"""The pages of drift and of duplicates, over an emulated organisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support import postgres
from support.deeds import BY_LOGIN, deeds
from support.pages import Pages, open_pages, session
from support.site import Site, open_site
from trueup.domain.jobs import Ending
from trueup.domain.people import Role

DRIFT, DUPLICATES = "/w/default/drift", "/w/default/duplicates"


@pytest.fixture(scope="module")
def site(postgres_server: str, template: str) -> Iterator[Site]:
    """Three products, in agreement."""
    with (
        postgres.fresh_database(postgres_server, template) as url,
        open_site(url, products=3) as found,
    ):
        assert found.call("run").code == 0
        yield found


@pytest.fixture(scope="module")
def pages(site: Site) -> Iterator[Pages]:
    with open_pages(site.env) as found:
        yield found


def crm(site: Site, sku: str) -> dict[str, Any]:
    [found] = [r for r in site.console.records("crm") if r["Product_Code"] == sku]
    return dict(found)


def look(pages: Pages) -> str:
    """Press the button, let it be done, and read the page."""
    asked = pages.post(f"{DRIFT}/look", {}, Role.OPERATOR, form=DRIFT)
    assert (asked.status_code, asked.headers["location"]) == (303, f"{DRIFT}?done=look")
    waiting = pages.text(f"{DRIFT}?done=look", Role.OPERATOR)
    assert "What is found appears here" in waiting
    assert "No worker is alive" in waiting
    pages.work()
    return pages.text(DRIFT, Role.OPERATOR)


def test_a_look_finds_what_was_changed_and_a_repair_puts_it_right(site: Site, pages: Pages) -> None:
    """Some of it, then all of it; and a look after it finds nothing."""
    assert "Nobody has looked for drift yet" in pages.text(DRIFT)
    assert pages.get(f"{DRIFT}/repair?all=1", Role.OPERATOR).status_code == 409
    assert "All 3 products agree" in look(pages)

    site.console.edit("crm", "products", crm(site, "FIB-0001")["id"], Unit_Price=1.5)
    site.console.edit("crm", "products", crm(site, "FIB-0002")["id"], Product_Name="<b>Mine</b>")
    site.console.edit("billing", "plans", "FIB-0003", name="Theirs")
    seen = look(pages)
    assert "3 of 3 products differ" in seen
    assert "asked by Operator Example" in seen
    assert "Unit price 1.50 → 501.00 somebody changed it in CRM" in seen
    assert "Product name <b>Mine</b> → Fibre 2 somebody changed it in CRM" in seen
    assert "<b>Mine" not in pages.get(DRIFT).text

    assert "FIB-0001" not in pages.text(f"{DRIFT}?target=billing")
    only = pages.text(f"{DRIFT}?who=theirs&field=Unit_Price&page=7")
    assert "FIB-0001" in only
    assert "FIB-0002" not in only
    assert "Nothing of it matches" in pages.text(f"{DRIFT}?who=ours")
    assert "FIB-0002" in pages.text(f"{DRIFT}?who=nobody&target=moon&page=0")

    one = pages.text(f"{DRIFT}/repair?sku=FIB-0001&sku=NONE-1", Role.OPERATOR)
    assert "Repair 1 product?" in one
    assert "About 1 record will be written at CRM" in one
    assert "at Billing" not in one
    form = f"{DRIFT}/repair?sku=FIB-0001"
    sent = {"sku": ["FIB-0001"], "reason": "as agreed"}
    asked = pages.post(f"{DRIFT}/repair", sent, Role.OPERATOR, form=form)
    assert asked.headers["location"] == f"{DRIFT}?done=repair"
    [done] = pages.work()
    assert done.ending is Ending.SUCCEEDED
    assert (crm(site, "FIB-0001")["Unit_Price"], crm(site, "FIB-0002")["Product_Name"]) == (
        501,
        "<b>Mine</b>",
    )
    now = pages.text(DRIFT, Role.OPERATOR)
    assert "1 was written since" in now
    assert "applied" in now
    assert pages.deeds()[-1] == ("Operator Example", "asked for a repair", "FIB-0001", "as agreed")

    everything = pages.text(f"{DRIFT}/repair?all=1", Role.OPERATOR)
    assert "About 1 record will be written at CRM" in everything
    assert "About 1 record will be written at Billing" in everything
    pages.post(f"{DRIFT}/repair", {"all": "1"}, Role.OPERATOR, form=form)
    pages.work()
    after = look(pages)
    assert "All 3 products agree" in after
    assert "Earlier looks" in after
    site.assert_nothing_left()


def test_who_may_not_and_what_names_nothing_changes_nothing(site: Site, pages: Pages) -> None:
    """Above all: a repair of nothing is not a repair of everything."""
    site.console.edit("crm", "products", crm(site, "FIB-0001")["id"], Unit_Price=7)
    look(pages)
    viewed = pages.text(DRIFT)
    assert "An operator can look now" in viewed
    assert "Repair" not in viewed
    form, nothing = f"{DRIFT}/repair?all=1", {"sku": ["NONE-1"]}
    for path, fields in ((f"{DRIFT}/look", {}), (f"{DRIFT}/repair", {"all": "1"})):
        stranger = pages.client.post(path, data=fields)
        assert stranger.url.path == "/login"
        forged = fields | {"form_token": "made up"}
        for role in (Role.OPERATOR, Role.VIEWER):
            refused = pages.client.post(path, data=forged, headers=session(role))
            assert refused.status_code == 403
    for fields in ({}, nothing):
        refused = pages.post(f"{DRIFT}/repair", fields, Role.OPERATOR, form=form)
        assert refused.status_code == 400
    assert pages.get(f"{DRIFT}/repair", Role.OPERATOR).status_code == 400
    assert not pages.deployment.queue.open_jobs()
    assert crm(site, "FIB-0001")["Unit_Price"] == 7


def test_a_target_that_cannot_be_read_is_said_to_be_unknown(site: Site, pages: Pages) -> None:
    site.console.weather({"match": {"service": "crm"}, "do": "error_html", "status": 503})
    try:
        seen = look(pages)
    finally:
        site.console.good_weather()
    assert "crm could not be read, so that nothing is known of it" in seen
    assert "agree" not in seen
    assert "failed A look at everything" in seen


def test_the_browser_is_told_how_far_a_look_has_come_and_when_it_is_over(
    site: Site, pages: Pages
) -> None:
    pages.post(f"{DRIFT}/look", {}, Role.OPERATOR, form=DRIFT)
    [job] = pages.deployment.queue.open_jobs()
    address = f"/w/default/jobs/{job.job_id}/moves"
    assert f'data-moves="{address}" data-stands="waiting"' in pages.get(DRIFT).text
    site.sql(
        "insert into trueup.look_progress values (%s, 'reading billing_plan', 1200)", job.job_id
    )
    site.sql("update trueup.job set state = 'running' where job_id = %s", job.job_id)
    assert "reading billing plan; 1,200 records read so far" in pages.text(DRIFT)
    site.sql("update trueup.job set state = 'waiting' where job_id = %s", job.job_id)

    pages.work()
    # Three products are a product in each target, a plan and an item each.
    told = site.sql("select job_id, records from trueup.look_progress")
    assert told == [(job.job_id, 3 * 4)]
    assert "event: over" in pages.get(address).text
    assert pages.get("/w/default/jobs/999999/moves").status_code == 404
    assert "data-moves" not in pages.get(DRIFT).text


def test_a_duplicate_is_shown_and_the_right_one_adopted(site: Site, pages: Pages) -> None:
    """The copy becomes the product's record; the one before is left alone."""
    site.call("drift", "--repair")
    assert deeds(site)[-1] == (*BY_LOGIN, "asked for a repair", "everything", "")
    assert "Nobody has searched for duplicates yet" in pages.text(DUPLICATES)
    ours = crm(site, "FIB-0002")
    kept = {n: ours[n] for n in ("Product_Name", "Product_Active")}
    site.console.add("crm", "products", Product_Code="fib-0002", Unit_Price=9, **kept)
    copy = crm(site, "fib-0002")["id"]

    pages.post(f"{DUPLICATES}/search", {}, Role.OPERATOR, form=DUPLICATES)
    [found] = pages.work()
    assert (found.ending, found.report["groups"]) == (Ending.DIFFERS, 1)
    seen = pages.text(DUPLICATES, Role.OPERATOR)
    assert "1 group of records may be one thing twice" in seen
    assert "CRM product, code “FIB-0002” probably one thing" in seen
    assert f"make {copy} inactive at Zoho" in seen
    assert "Adopt…" not in pages.text(DUPLICATES)
    assert "CRM product" not in pages.text(f"{DUPLICATES}?why=name")

    offer = f"{DUPLICATES}/adopt?kind=crm_product&id={copy}"
    asks = pages.text(offer, Role.OPERATOR)
    assert "Is this the record of FIB-0002 at CRM?" in asks
    assert f"Until now it was {ours['id']}" in asks
    assert pages.get(f"{DUPLICATES}/adopt?kind=crm_product&id=1", Role.OPERATOR).status_code == 404
    assert pages.get(offer).status_code == 403

    fields = {"kind": "crm_product", "id": copy, "reason": "it has the quotes"}
    asked = pages.post(f"{DUPLICATES}/adopt", fields, Role.OPERATOR, form=offer)
    assert asked.headers["location"] == f"{DUPLICATES}?done=adopt"
    [bound] = pages.work()
    assert (bound.ending, bound.report["remote_id"]) == (Ending.SUCCEEDED, copy)
    assert pages.deeds()[-1] == (
        "Operator Example",
        "adopted",
        "FIB-0002",
        "it has the quotes",
    )
    assert "A binding has changed since the search" in pages.text(DUPLICATES)
    assert pages.get(offer, Role.OPERATOR).status_code == 404


def test_what_a_command_finds_is_on_the_page(site: Site, pages: Pages) -> None:
    """Unless it left something out."""
    key = crm(site, "FIB-0001")["id"]
    site.console.edit("crm", "products", key, Unit_Price=7, Product_Name="Fibre 3")
    site.console.edit("billing", "plans", "FIB-0003", name="Theirs again")
    assert site.call("drift", "--target", "crm").code == 1
    assert "3 of 3 products differ" not in pages.text(DRIFT)
    assert site.call("drift").code == 1
    seen = pages.text(DRIFT)
    assert "3 of 3 products differ" in seen
    assert f"asked by {BY_LOGIN[0]}" in seen
    assert site.call("duplicates", "--no-near").code == 1
    assert f"asked by {BY_LOGIN[0]}" not in pages.text(DUPLICATES)
    [group] = site.call("duplicates", "--json").document["groups"]
    seen = pages.text(DUPLICATES)
    assert f"asked by {BY_LOGIN[0]}" in seen
    assert f"“{group['shared']}”" in seen
    asked = [action for *_, action, _, _ in deeds(site)[-4:]]
    assert asked == ["asked for a look for drift"] * 2 + ["asked for a search for duplicates"] * 2
    assert site.call("drift", "--repair").code == 3  # what was adopted is far from its price
    assert site.call("approve", "last", "--yes").code == 0
    site.assert_nothing_left()
