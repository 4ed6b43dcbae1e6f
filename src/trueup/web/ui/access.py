"""Who may see and do what: every page asks for a seat, and a seat has a role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from fastapi.responses import HTMLResponse
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.jobs import JobKind, JobRequest, Priority, Terms
from trueup.domain.people import Deed, Person, Role
from trueup.domain.runs import Trigger
from trueup.postgres.people import People
from trueup.views.desk import Desk
from trueup.views.links import page_of
from trueup.web.parts import Parts, request_id
from trueup.web.refusals import Refusal
from trueup.web.ui.look import render
from trueup.web.ui.rooms import Rooms
from trueup.web.ui.session import fields_of, person_of

_PLAIN: Final = Terms()


class SignInFirst(Exception):  # noqa: N818 (the answer is a page, not an error)
    """Nobody is signed in."""


@dataclass(frozen=True, slots=True)
class House:
    """What all pages share."""

    parts: Parts
    rooms: Rooms

    @property
    def people(self) -> People:
        """Accounts, sessions and deeds."""
        return People(self.parts.deployment.home.pool)

    def seat(self, request: Request, workspace: str = "", needed: Role = Role.VIEWER) -> Seat:
        """A seat for whoever sent the request, in front of a workspace or of none.

        Raises `SignInFirst`, and `Refusal`: 403 for a role that may not, 404 for a workspace that
        is not there.
        """
        person = person_of(request, self.people)
        if person is None:
            raise SignInFirst
        if not person.role.may(needed):
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                f"your role {person.role.value} may not do this; {needed.value} may",
                "ask an admin of Trueup for that role",
            )
        try:
            if workspace:
                self.parts.deployment.settings(workspace)
        except UsageError as error:
            raise Refusal(HTTPStatus.NOT_FOUND, error.message, error.remedy) from None
        return Seat(self, request, person, workspace)


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody in front of a page."""

    house: House
    request: Request
    person: Person
    workspace: str = ""

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """The workspace of the address, open."""
        with self.house.rooms.desk(self.workspace) as desk:
            yield desk

    def show(
        self, template: str, desk: Desk, status: HTTPStatus = HTTPStatus.OK, **more: Any
    ) -> HTMLResponse:
        """A page of the workspace."""
        context = {
            "person": self.person,
            "workspace": self.workspace,
            "workspaces": sorted(self.house.parts.deployment.workspaces),
            "time": desk.time,
            "currency": desk.app.settings.currency,
            "may": lambda role: self.person.role.may(Role(role)),
            "base": f"/w/{self.workspace}",
            "page_of": partial(page_of, desk.app.settings),
            **more,
        }
        return render(self.request, template, context, status)

    async def form(self) -> dict[str, str]:
        """The fields of a form that we showed to this session.

        Raises `Refusal`: 403 for any other form, and what `fields_of` raises for strange ones.
        """
        return await fields_of(self.request)

    def ask(
        self, kind: JobKind, trigger: Trigger, terms: Terms = _PLAIN, *, merge: str = ""
    ) -> int:
        """Ask for a job of this workspace, before the schedules; its number.

        `merge` names jobs of which one that waits is enough.
        """
        job = self.house.parts.deployment.queue.ask(
            JobRequest(
                self.workspace,
                kind,
                trigger,
                Priority.PERSON,
                terms,
                merge=merge,
                asked_by=self.person.name,
            )
        )
        if job is None:
            raise AssertionError("a job without a slot is always written down")
        return job.job_id

    def note(self, action: Did, subject: str, *, reason: str = "", **states: Any) -> None:
        """Write down what this person did; `before` and `after` where something changed."""
        when, where = self.house.parts.deployment.clock.now(), self.workspace
        deed = Deed(when, self.person.name, action, subject, where, reason=reason, **states)
        self.house.people.note(deed, request_id(self.request))
