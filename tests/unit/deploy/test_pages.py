"""The pages about deployment name commands, files and settings that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from trueup.cli.main import build
from trueup.settings.options import OPTIONS

ROOT = Path(__file__).parents[3]
PAGES = [*sorted((ROOT / "docs/deploy").glob("*.md")), ROOT / "docs/operations.md"]
ELSEWHERE = {"TRUEUP_URL", "TRUEUP_ENV_FILE", "TRUEUP_IMAGE", "TRUEUP_CONFIG", "TRUEUP_WORKSPACE"}
ELSEWHERE |= {"TRUEUP_NAME"}  # of compose.yaml
_BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
_CALL = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:kubectl .* -- |docker compose .*run --rm (?:-T )?)?(trueup [a-z-].*)"
)


def calls(page: Path) -> list[str]:
    """Every call of the program in the code of a page, as written."""
    text = page.read_text(encoding="utf-8")
    code = [block for kind, block in _BLOCK.findall(text) if kind in {"sh", "console"}]
    lines = "\n".join(code).replace("\\\n", " ").splitlines()
    lines += re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))
    said = (line.removeprefix("$ ").partition(" #")[0].strip() for line in lines)
    found = (match[1] for line in said if (match := _CALL.fullmatch(line)) is not None)
    return [re.split(r" [|;&<>]", call)[0].strip() for call in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_can_be_typed(page: Path) -> None:
    """Each is bound to its command with its options; nothing is carried out."""
    wrong = []
    for call in calls(page):
        if "…" in call or call.startswith("trueup:"):
            continue
        _, *words = shlex.split(call)
        if words[0] == "--version":
            continue
        try:
            build(words[0]).parse_args(words, exit_on_error=False, print_error=False)
        except Exception as error:  # noqa: BLE001 (every kind is a page to be mended)
            if "requires an argument" not in str(error):  # `trueup revert`, spoken of
                wrong.append(f"{call}: {error}")
    assert wrong == []


def test_commands_are_found_at_all() -> None:
    found = {call for page in PAGES for call in calls(page)}
    assert {"trueup db upgrade", "trueup plan", "trueup db import -", "trueup jobs"} <= found
    assert len(found) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_the_checkout_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/(])((?:deploy|tests|src)/[\w./-]*\w)", text))
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_is_one_of_ours(page: Path) -> None:
    known = {option.env for option in OPTIONS} | ELSEWHERE
    named = set(re.findall(r"\b(?:TRUEUP|ZOHO)_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert sorted(named - known) == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs/deploy/README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs/deploy").glob("*.md") if page.name != "README.md"]
    assert len(pages) >= 8
    assert [name for name in pages if f"({name})" not in index] == []
