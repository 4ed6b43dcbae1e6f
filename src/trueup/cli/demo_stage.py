"""What the demo plays on: a database of its own, a catalogue, and Zoho in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

from trueup.domain.errors import TrueupError

if TYPE_CHECKING:
    from trueup.bootstrap import App

MARKER = ".trueup-demo"
EDITOR = "Sales Desk"
NEW = "BIZ-FBR-099"  # the product that is new on the second day
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Zoho:
    """The emulator, and what a person with a browser could do there."""

    variables: Mapping[str, str]

    def console(self, method: str, path: str, body: Any = None) -> Any:
        """Call the emulator's console."""
        url = f"{self.variables['ZOHO_API_URL']}/_emulator/{path}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, content, method=method)  # noqa: S310 (loopback)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (loopback)
            return json.loads(answer.read() or b"null")

    def edit(self, service: str, resource: str, key: str, **fields: object) -> None:
        """A person changes a record in Zoho's own screens."""
        name = "code" if resource == "plans" else "id"
        where = {"service": service, "resource": resource, name: key}
        body = where | {"fields": fields, "by": EDITOR}
        self.console("POST", "edit", body)

    def delete(self, service: str, resource: str, key: str) -> None:
        """A person deletes a record."""
        self.console("POST", "delete", {"service": service, "resource": resource, "id": key})

    def state(self) -> Any:
        """Counts, requests and the largest window that the emulator saw."""
        return self.console("GET", "state")


@contextmanager
def zoho(time_scale: int) -> Iterator[Zoho]:
    """The emulator as a process of its own, stopped at the end."""
    command = [sys.executable, "-m", "zoho_emulator", "--port", "0", "--seed", "7", "--json"]
    command += ["--time-scale", str(time_scale)]
    with subprocess.Popen(  # noqa: S603 (our own program)
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            first = process.stdout.readline() if process.stdout else ""
            if not first.startswith("{"):
                said = process.stderr.read() if process.stderr else ""
                raise TrueupError(f"the emulator did not start: {said.strip() or first.strip()}")
            yield Zoho(json.loads(first))
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def fresh_folder(wanted: Path) -> Iterator[Path]:
    """An empty data directory for this demo; only a folder of an earlier demo is ever emptied."""
    import fcntl

    wanted.mkdir(parents=True, exist_ok=True)
    with (wanted.parent / f"{wanted.name}.lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Another demo is running: this one leaves nothing behind.
            with tempfile.TemporaryDirectory(prefix="trueup-demo-") as other:
                yield Path(other)
            return
        contents = list(wanted.iterdir())
        if contents and not (wanted / MARKER).exists():
            raise TrueupError(f"{wanted} is not a folder of the demo; it is left alone")
        for each in contents:
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        (wanted / MARKER).write_text("made by `trueup demo`; emptied by the next one\n", "ascii")
        yield wanted


def load_sample(app: App) -> int:
    """Create the schema and load the sample catalogue; returns how many rows."""
    from trueup.postgres.importing import import_rows, load_rows
    from trueup.postgres.migrate import upgrade

    with app.bare_pool.connection() as connection:
        upgrade(connection)
        with as_file(files("trueup.data") / "sample_catalogue.json") as sample:
            return import_rows(connection, load_rows(sample)).total


SLIPPED = "DC-PLUS-100"  # its price is typed wrong on the second day


def change_catalogue(app: App) -> list[str]:
    """What a product manager does on a day: prices, a new tariff, one withdrawn, one text."""
    statements = (
        ("BIZ-FBR-001 costs 5 % more", _priced("BIZ-FBR-001", "3148.95")),
        ("NEST-FBR-003 costs 20 % more", _priced("NEST-FBR-003", "1798.80")),
        (f"a comma slips: {SLIPPED} costs 109.90, not 1099.00", _priced(SLIPPED, "109.90")),
        (
            "BIZ-FBR-002 has a better description",
            """update service_packages set description = description || ' Installed in ten days.'
               where sku = 'BIZ-FBR-002'""",
        ),
        (
            "DC-PRO-200 is no longer sold",
            """update service_packages set status = 'inactive', active = false
               where sku = 'DC-PRO-200'""",
        ),
        (
            "BIZ-FBR-099 is new",
            """insert into service_packages
               select (jsonb_populate_record(p, jsonb_build_object(
                   'id', '00000000-0000-4000-8000-000000000099', 'sku', 'BIZ-FBR-099',
                   'name', 'BizLight Connect Max', 'slug', 'bizlight-connect-max'))).*
               from service_packages p where p.sku = 'BIZ-FBR-003'""",
        ),
    )
    with app.pool.connection() as connection:
        for _, statement in statements:
            connection.execute(statement)
    return [text for text, _ in statements]


def put_right(app: App) -> None:
    """The price that slipped is corrected in the catalogue."""
    with app.pool.connection() as connection:
        connection.execute(_priced(SLIPPED, "1099.00"))


def _priced(sku: str, amount: str) -> LiteralString:
    return f"""update service_packages
        set price = {amount}, base_price_zar = {amount},
            pricing = jsonb_set(pricing, '{{monthly}}', '{amount}')
        where sku = '{sku}'"""


def change_zoho(app: App, there: Zoho) -> list[str]:
    """What people do at Zoho meanwhile, with the best intentions."""
    there.edit("crm", "Products", _in_crm(app, "BIZ-FBR-003"), Unit_Price=1)
    there.edit("billing", "plans", "BIZ-FBR-004", recurring_price=18.99)
    there.delete("crm", "Products", _in_crm(app, "BIZ-FBR-005"))
    return [
        "somebody types a price of 1.00 into the CRM record of BIZ-FBR-003",
        "somebody slips by two digits in the Billing plan BIZ-FBR-004: 18.99",
        "somebody deletes the CRM record of BIZ-FBR-005",
    ]


def make_twice(there: Zoho) -> str:
    """Somebody makes by hand, and twice, what the night would have made."""
    for name in ("BizLight Connect Max", "BizLight Connect Max (copy)"):
        record = {"Product_Code": NEW, "Product_Name": name, "Unit_Price": 2499}
        body = {
            "service": "crm",
            "resource": "Products",
            "fields": record | {"Product_Active": True},
        }
        there.console("POST", "add", body)
    return f"somebody makes {NEW} in the CRM before the night does, twice"


REFUSED = "BIZ-FBR-001"  # Billing refuses its new price, once


def refuse_once(there: Zoho) -> None:
    """Billing has a bad moment; whoever asks again later is not refused."""
    plans = {"service": "billing", "method": "PUT", "path": f"*/plans/{REFUSED}*", "times": 1}
    there.console("POST", "faults", [{"match": plans, "do": "refuse", "status": 400, "code": 3006}])


def slip_again(app: App, there: Zoho) -> list[str]:
    """What people do at Zoho after the night; nobody has looked since."""
    there.edit("crm", "Products", _in_crm(app, "BIZ-FBR-003"), Unit_Price=1)
    there.edit("billing", "plans", "NEST-FBR-001", name="Old plan, do not sell")
    return [
        "somebody types the price of 1.00 into the CRM record of BIZ-FBR-003 again",
        "somebody gives the Billing plan NEST-FBR-001 a name of their own",
    ]


def _in_crm(app: App, sku: str) -> str:
    """The id of a product's record in the CRM."""
    from trueup.domain.records import Kind, RecordKey

    return app.ledger.remote_id(RecordKey(Kind.CRM_PRODUCT, sku)) or ""
