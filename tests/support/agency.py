"""Several workspaces for tests: each an organisation and a database, one home for their jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from support.agreement import some_rows
from support.emulator import emulator_process
from support.postgres import fresh_database
from support.program import Result, run_cli
from support.site import NO_LIMITS, UNHURRIED, Console, Site
from trueup.settings import Settings, load_all


class Desk(Console):
    """The console of one organisation among several."""

    def __init__(self, address: str, org_id: str) -> None:
        super().__init__(address)
        self._org_id = org_id

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        joint = "&" if "?" in path else "?"
        return super()._call(method, f"{path}{joint}org_id={self._org_id}", body)


@dataclass
class Agency:
    """The workspaces by name, each as a site of its own, and what is common to them."""

    sites: dict[str, Site]
    home: str
    env: dict[str, str]
    folder: Path

    def call(self, *arguments: str, **env: str) -> Result:
        """The program in this process, for none of them in particular."""
        return run_cli(*arguments, env=self.env | env, cwd=self.folder)

    def settings(self, **env: str) -> tuple[Settings, dict[str, Settings]]:
        """Those of the home and of every workspace."""
        given = self.env | {"TRUEUP_DATA_DIR": str(self.folder / "data")} | env
        home, known = load_all(file=self.folder / "trueup.toml", environment=given)
        return home, dict(known)


@contextmanager
def open_agency(
    server: str,
    template: str,
    names: Sequence[str],
    *,
    products: int,
    options: dict[str, Any] | None = None,
    each: Sequence[dict[str, Any]] = (),
    time_scale: float = 1,
    **env: str,
) -> Iterator[Agency]:
    """Workspaces of these names, with so many products each; all at one emulator.

    `options` are the emulator's, `each` what the organisations have of their own.
    """
    own = list(each) or [{} for _ in names]
    chosen = {"limits": NO_LIMITS} | (options or {}) | {"organisations": own}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        common = stack.enter_context(emulator_process(options=chosen, time_scale=time_scale))
        address = common["ZOHO_API_URL"]
        home = stack.enter_context(fresh_database(server, template))
        given = {k: v for k, v in common.items() if k not in ("ZOHO_ORG_ID", "ZOHO_REFRESH_TOKEN")}
        given |= UNHURRIED | {"DATABASE_URL": home} | env
        sites, lines = {}, []
        known = httpx2.get(f"{address}/_emulator/organisations").json()
        for name, organisation in zip(names, known, strict=True):
            lines.append(f'[workspaces.{name}]\nzoho.org_id = "{organisation["org_id"]}"\n')
            database = stack.enter_context(fresh_database(server, template))
            mark = name.upper().replace("-", "_")
            given |= {
                f"DATABASE_URL__{mark}": database,
                f"ZOHO_REFRESH_TOKEN__{mark}": organisation["refresh_token"],
            }
            desk = Desk(address, organisation["org_id"])
            stack.callback(desk.close)
            sites[name] = Site(database, desk, {}, folder)
        (folder / "trueup.toml").write_text("".join(lines), encoding="utf-8")
        for name, site in sites.items():
            site.env = given | {"TRUEUP_WORKSPACE": name}
            site.fill(some_rows(products))
        yield Agency(sites, home, given, folder)
