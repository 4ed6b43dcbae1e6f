"""Pages in this process: a client for each role, and jobs that are carried out on demand."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi.testclient import TestClient

from support.served import calling, deployed, settings_of
from trueup.deployment import Deployment
from trueup.domain.jobs import Ending, Job, JobOutcome
from trueup.domain.people import Role
from trueup.jobs.carrying import carry_out
from trueup.postgres.people import People
from trueup.reconcile.applying import Brake

_TOKEN = re.compile(r'name="form_token" value="(\w+)"')
_MARKUP = re.compile(r"<[^>]+>")


@dataclass
class Pages:
    """The app of a deployment, with somebody in each role signed in."""

    deployment: Deployment
    client: TestClient

    def get(self, path: str, role: Role = Role.VIEWER) -> Any:
        """The answer, redirections not followed."""
        return self.client.get(path, headers=session(role), follow_redirects=False)

    def text(self, path: str, role: Role = Role.VIEWER) -> str:
        """What somebody reads there."""
        answer = self.get(path, role)
        assert answer.status_code == 200, answer.text
        return plain(answer.text)

    def post(self, path: str, fields: Mapping[str, Any], role: Role, *, form: str) -> Any:
        """Send a form as it was shown on the page `form`."""
        shown = self.get(form, role)
        [token, *_] = _TOKEN.findall(shown.text)
        return self.client.post(
            path,
            data={"form_token": token, **fields},
            headers=session(role),
            follow_redirects=False,
        )

    def work(self) -> list[JobOutcome]:
        """Carry out what waits, as a worker does; how each ended."""
        return [self._done(job) for job in self.deployment.queue.open_jobs()]

    def _done(self, asked: Job) -> JobOutcome:
        job = self.deployment.queue.claim(asked.job_id, "a worker")
        assert job is not None
        outcome = carry_out(self.deployment, job, Brake())
        assert isinstance(outcome.ending, Ending), outcome
        assert self.deployment.queue.finish(job, outcome)
        return outcome

    def deeds(self) -> list[tuple[str, ...]]:
        """Who did what to what, the oldest first."""
        with self.deployment.home.pool.connection() as connection:
            return connection.execute(
                "select who, action, subject, reason from trueup.deed order by deed_id"
            ).fetchall()


@contextmanager
def open_pages(env: Mapping[str, str]) -> Iterator[Pages]:
    """Pages of the deployment that these variables name; nobody works there but the test."""
    with deployed(settings_of(env)) as deployment:
        people = People(deployment.home.pool)
        for role in Role:
            person = people.add(role.value, f"{role.value.title()} Example", role)
            assert person is not None
            people.invite(person.person_id, f"link-{role.value}")
            assert people.accept(f"link-{role.value}", "no hash: nobody signs in") is not None
            people.open(person.person_id, _token(role), "127.0.0.1")
        with calling(deployment) as client:
            yield Pages(deployment, client)


def plain(page: str) -> str:
    """What a page says, without markup, on one line."""
    return " ".join(html.unescape(_MARKUP.sub(" ", page.partition("<main")[2])).split())


def _token(role: Role) -> str:
    return f"session-of-the-{role.value}"


def session(role: Role) -> dict[str, str]:
    """The header of somebody in this role."""
    return {"Cookie": f"trueup_session={_token(role)}"}
