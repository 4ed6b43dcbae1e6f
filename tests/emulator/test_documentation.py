"""The emulator's page names every option, fault and console call, and its examples work."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.console import _CALLS
from zoho_emulator.crm.options import CrmOptions
from zoho_emulator.faults import Kind, Match, Rule, parse_script
from zoho_emulator.oauth.options import OAuthOptions
from zoho_emulator.options import LimitOptions, Options

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "emulator.md").read_text(encoding="utf-8")
EXAMPLES: list[Any] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
]
NESTED = {"oauth", "crm", "billing", "limits"}


def named(words: set[str]) -> set[str]:
    """Those of the words that the page does not have in its code spans."""
    spans = " ".join(re.findall(r"`([^`\n]+)`", PAGE))
    return {
        word for word in words if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", spans)
    }


@pytest.mark.parametrize(
    "options", [Options, LimitOptions, OAuthOptions, CrmOptions, BillingOptions]
)
def test_every_option_is_named(options: type) -> None:
    assert named({field.name for field in dataclasses.fields(options)} - NESTED) == set()


def test_every_part_of_a_fault_is_named() -> None:
    parts = {*get_args(Kind), *Rule.__struct_fields__, *Match.__struct_fields__}
    assert named(parts) == set()


def test_every_console_call_is_named() -> None:
    assert named({name for _method, name in _CALLS}) == set()


def test_the_examples_work() -> None:
    options, script = EXAMPLES
    assert Options.from_json(options).limits.retry_after
    assert {rule.do for rule in parse_script(script)} == set(get_args(Kind))
