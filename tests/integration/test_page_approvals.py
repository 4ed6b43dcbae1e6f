"""The pages of approvals and of reverts, over an emulated organisation; a worker when asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from support import postgres
from support.agreement import a_catalogue_row, writes
from support.pages import Pages, open_pages, session
from support.site import Site, open_site
from trueup.domain.jobs import Ending, JobKind, JobOutcome, JobRequest, Priority, Terms
from trueup.domain.people import Role
from trueup.domain.records import TargetName
from trueup.domain.runs import Trigger
from trueup.jobs.carrying import carry_out
from trueup.jobs.reverting import still_to_do
from trueup.reconcile.applying import Brake

APPROVALS = "/w/default/approvals"
DECIDE = f"{APPROVALS}/decide"
ANN = "Approver Example"
FELL, ROSE, THIRD, BROKEN = (f"FIB-000{number}" for number in range(1, 5))


@pytest.fixture(scope="module")
def site(postgres_server: str, template: str) -> Iterator[Site]:
    """Four products in agreement, of which one fell, two rose too far, and one has no price."""
    with (
        postgres.fresh_database(postgres_server, template) as url,
        open_site(url, products=4) as found,
    ):
        assert found.call("run").code == 0
        prices = [(1, 100), (2, 2000), (3, 3000), (4, 0)]
        found.fill([a_catalogue_row(number, monthly=monthly) for number, monthly in prices])
        assert found.call("run").code == 3
        yield found


@pytest.fixture(scope="module")
def pages(site: Site) -> Iterator[Pages]:
    with open_pages(site.env) as found:
        yield found


def tokens(pages: Pages, sku: str, target: str = "crm") -> list[str]:
    """The boxes of a product's changes at a target, as the page has them."""
    page = pages.get(APPROVALS, Role.APPROVER).text
    kind = "crm_product" if target == "crm" else "billing"
    return re.findall(rf'value="([\w-]+)" aria-label="{sku}, {kind}', page)


def crm_price(site: Site, sku: str) -> float:
    [one] = [r for r in site.console.records("crm") if r["Product_Code"] == sku]
    return float(one["Unit_Price"])


def decide(pages: Pages, verb: str, chosen: str, **more: str) -> str:
    """Say so on the page that asks; where it leads."""
    form = f"{DECIDE}?verb={verb}&c={chosen}"
    fields = {"verb": verb, "c": chosen, "reason": "agreed with sales", **more}
    answer = pages.post(DECIDE, fields, Role.APPROVER, form=form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_what_waits_and_who_may_decide(site: Site, pages: Pages) -> None:
    """A viewer reads all of it; only an approver is shown buttons, and only one's word counts."""
    seen = pages.text(APPROVALS)
    for words in (
        "wait for a decision",
        "A price falls too far, at CRM",
        "price_fall: 80.04 % (limit 30 %, set by guards.price_fall)",
        "Unit price 501.00 → becomes 100.00 -80.04 % the catalogue changed",
        "A price rises too far, at Billing",
        "Held by what the row says",
        "Somebody with the role approver decides",
    ):
        assert words in seen, seen
    [row] = re.findall(r"FIB-0004 (.{10,200}?) (?:CRM|Billing)", seen)
    assert "price" in row
    assert "Approve the chosen" not in seen
    assert "Approve the chosen" in pages.text(APPROVALS, Role.APPROVER)

    [one] = tokens(pages, FELL)
    sent = {"verb": "approve", "c": one, "reason": "mine"}
    for role in (Role.VIEWER, Role.OPERATOR):
        assert pages.get(f"{DECIDE}?verb=approve&c={one}", role).status_code == 403
        assert pages.post(DECIDE, sent, role, form="/w/default").status_code == 403
    forged = pages.client.post(DECIDE, data=sent, headers=session(Role.APPROVER))
    assert forged.status_code == 403
    assert crm_price(site, FELL) == 501


def test_words_that_no_form_of_ours_says(pages: Pages) -> None:
    for asked, status in (
        ("verb=burn&c=1-open-0", 400),
        ("verb=approve&c=x", 400),
        ("verb=approve&all=price_fall:moon&upto=9", 404),
        ("verb=approve&all=price_fall:crm&upto=-1", 400),
        (f"verb=approve&c={'9' * 40}-open-0", 400),
        ("verb=approve&c=%C2%B2-open-0", 400),
        ("verb=approve&c=999999-open-0", 200),
        ("verb=approve", 200),
    ):
        assert pages.get(f"{DECIDE}?{asked}", Role.APPROVER).status_code == status, asked
    assert "No change was chosen" in pages.text(f"{DECIDE}?verb=approve", Role.APPROVER)
    assert pages.get(f"{APPROVALS}/by/takeover/crm").status_code == 404


def test_a_yes_to_one_change_is_made_by_a_worker(site: Site, pages: Pages) -> None:
    """What follows is said before, a reason is asked for, a stopped worker hands it on."""
    [one] = tokens(pages, FELL)
    asked = pages.text(f"{DECIDE}?verb=approve&c={one}", Role.APPROVER)
    for words in (
        "Approve 1 change of 1 product?",
        "At CRM : 1 price in 1 record. About 1 request to write",
        "No worker is alive",
        "it is not written, and you are asked again",
    ):
        assert words in asked, asked
    form = f"{DECIDE}?verb=approve&c={one}"
    silent = {"verb": "approve", "c": one, "reason": " "}
    assert pages.post(DECIDE, silent, Role.APPROVER, form=form).status_code == 400
    assert tokens(pages, FELL) == [one]

    where = decide(pages, "approve", one)
    assert re.fullmatch(r"/w/default/jobs/\d+", where)
    assert "Approved, and not made yet" in pages.text(APPROVALS)
    handed = interrupted(pages)
    assert (handed.ending, crm_price(site, FELL)) == (None, 501)
    [done] = pages.work()
    assert (done.ending, done.report["fates"]) == (Ending.SUCCEEDED, {"applied": 1})
    assert (crm_price(site, FELL), crm_price(site, ROSE)) == (100, 502)
    resumed = site.sql("select resumes from trueup.run where run_id = %s", done.run_id)
    assert resumed == [(handed.run_id,)]
    assert pages.get(where).headers["location"] == f"/w/default/runs/{done.run_id}"
    assert tokens(pages, FELL) == []
    deed = (ANN, "approved", f"1 change of {FELL}", "agreed with sales")
    assert deed in pages.deeds()
    past = site.call("history", FELL, "--json").document["changes"]
    assert ("approved", ANN) in {(c["status"], c["actor"]) for c in past}


def interrupted(pages: Pages) -> JobOutcome:
    """A worker that was stopped as soon as it began the job that waits hands it back."""
    [waits] = pages.deployment.queue.open_jobs()
    job = pages.deployment.queue.claim(waits.job_id, "a worker that is stopped")
    assert job is not None
    brake = Brake()
    brake.pull("the worker was stopped", hand_over=True)
    outcome = carry_out(pages.deployment, job, brake)
    assert pages.deployment.queue.finish(job, outcome)
    return outcome


def test_a_no_can_be_taken_up_again_and_left_to_the_next_run(site: Site, pages: Pages) -> None:
    [one] = tokens(pages, ROSE)
    assert decide(pages, "reject", one) == f"{APPROVALS}?done=rejected"
    seen = pages.text(f"{APPROVALS}?done=rejected", Role.APPROVER)
    assert f"Rejected by {ANN}" in seen
    assert "Nobody is asked again until the catalogue wants something else" in seen
    assert tokens(pages, ROSE) == []

    page = pages.get(APPROVALS, Role.APPROVER).text
    [again] = re.findall(r"verb=approve&amp;c=([\w-]+-rejected-[\w-]+)", page)
    assert decide(pages, "approve", again, when="later") == f"{APPROVALS}?done=later"
    assert pages.work() == []
    assert "Approved, and not made yet" in pages.text(APPROVALS, Role.APPROVER)
    assert site.call("run", "--sku", ROSE).code in (0, 3)
    assert crm_price(site, ROSE) == 2000


def test_two_people_never_decide_over_each_others_heads(site: Site, pages: Pages) -> None:
    """What somebody else said no to meanwhile is not approved by an old page."""
    [one] = tokens(pages, THIRD)
    decide(pages, "reject", one)
    assert decide(pages, "approve", one) == f"{APPROVALS}?done=moved"
    assert "Nothing was decided" in pages.text(f"{APPROVALS}?done=moved")
    assert "was decided by somebody else" in pages.text(
        f"{DECIDE}?verb=approve&c={one}", Role.APPROVER
    )
    assert pages.work() == []
    assert crm_price(site, THIRD) == 503


def test_all_of_a_class_up_to_what_was_seen(site: Site, pages: Pages) -> None:
    """One that came later is no part of it."""
    page = pages.get(APPROVALS, Role.APPROVER).text
    [upto] = re.findall(r"verb=approve&amp;all=price_rise:billing&amp;upto=(\d+)", page)
    one = pages.text(f"{APPROVALS}/by/price_rise/billing", Role.APPROVER)
    assert THIRD in one
    form = f"{DECIDE}?verb=approve&all=price_rise:billing&upto={upto}"
    assert "Approve 4 changes of 2 products?" in pages.text(form, Role.APPROVER)
    assert "Nothing to approve" in pages.text(form.replace(f"upto={upto}", "upto=1"), Role.APPROVER)
    fields = {"verb": "approve", "all": "price_rise:billing", "upto": upto, "reason": "yes"}
    assert pages.post(DECIDE, fields, Role.APPROVER, form=form).status_code == 303

    site.fill([a_catalogue_row(3, monthly=503)])  # the catalogue moves before a worker comes
    [done] = pages.work()
    assert done.report["fates"] == {"applied": 2, "stale": 2}
    assert done.ending is Ending.HELD
    assert "2 approved changes are stale" in pages.text(APPROVALS)
    [waits] = site.call("held", "--json").document["groups"]
    assert (waits["rule"], waits["skus"]) == ("price_fall", [FELL])  # Billing, not decided yet


def test_a_plan_and_what_waits_for_it_go_together(site: Site, pages: Pages) -> None:
    """A new version of a plan is approved; the old one, which waits for it, retires with it."""
    [one] = tokens(pages, FELL, "billing")
    asked = pages.text(f"{DECIDE}?verb=approve&c={one}", Role.APPROVER)
    assert "Approve 2 changes of 1 product?" in asked
    assert "1 of them goes along" in asked
    assert "At Billing : 1 price in 2 records, 1 of them new, 1 made inactive" in asked
    decide(pages, "approve", one)
    [done] = pages.work()
    assert done.report["fates"] == {"applied": 2}
    assert "Nothing waits for a decision" in pages.text(APPROVALS)


def test_a_run_is_looked_at_and_then_taken_back(site: Site, pages: Pages) -> None:
    """Exactly what was shown, with a reason; taken back twice it finds nothing left."""
    run_id = made_by_approval(site)
    where = f"/w/default/runs/{run_id}/revert"
    assert pages.get(where, Role.OPERATOR).status_code == 403
    assert pages.get("/w/default/runs/none/revert", Role.APPROVER).status_code == 404
    assert pages.get(f"{where}?job=1", Role.APPROVER).status_code == 404  # an approval's

    look = pages.post(f"{where}/look", {}, Role.APPROVER, form=where).headers["location"]
    assert "A worker looks at what the run wrote" in pages.text(look, Role.APPROVER)
    early = {"job": look.partition("=")[2], "reason": "too early"}
    assert pages.post(where, early, Role.APPROVER, form=where).status_code == 409
    before = site.console.sent()
    pages.work()
    shown = pages.text(look, Role.APPROVER)
    assert crm_price(site, FELL) == 100
    assert f"{FELL} crm product {FELL} Unit_Price 100.00 501.00" in shown, shown
    assert "1 record of 1 product goes back" in shown
    assert site.console.sent() > before

    job = {"job": look.partition("=")[2]}
    assert pages.post(where, job, Role.APPROVER, form=look).status_code == 400
    asked = pages.post(where, {**job, "reason": "a typing \0error"}, Role.APPROVER, form=look)
    assert asked.status_code == 303
    [done] = pages.work()
    assert (done.ending, crm_price(site, FELL)) == (Ending.SUCCEEDED, 501)
    assert left_to_do(pages, asked.headers["location"], done.run_id) == []
    told = pages.text(asked.headers["location"], Role.APPROVER)
    assert "Taken back" in told
    assert "See the run that did it" in told
    assert pages.deeds()[-1] == (ANN, "reverted", f"run {run_id}, 1 change", "a typing error")

    again = pages.post(f"{where}/look", {}, Role.APPROVER, form=where).headers["location"]
    pages.work()
    assert "Nothing to take back" in pages.text(again, Role.APPROVER)
    late = pages.post(where, {**job, "reason": "twice"}, Role.APPROVER, form=look)
    [idle] = pages.work()
    assert (idle.ending, idle.report["stale"]) == (Ending.FAILED, 1)
    assert "1 of the changes shown were not made" in pages.text(
        late.headers["location"], Role.APPROVER
    )
    site.fill([a_catalogue_row(4)])
    assert site.call("run").code in (0, 3)
    before = site.console.journal()[-1]["number"]
    assert site.call("run").code in (0, 3)
    assert writes(site.console.journal(before)) == []


def left_to_do(pages: Pages, location: str, so_far: str) -> list[dict[str, object]] | None:
    """What a second attempt at the job would still make, after one that was this run."""
    job = pages.deployment.queue.get(int(location.partition("=")[2]))
    assert job is not None
    assert job.request.terms.exactly
    with pages.deployment.open(pages.deployment.settings("default")) as app:
        return still_to_do(app, job.request.terms, so_far)


def test_an_adoption_is_a_job(site: Site, pages: Pages) -> None:
    """It binds once, says what follows, and writes nothing; the other way round too."""
    [own] = [r for r in site.console.records("crm") if r["Product_Code"] == FELL]
    site.console.add("crm", "products", Product_Name="Their own", Product_Code=f"{FELL}-B")
    [other] = [r for r in site.console.records("crm") if r["Product_Name"] == "Their own"]
    before = site.console.journal()[-1]["number"]
    request = JobRequest("default", JobKind.ADOPT, Trigger.ADOPT, Priority.PERSON, asked_by=ANN)
    for remote_id, was in ((other["id"], own["id"]), (own["id"], other["id"])):
        terms = Terms((FELL,), (TargetName.CRM,), remote_id=str(remote_id), reason="this one")
        for first in (True, False):
            pages.deployment.queue.ask(replace(request, terms=terms))
            [done] = pages.work()
            assert done.ending is Ending.SUCCEEDED
            assert (done.report["run_id"] is not None, done.report["by"]) == (first, ANN)
            assert done.message.startswith(f"crm {remote_id} ")
            assert done.report["before"] == (str(was) if first else None)
            assert done.report["plan"]["counts"].keys() >= {"changes", "held"}
    assert writes(site.console.journal(before)) == []

    pages.deployment.queue.ask(replace(request, terms=Terms((FELL,))))
    [refused] = pages.work()
    assert refused.ending is Ending.FAILED
    assert refused.message == "an adoption names one product, one target and one record"


def made_by_approval(site: Site) -> str:
    """The first run that carried an approval out."""
    query = (
        "select run_id from trueup.run where trigger = 'approval' and state = 'succeeded'"
        " order by started_at limit 1"
    )
    [(run_id,)] = site.sql(query)
    return str(run_id)
