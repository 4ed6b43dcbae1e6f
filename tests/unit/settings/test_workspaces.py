"""Which value a workspace gets, from where; and what is refused before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from trueup.domain.errors import UsageError
from trueup.settings import Settings, load, load_all
from trueup.settings.workspaces import choose

TWO = """
[zoho]
region = "EU"

[rate]
limit = 60

[workspaces.acme]
zoho.org_id = "111"

[workspaces.acme-north]
zoho.org_id = "222"
"""


def lay(folder: Path, text: str, **files: str) -> Path:
    """`trueup.toml`, and files of workspaces beside it."""
    (folder / "workspaces").mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / "workspaces" / f"{name}.toml").write_text(content, encoding="utf-8")
    file = folder / "trueup.toml"
    file.write_text(text, encoding="utf-8")
    return file


def known(folder: Path, text: str, env: Mapping[str, str] = {}) -> Mapping[str, Settings]:
    return load_all(file=lay(folder, text), environment=env)[1]


@pytest.mark.parametrize(
    ("env", "lines", "top", "value", "origin"),
    [
        ({}, "", "", 90, "default"),
        ({}, "", "limit = 2", 2, "trueup.toml"),
        ({"TRUEUP_RATE_LIMIT": "3"}, "", "limit = 2", 3, "TRUEUP_RATE_LIMIT"),
        (
            {"TRUEUP_RATE_LIMIT": "3"},
            "rate.limit = 4",
            "limit = 2",
            4,
            "trueup.toml [workspaces.acme-eu]",
        ),
        (
            {"TRUEUP_RATE_LIMIT": "3", "TRUEUP_RATE_LIMIT__ACME_EU": "5"},
            "rate.limit = 4",
            "limit = 2",
            5,
            "TRUEUP_RATE_LIMIT__ACME_EU",
        ),
        ({"TRUEUP_RATE_LIMIT__ACME_EU": " "}, "rate.limit = 4", "", 4, "trueup.toml"),
    ],
)
def test_more_specific_wins(
    tmp_path: Path, env: dict[str, str], lines: str, top: str, value: int, origin: str
) -> None:
    """Its own variable, its lines, the plain variable, the top level, the default."""
    file = lay(tmp_path, f"[rate]\n{top}\n[workspaces.acme-eu]\n{lines}\n")
    found = load(file=file, environment=env)
    assert (found.workspace, found.rate_limit) == ("acme-eu", value)
    assert origin in found.origin["rate_limit"]
    assert found.origin["rate_limit"].endswith("]") is (value == 4)


def test_what_names_an_organisation_is_never_inherited(tmp_path: Path) -> None:
    """A plain token, database or tax is the top level's alone; region and client are for all."""
    plain = {
        "ZOHO_REFRESH_TOKEN": "1000.top", "ZOHO_ORG_ID": "999", "ZOHO_CLIENT_ID": "1000.CLIENT",
        "DATABASE_URL": "postgresql://db.example/top", "TRUEUP_PING_URL": "https://ping.example/1",
    }  # fmt: skip
    text = TWO.replace('"EU"', '"EU"\ntax_id = "77"')
    found = known(tmp_path, text, {**plain, "ZOHO_REFRESH_TOKEN__ACME": "1000.acme"})
    acme, north, top = found["acme"], found["acme-north"], found["default"]
    assert (acme.refresh_token, acme.org_id, acme.database_url) == ("1000.acme", "111", "")
    assert (north.refresh_token, north.org_id, north.database_url) == ("", "222", "")
    assert (acme.tax_id, acme.ping_url) == ("", "")
    assert {acme.client_id, north.client_id, top.client_id} == {"1000.CLIENT"}
    assert {acme.region, north.region} == {"EU"}
    assert (top.refresh_token, top.org_id, top.tax_id) == ("1000.top", "999", "77")
    assert top.ping_url


def test_sections_are_overlaid_line_by_line(tmp_path: Path) -> None:
    text = """
[mapping.crm_product]
Description = { policy = "ignore" }
Product_Category = { policy = "fill" }
[schedules.verify]
cron = "0 * * * *"
job = "verify"
[catalogue.columns]
sku = "code"
[workspaces.acme]
schedule.cron = "0 3 * * *"
catalogue.columns.name = "title"
[workspaces.acme.mapping.crm_product]
Product_Category = { policy = "report" }
[workspaces.acme.schedules.verify]
cron = "30 * * * *"
"""
    home, found = load_all(file=lay(tmp_path, text), environment={})
    [acme] = found.values()
    rules = {rule.field: rule.policy.value for _, r in acme.mapping.rules.items() for rule in r}
    assert (rules["Description"], rules["Product_Category"]) == ("ignore", "report")
    crons = {schedule.name: (schedule.cron, schedule.kind.value) for schedule in acme.schedules}
    assert crons["verify"] == ("30 * * * *", "verify")
    assert crons["nightly"] == ("0 3 * * *", "sync")
    assert acme.columns == {"sku": "code", "name": "title"}
    assert home.columns == {"sku": "code"}
    assert home.schedule == "0 2 * * *"


def test_one_file_for_each_workspace(tmp_path: Path) -> None:
    """Beside the sections; the folder is found from where the file that names it lies."""
    file = lay(
        tmp_path,
        f'{TWO}\n[workspaces]\nfolder = "workspaces"\n',
        zenith='[zoho]\norg_id = "333"\n[rate]\nlimit = 7\n',
    )
    found = load_all(file=file, environment={})[1]
    assert sorted(found) == ["acme", "acme-north", "zenith"]
    assert (found["zenith"].org_id, found["zenith"].rate_limit) == ("333", 7)
    assert found["zenith"].origin["rate_limit"] == str(tmp_path / "workspaces" / "zenith.toml")
    by_variable = {"TRUEUP_WORKSPACES": str(tmp_path / "workspaces")}
    assert list(load_all(use_file=False, environment=by_variable)[1]) == ["zenith"]


def test_which_one_is_meant(tmp_path: Path) -> None:
    """The one that is named, by argument, option or variable; else the only one."""
    file = lay(tmp_path, TWO)
    assert load("acme", file=file, environment={}).org_id == "111"
    named = {"TRUEUP_WORKSPACE": "acme-north"}
    assert load(file=file, environment=named).org_id == "222"
    assert load("acme", file=file, environment=named).org_id == "111"
    with choose("acme"):
        assert load(file=file, environment=named).org_id == "111"
    with pytest.raises(UsageError, match="2 workspaces, and none is named: acme, acme-north"):
        load(file=file, environment={})
    with pytest.raises(UsageError, match=r"no workspace 'acne' \(did you mean 'acme'\?\)"):
        load("acne", file=file, environment={})
    alone = load(environment={}, use_file=False)
    assert alone.workspace == "default"
    assert load_all(environment={}, use_file=False) == (alone, {"default": alone})


def test_the_top_level_is_a_workspace_when_it_has_an_organisation(tmp_path: Path) -> None:
    """So a first organisation goes on where it is when a second one is added."""
    env = {"ZOHO_ORG_ID": "999", "ZOHO_REFRESH_TOKEN": "1000.top"}
    home, found = load_all(file=lay(tmp_path, TWO), environment=env)
    assert list(found) == ["default", "acme", "acme-north"]
    assert found["default"] is home
    with pytest.raises(UsageError, match=r"ZOHO_ORG_ID: zoho.org_id without zoho.refresh_token"):
        load_all(file=lay(tmp_path, TWO), environment={"ZOHO_ORG_ID": "999"})
    written = '[workspaces.default]\nzoho.org_id = "1"\n'
    with pytest.raises(UsageError, match=r"line 1: the top level names an organisation too"):
        load_all(file=lay(tmp_path, written), environment=env)
    [alone] = load_all(file=lay(tmp_path, written), environment={})[1].values()
    assert (alone.workspace, alone.org_id) == ("default", "1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[workspaces.acme]\nzoho.regio = 'EU'", r"line 2: .*did you mean 'zoho.region'"),
        ("[workspaces.acme.zoho]\n\nregio = 'EU'", r"line 3: .*did you mean 'zoho.region'"),
        ("[rate]\nlimit = 1\n[workspaces.a.rate]\nlimit = 0", r"line 4: expected a whole number"),
        ("[workspaces.a.mapping.crm_produkt]\nX = 'sku'", r"line 1: .*'crm_product'"),
        ("[workspaces.a.schedules.verify]\ncron = '* *'\njob='verify'", r"line 2: expected a cron"),
        ("[workspaces.Acme]", r"line 1: a workspace is named by 1 to 40 of a-z"),
        ("[workspaces.-a]", "a workspace is named by"),
        (f"[workspaces.{'a' * 41}]", "a workspace is named by"),
        ("[workspaces.folder]\nrate.limit = 1", "`folder` is no name"),
        ("[workspaces.a.workspaces.b]", "a workspace holds no workspaces"),
        ("[workspaces]\nacme = 3", "line 2: expected a table"),
        ("workspaces = 3", "line 1: expected a table"),
        ("mapping = 3", "line 1: expected a table"),
        ("[workspaces.a]\nweb.port = 1", r"line 2: web.port is the same for all workspaces"),
        ("[workspaces]\nfolder = 'nowhere'", "there is no folder"),
        (
            "[workspaces.a.zoho]\norg_id = '1'\n[workspaces.b.zoho]\norg_id = '1'",
            "'a' and 'b' share the organisation 1 at US",
        ),
        (
            "[workspaces.a.zoho]\nrefresh_token = '1'\n[workspaces.b.zoho]\nrefresh_token = '1'",
            "'a' and 'b' share one refresh token",
        ),
        (
            (
                "[workspaces.a]\ndatabase.url = 'postgresql://x:1@DB.example/shop?sslmode=require'"
                "\n[workspaces.b]\ndatabase.url = 'host=db.example dbname=shop user=y'"
            ),
            "'a' and 'b' share the database db.example:5432/shop",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        known(tmp_path, text)


def test_a_variable_for_nobody_is_refused(tmp_path: Path) -> None:
    """It would be overlooked for ever; so would a port for one workspace."""
    for name, said in (
        ("ZOHO_REFRESH_TOKEN__ACNE", "no workspace 'acne' .did you mean 'acme'"),
        ("DATABASE_URL__OTHER", "no workspace 'other'"),
        ("TRUEUP_PORT__ACME", "web.port is the same for all"),
    ):
        with pytest.raises(UsageError, match=f"{name}: .*{said}"):
            known(tmp_path, TWO, {name: "1"})
    # Where nobody speaks of workspaces, a variable of that name may be somebody else's.
    known(tmp_path, "", {"DATABASE_URL__REPLICA": "postgresql://db.example/other"})
    with pytest.raises(UsageError, match="no workspace 'acme'"):
        known(tmp_path, "", {"ZOHO_ORG_ID__ACME": "1"})


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    file = lay(tmp_path, f'{TWO}\n[workspaces]\nfolder = "workspaces"', acme="")
    with pytest.raises(UsageError, match=r"line 8: .*acme.toml is the same workspace"):
        load_all(file=file, environment={})


def test_different_organisations_share_what_they_may(tmp_path: Path) -> None:
    """One number in two regions, one server with two databases, the same client."""
    found = known(
        tmp_path,
        "[workspaces.a]\nzoho.org_id = '1'\ndatabase.url = 'postgresql://db.example/a'\n"
        "[workspaces.b]\nzoho.org_id = '1'\ndatabase.url = 'postgresql://db.example/b'\n"
        "zoho.region = 'EU'\n",
    )
    assert sorted(found) == ["a", "b"]
