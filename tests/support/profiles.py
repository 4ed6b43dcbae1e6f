"""How hard the property tests try: TRUEUP_TEST_PROFILE is `default`, `ci` or `thorough`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_FACTORS = {"default": 1, "ci": 4, "thorough": 40}
PROFILE = os.environ.get("TRUEUP_TEST_PROFILE", "default")


def try_the_same() -> None:
    """What says nothing else tries the same examples every time, as long as they take."""
    same = PROFILE != "thorough"
    settings.register_profile("trueup", derandomize=same, database=None, deadline=None)
    settings.load_profile("trueup")


def effort(examples: int, steps: int = 50) -> settings:
    """Settings for so many examples in the default profile, which always tries the same ones."""
    return settings(
        max_examples=examples * _FACTORS[PROFILE],
        deadline=None,
        derandomize=PROFILE != "thorough",
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        stateful_step_count=steps,
    )
