"""Which workspaces there are, where the settings of each are looked for, and which is chosen.

More specific wins: `ZOHO_REGION__ACME`, then the lines of the workspace `acme`, then `ZOHO_REGION`,
then the top level of `trueup.toml`, then the default. But nothing that names one organisation is
taken from a less specific place: a named workspace that lacks it has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trueup.domain.errors import UsageError
from trueup.settings.option import Option
from trueup.settings.options import BY_KEY, OPTIONS
from trueup.settings.values import suggestion
from trueup.settings.written import FOLDER, Variables, Written

if TYPE_CHECKING:
    from trueup.settings.load import Settings

DEFAULT_WORKSPACE = "default"
VARIABLE = "TRUEUP_WORKSPACE"
# With these another workspace would write into the wrong organisation or ledger, send the tax of
# another, or keep a dead-man's switch quiet that rings for somebody else.
OWN = frozenset({"database.url", "zoho.org_id", "zoho.refresh_token", "zoho.tax_id", "alerts.ping"})
# There is one program, one server and one data directory for all of them.
SHARED = frozenset(
    {"clock.simulated", "data_dir", "log.format", "telemetry.otlp", "web.host", "web.port"}
    | {"oidc.issuer", "oidc.client_id", "oidc.client_secret", "oidc.name", "oidc.role_claim"}
    | {"oidc.roles"}
    | {"web.proxies", "worker.jobs", "worker.grace", FOLDER}
)
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,40}(?<!-)")
_IDENTITY = ("zoho.org_id", "zoho.refresh_token")
_chosen: ContextVar[str | None] = ContextVar("workspace", default=None)


@dataclass(frozen=True)
class Layout:
    """What is written: the top level, and the lines of each workspace by its name.

    `default` is not among `named` when it is the top level itself.
    """

    variables: Variables
    top: Written
    named: Mapping[str, Written]
    with_default: bool

    @property
    def names(self) -> tuple[str, ...]:
        """All workspaces."""
        return (*((DEFAULT_WORKSPACE,) if self.with_default else ()), *self.named)

    def own_variables(self, name: str) -> Variables:
        """The variables of one workspace alone."""
        return Variables(self.variables.environment, suffix(name))


def lay_out(top: Written, variables: Variables) -> Layout:
    """Find every workspace; raises `UsageError` for one that cannot be understood."""
    named = _sections(top) | _files(top, variables)
    for name, written in named.items():
        _refuse_strange(name, written)
    found = Layout(variables, top, named, with_default=not named or _stands_for_one(top, variables))
    if found.with_default and DEFAULT_WORKSPACE in named:
        raise named[DEFAULT_WORKSPACE].refuse(
            "", "the top level names an organisation too, and is the workspace `default` itself"
        )
    _refuse_stray_variables(found)
    return found


def suffix(name: str) -> str:
    """What is added to a variable's name: `__ACME_EU` for `acme-eu`."""
    return f"__{name.upper().replace('-', '_')}"


def inherits(name: str, key: str) -> bool:
    """Whether a workspace that does not say it takes it from the top level."""
    return name == DEFAULT_WORKSPACE or key not in OWN


def variable(workspace: str, option: Option) -> str:
    """The variable that gives a workspace this setting: its own, unless all may have it."""
    return option.env if inherits(workspace, option.key) else f"{option.env}{suffix(workspace)}"


def embedded_database(workspace: str) -> str:
    """The database of a workspace in the embedded server."""
    from trueup.postgres.embedded_paths import DATABASE

    known = workspace.replace("-", "_")
    return DATABASE if workspace == DEFAULT_WORKSPACE else f"{DATABASE}_{known}"


@contextmanager
def choose(name: str | None) -> Iterator[None]:
    """Within the block this workspace is the one that is meant, whatever the environment says."""
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen(environment: Mapping[str, str]) -> str | None:
    """The workspace that a person named: on the command line, else by TRUEUP_WORKSPACE."""
    return _chosen.get() or environment.get(VARIABLE, "").strip() or None


def pick(names: tuple[str, ...], wanted: str | None) -> str:
    """The workspace that is meant; raises `UsageError` when that is not clear."""
    listed = ", ".join(names)
    if wanted is None and len(names) > 1:
        raise UsageError(
            f"there are {len(names)} workspaces, and none is named: {listed}",
            f"name one: --workspace {names[0]}, or {VARIABLE}={names[0]}",
        )
    if wanted is None or wanted in names:
        return wanted or names[0]
    raise UsageError(
        f"there is no workspace {wanted!r}{suggestion(wanted, list(names))}",
        f"configured are: {listed}",
    )


def refuse_shared(workspaces: Mapping[str, Settings]) -> None:
    """Raise `UsageError` when two workspaces have one database, organisation or token."""
    if len(workspaces) == 1:
        return
    from trueup.postgres.addresses import address_of

    seen: dict[tuple[str, ...], str] = {}
    for name, settings in workspaces.items():
        place, host = address_of(settings.database_url), settings.api_url or settings.region
        marks = {
            f"the database {place}": ("database", place),
            f"the organisation {settings.org_id} at {host}": ("id", settings.org_id, host),
            # A request to CRM names no organisation: the token decides (zoho-facts §1.2).
            "one refresh token": ("token", settings.refresh_token, host),
        }
        for what, mark in marks.items():
            if mark[1] and (other := seen.setdefault(mark, name)) != name:
                raise UsageError(
                    f"the workspaces {other!r} and {name!r} share {what}",
                    "each needs a database and an organisation of its own",
                )


def _sections(top: Written) -> dict[str, Written]:
    """The tables `[workspaces.NAME]`."""
    found = {}
    for name, content in top.section("workspaces").items():
        if name == "folder":
            if isinstance(content, Mapping):
                raise top.refuse(FOLDER, "`folder` is no name for a workspace")
        else:
            found[name] = top.part(f"workspaces.{name}")
    return found


def _files(top: Written, variables: Variables) -> dict[str, Written]:
    """The files of the folder, `NAME.toml`."""
    option = BY_KEY[FOLDER]
    given = variables.find(option) or top.find(option)
    if given is None:
        return {}
    folder: Path = given[0]
    if given[1] != option.env and top.source is not None:
        folder = top.source.parent / folder
    if not folder.is_dir():
        raise UsageError(f"{given[1]}: there is no folder {folder}", f"make it, or unset {FOLDER}")
    files = {file.stem: file for file in sorted(folder.glob("*.toml"))}
    twice = next((name for name in files if name in top.section("workspaces")), None)
    if twice is not None:
        raise top.refuse(f"workspaces.{twice}", f"{files[twice]} is the same workspace")
    return {name: Written.read(file) for name, file in files.items()}


def _refuse_strange(name: str, written: Written) -> None:
    if not _NAME.fullmatch(name):
        raise written.refuse("", f"a workspace is named by 1 to 40 of a-z, 0-9 and -, not {name!r}")
    if "workspaces" in written.document:
        raise written.refuse("workspaces", "a workspace holds no workspaces")
    written.refuse_unknown()
    for key in written.values:
        if key in SHARED:
            raise written.refuse(key, f"{key} is the same for all workspaces; move it to the top")


def _stands_for_one(top: Written, variables: Variables) -> bool:
    """Whether the top level is a workspace beside the named ones: it has an organisation.

    Half of one is refused: whoever wrote it meant it for a workspace, and none would take it.
    """
    sources = (Variables(variables.environment, suffix(DEFAULT_WORKSPACE)), variables, top)
    there = {
        key: found
        for key in _IDENTITY
        if (found := next((f for s in sources if (f := s.find(BY_KEY[key]))), None)) and found[0]
    }
    if len(there) == 1:
        [(key, (_, origin))] = there.items()
        [lacking] = set(_IDENTITY) - set(there)
        raise UsageError(
            f"{origin}: {key} without {lacking} belongs to no workspace:"
            " the named ones do not take it from the top level",
            f"give it to one of them ({BY_KEY[key].env}__NAME), or add {lacking}",
        )
    return bool(there)


def _refuse_stray_variables(layout: Layout) -> None:
    """A variable for a workspace that is not there would be overlooked for ever."""
    known = {suffix(name): name for name in layout.names}
    for option in OPTIONS:
        start = f"{option.env}__"
        for variable, given in layout.variables.environment.items():
            if not option.env or not variable.startswith(start) or not given.strip():
                continue
            if option.key in SHARED:
                raise UsageError(
                    f"{variable}: {option.key} is the same for all workspaces",
                    f"set {option.env}",
                )
            ours = layout.named or start.startswith(("TRUEUP_", "ZOHO_"))
            if ours and variable.removeprefix(option.env) not in known:
                name = variable.removeprefix(start).lower().replace("_", "-")
                hint = suggestion(name, list(layout.names))
                raise UsageError(
                    f"{variable}: there is no workspace {name!r}{hint}",
                    f"add [workspaces.{name}] to trueup.toml, or unset {variable}",
                )
