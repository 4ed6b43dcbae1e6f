"""The documentation names everything that a person can meet, and nothing that is not there."""

from __future__ import annotations

import importlib.util
import re
from enum import StrEnum
from pathlib import Path
from types import ModuleType

import pytest

from trueup.cli.main import build
from trueup.domain import errors
from trueup.domain.changes import Action, Reason, Status
from trueup.domain.guards import Rule
from trueup.domain.jobs import JobKind
from trueup.domain.people import Role
from trueup.domain.people import Standing as MayEnter
from trueup.domain.records import Kind, Slot, TargetName
from trueup.domain.runs import ProductStatus, RunState, Trigger
from trueup.domain.states import Standing
from trueup.domain.threeway import Moved
from trueup.domain.verification import Accord, Stand
from trueup.domain.waiting import HeldState
from trueup.settings.options import OPTIONS
from trueup.settings.workspaces import SHARED

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
FINDING = re.compile(r'(?:yield|return None, \[finding\(|Finding\()\s*f?"([a-z]+_?[a-z_]*)"')


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _text(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def test_generated_parts_are_in_step() -> None:
    """`./dev docs` would change nothing."""
    for page, content in _load(DOCS / "generate.py").pages():
        assert page.read_text(encoding="utf-8") == content, f"{page.name}: run ./dev docs"


def test_every_command_is_in_the_readme() -> None:
    readme = _text("README.md")
    commands = [name for name in build() if not name.startswith("-")]
    assert [name for name in commands if f"`trueup {name}" not in readme] == []


def test_every_setting_is_documented() -> None:
    page = _text("docs/configuration.md")
    names = [f"`{name}`" for option in OPTIONS for name in (option.env, option.key) if name]
    assert [name for name in names if name not in page] == []


def test_what_belongs_to_the_process_is_named_as_such() -> None:
    part = _text("docs/workspaces.md").partition("**For all alike.**")[2].partition("\n\n")[0]
    named = {name for name in re.findall(r"`([a-z_.]+)`", part) if name != "oidc"}
    assert "all else of `oidc`" in part
    assert named == {key for key in SHARED if not key.startswith("oidc.")} | {"oidc.issuer"}


def test_every_error_is_explained() -> None:
    """Each class in the error tree has its row; the exit codes of all are in the runbook."""
    page, runbook = _text("docs/architecture.md"), _text("docs/operations.md")
    known = [
        e
        for e in vars(errors).values()
        if isinstance(e, type) and issubclass(e, errors.TrueupError) and e is not errors.TrueupError
    ]
    assert [e.__name__ for e in known if f"| `{e.__name__}` |" not in page] == []
    codes = {e.exit_code for e in known} | {0, 3}
    assert [code for code in codes if f"\n| {code} |" not in runbook] == []


@pytest.mark.parametrize(
    "words",
    [
        RunState, ProductStatus, Status, Standing, Reason, Action, Trigger, Kind, Slot, TargetName,
        Rule, Moved, HeldState, Accord, Stand, JobKind, Role, MayEnter,
    ],
)  # fmt: skip
def test_every_status_is_in_the_glossary(words: type[StrEnum]) -> None:
    page = _text("docs/glossary.md")
    assert [word.value for word in words if f"`{word.value}`" not in page] == []


def test_every_finding_is_in_the_runbook() -> None:
    runbook = _text("docs/operations.md")
    source = "".join(p.read_text() for p in (ROOT / "src/trueup/planner").glob("*.py"))
    codes = set(FINDING.findall(source))
    assert {"ambiguous", "price_missing", "sku_duplicate", "status_unknown"} <= codes
    assert sorted(code for code in codes if f"`{code}`" not in runbook) == []


def test_every_file_and_name_in_the_architecture_exists() -> None:
    """The eight hops lead to files that are there and define what they are said to define."""
    named = re.findall(r"`([a-z_/]+\.py)(?:: (\w+))?`", _text("docs/architecture.md"))
    assert len(named) > 20
    for file, name in named:
        source = (ROOT / "src/trueup" / file).read_text()
        assert not name or re.search(rf"^(?:def|class) {name}\b", source, re.MULTILINE), (
            file,
            name,
        )


def test_every_link_leads_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
            found = page.parent / target if target else page
            if not found.exists():
                broken.append(f"{page.name}: {target}")
            elif anchor and anchor not in _anchors(found):
                broken.append(f"{page.name}: {target}#{anchor}")
    assert broken == []


def test_every_page_is_found_from_the_readme() -> None:
    """By links, in a few steps; a folder stands for what lies in it."""
    found, new = set[Path](), {ROOT / "README.md"}
    while new:
        found |= new
        targets = {
            (page.parent / target).resolve()
            for page in new
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        }
        within = {page for folder in targets if folder.is_dir() for page in folder.glob("*.md")}
        new = {page for page in targets | within if page.suffix == ".md" and page.is_file()} - found
    assert sorted(page.name for page in set(PAGES) - found) == []


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
