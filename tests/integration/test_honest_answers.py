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
        sku = site.rows[0]["sku"]
        for told in (site.call("plan", "--sku", sku), site.call("run", "--sku", sku)):
            assert told.code == 0
            assert "Nothing is due" in told.stdout or "Nothing was due" in told.stdout
            assert "trueup drift" in told.stdout
            assert "agree with" not in told.stdout
        assert "both targets agree" in site.call("drift").stdout


def test_refused_credentials_are_tried_once_a_run(database_url: str) -> None:
    """Both targets need them; every try costs one of ten tokens in ten minutes."""
    with open_site(database_url, products=1) as site:
        told = site.call("run", "--json", ZOHO_CLIENT_SECRET="wrong")
        assert told.code == 4
        assert told.document["requests"] == {"oauth": 1, "crm": 0, "billing": 0}
        assert "crm: the client secret" in told.document["error"]
        assert "billing: the client secret" in told.document["error"]
