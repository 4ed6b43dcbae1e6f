"""`trueup user`: accounts for the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from trueup.cli import output
from trueup.cli.deployed import open_deployed
from trueup.cli.selectors import Json
from trueup.domain.errors import UsageError
from trueup.domain.people import Deed, Person, Role, Standing

if TYPE_CHECKING:
    from trueup.deployment import Deployment
    from trueup.postgres.people import People

app = App(name="user")
_BY = "the command line"

Login = Annotated[str, Parameter(help="What they sign in with.")]


@app.command
def add(
    login: Login,
    /,
    *,
    role: Annotated[
        Role | None, Parameter(name="--role", help="What they may do; the first one is admin.")
    ] = None,
    name: Annotated[str, Parameter(name="--name", help="How they are called.")] = "",
    address: Annotated[
        str, Parameter(name="--address", help="Where the pages are, for the link.")
    ] = "",
) -> None:
    """Let somebody in: prints a link that works once, for three days.

    Whoever opens it chooses a password. The same login again prints a new
    link, which also helps when a password was forgotten.

    For example:
      trueup user add ann --role approver --name "Ann Example"
    """
    import secrets

    with open_deployed() as deployment:
        people = _people(deployment)
        chosen = role or (Role.VIEWER if people.everybody() else Role.ADMIN)
        person = people.find(login) or people.add(login.strip(), name or login.strip(), chosen)
        if person is None or not login.strip():
            raise UsageError(f"{login!r} is no login", "take a short name, such as ann")
        token = secrets.token_urlsafe(32)
        people.invite(person.person_id, token)
        _note(deployment, people, "invited", person)
        settings = deployment.home.settings
        base = address.rstrip("/") or f"http://{settings.host}:{settings.port}"
    output.say(f"{person.login} ({person.role.value}) chooses a password at")
    output.say(f"{base}/welcome/{token}", "bold")
    output.say("The link works once, for three days.", "dim")


@app.command(name="list")
def everybody(*, json: Json = False) -> None:
    """Who has an account, in which role, and when they were last seen.

    For example:
      trueup user list
    """
    with open_deployed() as deployment:
        people = _people(deployment).everybody()
    if json:
        output.print_json({"people": [_as_json(one) for one in people]})
        return
    rows = [(p.login, p.name, p.role.value, p.standing.value, p.seen_at) for p in people]
    empty = "nobody yet: `trueup user add NAME`"
    output.table(("login", "name", "role", "standing", "seen"), rows, empty=empty)


@app.command
def disable(login: Login, /) -> None:
    """Let somebody in no more; they are signed out at once.

    For example:
      trueup user disable ann
    """
    with open_deployed() as deployment:
        people = _people(deployment)
        person = _found(people, login)
        people.change(person.person_id, standing=Standing.DISABLED)
        _note(deployment, people, "disabled", person)
    output.say(f"{person.login} cannot sign in any more")


def _people(deployment: Deployment) -> People:
    from trueup.postgres.people import People

    return People(deployment.home.pool)


def _found(people: People, login: str) -> Person:
    person = people.find(login)
    if person is None:
        raise UsageError(f"nobody has the login {login!r}", "`trueup user list` shows all")
    return person


def _note(deployment: Deployment, people: People, action: str, person: Person) -> None:
    now = deployment.clock.now()
    people.note(Deed(now, _BY, action, person.login, after={"role": person.role}, via="cli"))


def _as_json(one: Person) -> dict[str, Any]:
    return {
        "login": one.login,
        "name": one.name,
        "role": one.role.value,
        "standing": one.standing.value,
        "created_at": one.created_at,
        "seen_at": one.seen_at,
    }
