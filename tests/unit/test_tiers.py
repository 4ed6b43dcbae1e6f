"""Where a tier is required, skipping it is a failure."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = """
    import pytest

    @pytest.mark.tier("database")
    def test_needs_a_database():
        {body}

    def test_needs_nothing():
        pass
"""


@pytest.fixture(autouse=True)
def _only_this_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def _run(pytester: pytest.Pytester, body: str, *options: str) -> pytest.RunResult:
    pytester.makeini("[pytest]\nmarkers = tier(name): a tier")
    pytester.makepyfile(SUITE.format(body=body))
    return pytester.runpytest_inprocess("-p", "plugins.tiers", "-p", "no:cacheprovider", *options)


def test_a_skip_passes_where_nothing_is_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRUEUP_REQUIRE_TIERS", raising=False)
    result = _run(pytester, 'pytest.skip("none here")')
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == pytest.ExitCode.OK


def test_a_skip_fails_where_its_tier_is_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_REQUIRE_TIERS", "socket, database")
    result = _run(pytester, 'pytest.skip("none here")')
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*tier database is required here: Skipped: none here*"])


@pytest.mark.parametrize(
    ("required", "options", "code"),
    [
        ("database", [], pytest.ExitCode.OK),
        ("database", ["-k", "nothing"], pytest.ExitCode.TESTS_FAILED),
        ("database,another", [], pytest.ExitCode.TESTS_FAILED),
        ("another", ["--collect-only"], pytest.ExitCode.OK),
    ],
)
def test_a_required_tier_must_run_a_test(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    required: str,
    options: list[str],
    code: pytest.ExitCode,
) -> None:
    monkeypatch.setenv("TRUEUP_REQUIRE_TIERS", required)
    assert code == _run(pytester, "pass", *options).ret
