"""Data centres are named exactly, permissions by call."""

import pytest

from trueup.domain.errors import UsageError
from trueup.zoho.regions import REGIONS, Hosts, region
from trueup.zoho.scopes import SCOPES, needed

API = "https://www.zohoapis.eu"


def test_ten_regions_each_with_its_own_hosts() -> None:
    """Every data centre of the fact sheet is there, and none shares a host."""
    assert list(REGIONS) == ["US", "EU", "IN", "AU", "CN", "JP", "CA", "SA", "UK", "AE"]
    assert (
        len({r.api_url for r in REGIONS.values()} | {r.accounts_url for r in REGIONS.values()})
        == 20
    )


@pytest.mark.parametrize(("written", "name"), [("us", "US"), (" eu ", "EU"), ("UK", "UK")])
def test_a_region_is_found_in_any_case(written: str, name: str) -> None:
    assert name == region(written).name


@pytest.mark.parametrize(("written", "guess"), [("EUR", "EU"), ("USA", "US"), ("gb", "UK")])
def test_an_unknown_region_lists_all_and_guesses(written: str, guess: str) -> None:
    """Unknown is an error that helps, never silently the United States."""
    with pytest.raises(UsageError) as caught:
        region(written)
    assert f"did you mean {guess}?" in caught.value.remedy
    assert all(name in caught.value.remedy for name in REGIONS)


def test_the_api_host_is_override_then_token_then_region() -> None:
    """An override wins over the token's domain, and that over the region."""
    plain, sandbox = Hosts(region("US")), Hosts(region("US"), api_override="http://127.0.0.1:8080/")
    assert plain.api() == "https://www.zohoapis.com"
    assert plain.api(API) == API
    assert sandbox.api(API) == "http://127.0.0.1:8080"


def test_uploads_go_to_the_content_host_unless_overridden() -> None:
    assert Hosts(region("EU")).content() == "https://content.zohoapis.eu"
    assert Hosts(region("EU"), api_override="http://x").content() == "http://x"


def test_the_console_is_at_the_same_data_centre() -> None:
    assert region("CA").console_url == "https://api-console.zohocloud.ca"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/crm/v8/Products", "ZohoCRM.modules.products.READ"),
        ("POST", "/crm/v8/Products", "ZohoCRM.modules.products.CREATE"),
        ("PUT", "/crm/v8/Products", "ZohoCRM.modules.products.UPDATE"),
        ("GET", "/crm/v8/settings/fields", "ZohoCRM.settings.fields.READ"),
        ("POST", "/crm/v8/coql", "ZohoCRM.coql.READ"),
        ("GET", "/crm/v8/org", "ZohoCRM.org.READ"),
        ("PUT", "/billing/v1/plans/FIB-1", "ZohoSubscriptions.plans.UPDATE"),
        ("POST", "/billing/v1/plans/FIB-1/markasinactive", "ZohoSubscriptions.plans.CREATE"),
        ("GET", "/billing/v1/items", "ZohoSubscriptions.items.READ"),
        ("GET", "/billing/v1/settings/taxes", "ZohoSubscriptions.settings.READ"),
    ],
)
def test_each_call_of_a_run_names_a_permission_that_we_ask_for(
    method: str, path: str, scope: str
) -> None:
    assert scope == needed(method, path)
    assert scope in SCOPES
