"""The check of everything that a run relies on; about 25 requests are sent to Zoho."""

from __future__ import annotations

from http import HTTPStatus

from trueup.domain.deeds import Did
from trueup.domain.people import Role
from trueup.views.checking import as_json, ask_everything, nothing_made
from trueup.views.preflight import Findings
from trueup.web.api import answers
from trueup.web.api.callers import Caller
from trueup.web.api.endpoints import WORKSPACE, Api, Described, Reply
from trueup.web.once import OneCheck


def add(api: Api) -> None:
    """The endpoint."""
    one_check = OneCheck()

    @api.does(
        Described(
            f"{WORKSPACE}/check",
            "v1_check",
            answers.CheckDocument,
            "Check what a run relies on",
            role=Role.OPERATOR,
            statuses=[HTTPStatus.CONFLICT],
        )
    )
    def check(caller: Caller, _: None) -> Reply:
        """As `trueup check --json`: asks Zoho, and makes nothing there.

        409 while the same check goes on.
        """
        found = Findings(lambda _: None)
        with one_check.of(caller.workspace), caller.desk() as desk:
            ask_everything(desk.app, found, nothing_made())
        caller.note(Did.CHECKED, "everything", after={"verdict": found.verdict.value})
        return Reply(as_json(found))
