"""`trueup user`: accounts for the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from trueup.cli import output
from trueup.cli.asking import who_asks
from trueup.cli.deployed import open_deployed
from trueup.cli.selectors import Json
from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.people import Deed, Person, Role, Standing
from trueup.settings.serving import address_at

if TYPE_CHECKING:
    from trueup.deployment import Deployment
    from trueup.postgres.people import People

app = App(name="user")

Login = Annotated[str, Parameter(help="What they sign in with.")]
Address = Annotated[str, Parameter(name="--address", help="Where the pages are, for the link.")]


@app.command
def add(
    login: Login,
    /,
    *,
    role: Annotated[
        Role | None, Parameter(name="--role", help="What they may do; the first one is admin.")
    ] = None,
    name: Annotated[str, Parameter(name="--name", help="How they are called.")] = "",
    address: Address = "",
) -> None:
    """Let somebody in: prints a link that works once, for three days.

    Whoever opens it chooses a password. The same login again prints a new
    link, which also helps when a password was forgotten.

    For example:
      trueup user add ann --role approver --name "Ann Example"
    """
    import secrets

    token = secrets.token_urlsafe(32)
    with open_deployed() as deployment:
        people = _people(deployment)
        person = people.find(login)
        if person is None:
            chosen = role or (Role.VIEWER if people.everybody() else Role.ADMIN)
            person = _added(people, login.strip(), name.strip() or login.strip(), chosen)
        elif person.standing is Standing.DISABLED:
            raise UsageError(
                f"{login} is disabled", f"`trueup user reset {login}` lets them in again"
            )
        elif role not in (None, person.role):
            raise UsageError(
                f"{login} is {person.role.value} already", "`trueup user role` changes it"
            )
        people.invite(person.person_id, token)
        _note(deployment, people, Did.INVITED, person)
        base = _base(deployment, address)
    _tell_link(person, base, token)


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
    """Let somebody in no more; they are signed out at once. `reset` lets them in again.

    For example:
      trueup user disable ann
    """
    with open_deployed() as deployment:
        people = _people(deployment)
        person = _found(people, login)
        people.change(person.person_id, standing=Standing.DISABLED)
        before, after = {"standing": person.standing}, {"standing": Standing.DISABLED}
        _note(deployment, people, Did.DISABLED, person, before=before, after=after)
    output.say(f"{person.login} cannot sign in any more")


@app.command(name="role")
def change_role(
    login: Login, to: Annotated[Role, Parameter(help="What they may do from now on.")], /
) -> None:
    """Give somebody another role; it holds from their next click on.

    The last admin keeps theirs: make somebody else admin first.

    For example:
      trueup user role ann approver
    """
    with open_deployed() as deployment:
        people = _people(deployment)
        person = _found(people, login)
        people.change(person.person_id, role=to)
        before, after = {"role": person.role}, {"role": to}
        _note(deployment, people, Did.CHANGED_ROLE, person, before=before, after=after)
    output.say(f"{person.login} is {to.value}: {to.meaning}")


@app.command
def reset(login: Login, /, *, address: Address = "") -> None:
    """End somebody's password and sessions, and print a link for another password.

    It works once, for three days. Somebody who was disabled is let in again.

    For example:
      trueup user reset ann
    """
    import secrets

    token = secrets.token_urlsafe(32)
    with open_deployed() as deployment:
        people = _people(deployment)
        person = _found(people, login)
        people.reset(person.person_id, token)
        before, after = {"standing": person.standing}, {"standing": Standing.INVITED}
        _note(deployment, people, Did.RESET_ACCOUNT, person, before=before, after=after)
        base = _base(deployment, address)
    _tell_link(person, base, token)


@app.command(name="out")
def sign_out(login: Login, /) -> None:
    """Sign somebody out, wherever they are signed in; their password stays.

    For example:
      trueup user out ann
    """
    with open_deployed() as deployment:
        people = _people(deployment)
        person = _found(people, login)
        people.close_all(person.person_id)
        _note(deployment, people, Did.SIGNED_OUT_EVERYWHERE, person, after={})
    output.say(f"{person.login} is signed out everywhere")


def _people(deployment: Deployment) -> People:
    from trueup.postgres.people import People

    return People(deployment.home.pool)


def _found(people: People, login: str) -> Person:
    person = people.find(login)
    if person is None:
        raise UsageError(f"nobody has the login {login!r}", "`trueup user list` shows all")
    return person


def _added(people: People, login: str, name: str, role: Role) -> Person:
    if not login or not (login + name).isprintable():
        raise UsageError(f"{login!r} is no login", "take a short name, such as ann")
    person = people.add(login, name, role)
    if person is None:
        raise UsageError(f"somebody is called {name!r} already", "give another --name")
    return person


def _base(deployment: Deployment, address: str) -> str:
    settings = deployment.home.settings
    return address.rstrip("/") or address_at(settings.host, settings.port)


def _tell_link(person: Person, base: str, token: str) -> None:
    output.say(f"{person.login} ({person.role.value}) chooses a password at")
    output.say(f"{base}/welcome/{token}", "bold")
    output.say("The link works once, for three days.", "dim")


def _note(
    deployment: Deployment,
    people: People,
    action: Did,
    person: Person,
    *,
    before: Mapping[str, str] | None = None,
    after: Mapping[str, str] | None = None,
) -> None:
    now, became = deployment.clock.now(), {"role": person.role} if after is None else after
    deed = Deed(now, who_asks(), action, person.login, before=before or {}, after=became, via="cli")
    people.note(deed)


def _as_json(one: Person) -> dict[str, Any]:
    return {
        "login": one.login,
        "name": one.name,
        "role": one.role.value,
        "standing": one.standing.value,
        "created_at": one.created_at,
        "seen_at": one.seen_at,
    }
