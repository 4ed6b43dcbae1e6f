"""What a plan or a run says of what it could not look at, or did not (spec law 12)."""

from __future__ import annotations

import pytest

from support.site import open_site
from trueup.zoho.scopes import SCOPES

CRM_ALONE = ",".join(scope for scope in SCOPES if scope.startswith("ZohoCRM."))


@pytest.mark.parametrize("verb", ["plan", "drift"])
def test_a_plan_without_a_target_is_one_document(verb: str, database_url: str) -> None:
    """With the changes at the other target, what is missing, and the exit code for it."""
    with open_site(database_url, products=1, options={"oauth": {"scope": CRM_ALONE}}) as site:
        told = site.call(verb, "--json")
        assert told.code == 4, str(told)
        assert {change["target"] for change in told.document["changes"]} == {"crm"}
        assert "ZohoSubscriptions" in told.document["error"]
        assert told.document["remedy"]
        assert told.stderr.count("trueup: ") == 1


def test_a_plan_that_saw_nothing_does_not_speak_of_agreement(database_url: str) -> None:
    """Neither as text nor by its exit code."""
    with open_site(database_url, products=1) as site:
        told = site.call("plan", ZOHO_CLIENT_SECRET="wrong")
        assert told.code == 4
        assert "Cannot tell" in told.stdout
        assert "agree" not in told.stdout


def test_what_is_not_due_is_not_said_to_agree(database_url: str) -> None:
    """A record that somebody edited since it was verified does not agree, and nobody looked."""
    with open_site(database_url, products=1) as site:
        assert site.call("run").code == 0
        for told in (site.call("plan"), site.call("run")):
            assert told.code == 0
            assert "Nothing is due" in told.stdout or "Nothing was due" in told.stdout
            assert "trueup drift" in told.stdout
            assert "agree with" not in told.stdout
        assert "both targets agree" in site.call("drift").stdout


def test_what_somebody_names_is_looked_at(database_url: str) -> None:
    """Whenever it was verified: a hand edit since then is found, and mended."""
    with open_site(database_url, products=2) as site:
        assert site.call("run").code == 0
        sku = site.rows[0]["sku"]
        site.console.edit("billing", "plans", sku, recurring_price=1)
        named = site.call("plan", "--sku", sku, "--json").document["changes"]
        assert [(c["code"], c["reason"]) for c in named] == [(sku, "drifted")]
        assert site.call("run", "--sku", sku).code == 0
        assert site.call("drift").code == 0


def test_refused_credentials_are_tried_once_a_run(database_url: str) -> None:
    """Both targets need them; every try costs one of ten tokens in ten minutes."""
    with open_site(database_url, products=1) as site:
        told = site.call("run", "--json", ZOHO_CLIENT_SECRET="wrong")
        assert told.code == 4
        assert told.document["requests"] == {"oauth": 1, "crm": 0, "billing": 0}
        assert "crm: the client secret" in told.document["error"]
        assert "billing: the client secret" in told.document["error"]


def test_a_catalogue_of_another_shape_is_a_matter_of_configuration(
    database_url: str,
) -> None:
    """Every column that is missing is named at once, with the key that mends it."""
    with open_site(database_url) as site:
        site.sql("create table goods (id uuid, sku text, name text)")
        (site.folder / "trueup.toml").write_text('[catalogue]\ntable = "goods"\n')
        for verb in ("plan", "run", "status"):
            told = site.call(verb)
            said = told.stdout + told.stderr
            assert told.code == 2, str(told)
            assert "column description of goods" in said
            assert "nor can service_type" in said
            assert "columns.description" in said


def test_columns_that_are_null_do_not_disturb_the_status(database_url: str) -> None:
    """The remedy of a missing column is `null`, also for an instant, which needs its type."""
    with open_site(database_url, products=1) as site:
        (site.folder / "trueup.toml").write_text(
            '[catalogue.columns]\nvalid_from = "null"\nvalid_to = "null"\n'
        )
        for verb in ("status", "plan", "run"):
            told = site.call(verb)
            assert told.code == 0, str(told)


def test_the_reserve_is_not_for_a_run_that_nobody_watches(database_url: str) -> None:
    """A scheduled run stops before it; a person's `resync` goes on."""
    reserve = {"TRUEUP_DAILY_BUDGET": "40", "TRUEUP_DAILY_RESERVE": "39"}
    with open_site(database_url, products=1, **reserve) as site:
        scheduled = site.call("run", "--json")
        assert scheduled.document["requests"] == {"oauth": 1, "crm": 0, "billing": 0}
        assert "budget of requests per day is used up" in scheduled.document["error"]
        asked = site.call("resync", site.rows[0]["sku"], "--json")
        assert asked.code == 0, str(asked)


def test_what_failed_and_could_not_be_looked_up_has_failed(database_url: str) -> None:
    """The summary says of a lost create what `trueup errors` says."""
    with open_site(database_url, products=2) as site:
        site.console.weather({"match": {"service": "crm", "method": "POST"}, "do": "reset_after"})
        told = site.call("run", "--json")
        assert told.code == 1
        assert told.document["summary"]["crmFailed"] == 2
        assert {r["crm"]["status"] for r in told.document["results"]} == {"failed"}
        assert site.call("errors", "--json").document["counts"]["failing"] == 2
