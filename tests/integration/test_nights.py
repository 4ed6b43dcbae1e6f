"""`trueup serve`, left alone for some simulated nights; the month is `python -m bench.nights`."""

from __future__ import annotations

from pathlib import Path

from support.emulator import emulator_process
from support.month import NO_LIMITS, judge, open_month
from support.site import Console


def test_some_nights_alone_end_in_agreement_with_a_correct_log(
    tmp_path: Path, database_url: str
) -> None:
    """Edits by day, a record typed over and one deleted by hand, a fault; nobody does anything."""
    with emulator_process(options={"limits": NO_LIMITS}) as variables:
        console = Console(variables["ZOHO_API_URL"])
        with open_month(
            console, variables, tmp_path, products=5, nights=3, seconds=4.0, database=database_url
        ) as month:
            nights = month.live({})
            assert judge(nights) == []
            month.assert_agreement()
        console.close()
