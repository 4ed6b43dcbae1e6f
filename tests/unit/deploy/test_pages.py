"""The pages about deployment name files that exist, and each of them is in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [*sorted((ROOT / "docs/deploy").glob("*.md")), ROOT / "docs/operations.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_the_checkout_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/(])((?:deploy|tests|src)/[\w./-]*\w)", text))
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs/deploy/README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs/deploy").glob("*.md") if page.name != "README.md"]
    assert len(pages) >= 8
    assert [name for name in pages if f"({name})" not in index] == []
