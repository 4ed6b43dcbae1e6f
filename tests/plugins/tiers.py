"""Tiers: tests that need something which a machine may lack, and may be skipped there.

`@pytest.mark.tier("postgres15")` puts a test into a tier; some are put into theirs by name below.
Where TRUEUP_REQUIRE_TIERS names tiers, as CI does, a skipped test of one of them is a failure, and
so is a session in which one of them ran no test at all.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

TIER_OF = {
    "tests/e2e/": "browser",
    "tests/emulator/test_socket.py": "socket",
    "tests/emulator/test_official_sdk.py": "sdk",
    "tests/integration/test_migrate.py::test_every_statement_runs_on_postgres_15": "postgres15",
}
_PROPERTY = "tier"


def required_tiers(setting: str) -> frozenset[str]:
    """The tiers that a setting names, separated by commas."""
    return frozenset(name.strip() for name in setting.split(",") if name.strip())


def pytest_configure(config: pytest.Config) -> None:
    """Watch the session where tiers are required."""
    required = required_tiers(os.environ.get("TRUEUP_REQUIRE_TIERS", ""))
    if required and not config.option.collectonly:
        config.pluginmanager.register(RequiredTiers(required), "required-tiers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests that do not say so themselves into their tiers."""
    for test in items:
        for start, tier in TIER_OF.items():
            if test.nodeid.startswith(start):
                test.add_marker(pytest.mark.tier(tier))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tiers were skipped on this machine, and why."""
    told: dict[tuple[str, str], int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        tier = next(
            (tier for start, tier in TIER_OF.items() if report.nodeid.startswith(start)), ""
        )
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if tier:
            told[tier, why] = told.get((tier, why), 0) + 1
    for (tier, why), tests in told.items():
        reason = why.removeprefix("Skipped: ")
        terminalreporter.write_line(f"tier {tier}: {tests} not run: {reason}", yellow=True)


def tiers_of(test: pytest.Item) -> set[str]:
    """The tiers that a test belongs to."""
    return {str(mark.args[0]) for mark in test.iter_markers("tier")}


class RequiredTiers:
    """Turns a skip within a required tier into a failure, and misses tiers that never ran."""

    def __init__(self, required: frozenset[str]) -> None:
        self.required = required
        self.ran: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A skip that must not happen is told as a failure with the skip's reason."""
        report = yield
        tiers = tiers_of(item) & self.required
        report.user_properties += [(_PROPERTY, tier) for tier in sorted(tiers)]
        if tiers and report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            report.outcome = "failed"
            report.longrepr = f"tier {', '.join(sorted(tiers))} is required here: {reason}"
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember which tiers ran; with workers, their reports arrive here too."""
        if report.when == "call":
            self.ran |= {str(tier) for name, tier in report.user_properties if name == _PROPERTY}

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A required tier of which no test ran fails the session."""
        if not hasattr(session.config, "workerinput") and self.required - self.ran:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which."""
        for tier in sorted(self.required - self.ran):
            terminalreporter.write_line(f"ERROR: required tier {tier} ran no test", red=True)
