"""What the documentation tells people to type can be typed, and what it quotes is said."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from trueup.cli.main import build
from trueup.settings.options import OPTIONS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ELSEWHERE = {  # read by others than the settings
    *("TRUEUP_URL", "TRUEUP_CONFIG", "TRUEUP_WORKSPACE"),
    *("TRUEUP_ENV_FILE", "TRUEUP_IMAGE", "TRUEUP_NAME"),  # compose.yaml
    "TRUEUP_CHROMIUM",  # tests in a browser
}
_BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
_CALL = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:kubectl .* -- |docker compose .*run --rm (?:-T )?)?(trueup [a-z-].*)"
)
_SPOKEN_OF = re.compile(
    r'requires an argument|Invalid value "[A-Z]+"'
)  # `trueup revert`, --role ROLE
_IN_WORDS = re.compile(r"(?<!\*)\*([^*\n]+)\*(?!\*)")


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
    wrong = [f"{call}: {said}" for call in calls(page) if (said := _refused(call))]
    assert wrong == []


@cache
def _refused(call: str) -> str:
    if "…" in call or call.startswith("trueup:"):
        return ""
    words = re.sub(r" --workspace \S+", "", call)  # taken away before the command is looked for
    _, *given = shlex.split(words)
    if given[0] == "--version":
        return ""
    try:
        build(given[0]).parse_args(given, exit_on_error=False, print_error=False)
    except Exception as error:  # noqa: BLE001 (every kind is a page to be mended)
        return "" if _SPOKEN_OF.search(str(error)) else str(error)
    return ""


def test_commands_are_found_and_slips_are_seen() -> None:
    found = {call for page in PAGES for call in calls(page)}
    assert {"trueup db upgrade", "trueup plan", "trueup db import -", "trueup jobs"} <= found
    assert len(found) > 100
    assert _refused("trueup plan --no-such-thing")
    assert _refused("trueup plans")


def test_programs_of_the_checkout_exist() -> None:
    """`./dev …`, `python -m bench.…` and scripts in docs/."""
    launcher = (ROOT / "dev").read_text(encoding="utf-8")
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for word in re.findall(r"\./dev ([a-z]+)", text):
            assert f"  ./dev {word}" in launcher, f"{page.name}: ./dev {word}"
        for module in re.findall(r"python -m bench\.([a-z_]+)", text):
            assert (ROOT / f"bench/{module}.py").is_file(), f"{page.name}: bench.{module}"
        for script in re.findall(r"python3? ((?:docs|deploy)/\w+\.py)", text):
            assert (ROOT / script).is_file(), f"{page.name}: {script}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_is_one_of_ours(page: Path) -> None:
    known = {option.env for option in OPTIONS} | ELSEWHERE
    named = set(re.findall(r"\b(?:TRUEUP|ZOHO)_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    named = {name for name in named if "__" not in name}  # a workspace's own
    assert sorted(named - known) == []


def test_every_picture_is_there_and_shown() -> None:
    """A page that names a picture has it, and no picture lies about unused."""
    named = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for source in re.findall(r'!\[[^\]]+\]\(([^)]+)\)|<img src="([^"]+)" alt="[^"]', text):
            picture = (page.parent / (source[0] or source[1])).resolve()
            assert picture.is_file(), f"{page.name}: {picture.name}"
            named.add(picture)
    drawn = {*(ROOT / "docs").rglob("*.png"), *(ROOT / "docs").rglob("*.svg")}
    assert {picture.name for picture in drawn - named} == set()


def test_the_runbook_quotes_what_pages_say() -> None:
    """In its part about pages, words in italics are those on the screen; … stands for others."""
    runbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    part = runbook.partition("\n### The pages\n")[2].partition("\n### ")[0]
    screens = [*(ROOT / "src/trueup/web").rglob("*.py"), *(ROOT / "src/trueup/web").rglob("*.html")]
    said = re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text("utf-8") for path in screens))
    quoted = _IN_WORDS.findall(part)
    assert len(quoted) > 10
    missing = [
        words
        for words in quoted
        if any(bit.strip(" .") not in said for bit in words.split("…") if bit.strip())
    ]
    assert missing == []
