"""`trueup deeds`: who did what through a page, the API or a command, and why."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.deployed import open_deployed
from trueup.cli.reading import Limit
from trueup.cli.selectors import Json
from trueup.views.times import BusinessTime

Subject = Annotated[
    str | None,
    Parameter(name="--subject", help="Only what is about this: a SKU, a run, an account."),
]


def deeds(*, subject: Subject = None, limit: Limit = 100, json: Json = False) -> None:
    """What people and programs did, the latest first: decisions, jobs, accounts, tokens.

    Of one workspace with --workspace; what is about none of them is there, too.

    For example:
      trueup deeds
      trueup deeds --subject FIB-100 --json
    """
    from trueup.postgres.people import People
    from trueup.settings import chosen
    from trueup.views.documents import deed_as_json

    with open_deployed() as deployment:
        home = deployment.home
        people = People(home.pool)
        found = people.deeds(limit, workspace=chosen(), subject=subject)
        time = BusinessTime(ZoneInfo(home.settings.timezone), deployment.clock.now())
    if json:
        output.print_json({"deeds": [deed_as_json(one, time) for one in found]})
        return
    rows = [
        (time.at(one.at), one.who, one.via, one.workspace or "-", one.action, one.subject,
         one.reason or "-")
        for one in found
    ]  # fmt: skip
    columns = ("at", "who", "through", "workspace", "did", "about", "why")
    output.table(columns, rows, empty="nobody did anything yet")
