"""Settings become a wired `App`: the one place that knows every part.

Nothing is opened before it is needed: a command that only reads the ledger needs no credentials,
and one that only prints settings needs no database.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from trueup import __version__
from trueup.clock import Simulation, SystemClock
from trueup.domain.errors import CredentialsError, UsageError
from trueup.domain.records import Kind, TargetName
from trueup.domain.runs import Trigger
from trueup.planner.due import LADDER
from trueup.planner.reading import CatalogueRules
from trueup.postgres.pool import open_pool
from trueup.reconcile.scope import Limits, Silence, Watcher, Workshop
from trueup.reconcile.telling import telling
from trueup.settings import Settings
from trueup.settings.options import OPTIONS
from trueup.settings.rules import catalogue_rules, guard_limits, price_changes, run_limits
from trueup.settings.secret_key import secret_key
from trueup.settings.workspaces import embedded_database, variable
from trueup.zoho.answers import Answers

if TYPE_CHECKING:
    import httpx2
    from psycopg_pool import ConnectionPool

    from trueup.ports import Target
    from trueup.postgres.budget import PostgresBudget
    from trueup.postgres.catalogue import PostgresCatalogue
    from trueup.postgres.currencies import PostgresCurrencies
    from trueup.postgres.guardbook import PostgresGuardbook
    from trueup.postgres.lease import PostgresLease
    from trueup.postgres.ledger import PostgresLedger
    from trueup.postgres.past import PostgresPast
    from trueup.postgres.stored_ids import PostgresRememberedIds
    from trueup.postgres.tokens import PostgresTokenStore
    from trueup.zoho.http import Door
    from trueup.zoho.wire import RequestEvent

# The key of the budget, the token and the run lock within a database. It is no workspace's name: a
# database belongs to one workspace, and tells none apart.
WORKSPACE = "default"
_NEEDED = frozenset({"client_id", "client_secret", "refresh_token", "org_id"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SPARE_CONNECTIONS = 8  # a streamed catalogue, its look-ups, the heartbeat, and room


@dataclass
class App:
    """The parts, each made when it is first asked for. Use it inside `open_app`."""

    settings: Settings
    stack: ExitStack
    clock: SystemClock = field(default_factory=SystemClock)
    watcher: Watcher = field(default_factory=Silence)
    transport: httpx2.BaseTransport | None = None
    on_request: Callable[[RequestEvent], None] | None = None
    person: bool = False
    note_run: Callable[[str], None] = lambda _: None
    answers: Answers = field(default_factory=Answers)

    def _note_request(self, event: RequestEvent) -> None:
        self.answers.note(event)
        if self.on_request is not None:
            self.on_request(event)

    @cached_property
    def database_url(self) -> str:
        """The database; the embedded server is started, and left at the end."""
        if self.settings.database_url:
            return self.settings.database_url
        from trueup.postgres.embedded import EmbeddedPostgres

        name = embedded_database(self.settings.workspace)
        server = EmbeddedPostgres(self.settings.data_dir, database=name)
        return self.stack.enter_context(server).url

    @cached_property
    def bare_pool(self) -> ConnectionPool[Any]:
        """Connections to the database, whatever schema it has."""
        size = self.settings.concurrency + _SPARE_CONNECTIONS
        return self.stack.enter_context(open_pool(self.database_url, size))

    @cached_property
    def pool(self) -> ConnectionPool[Any]:
        """Connections to a database that has our schema; raises `SchemaError` otherwise."""
        from trueup.postgres.business import keep_zone
        from trueup.postgres.migrate import require_current

        with self.bare_pool.connection() as connection:
            require_current(connection)
            keep_zone(connection, self.settings.timezone)
        return self.bare_pool

    @cached_property
    def catalogue(self) -> PostgresCatalogue:
        """The product catalogue."""
        from trueup.postgres.catalogue import PostgresCatalogue
        from trueup.postgres.dated_source import DatedSource

        settings = self.settings
        return PostgresCatalogue(
            self.pool,
            table=settings.catalogue_table,
            columns=settings.columns,
            dated=DatedSource(settings.dated_prices, settings.dated_columns),
            digest_salt=revision_salt(settings),
        )

    @cached_property
    def ledger(self) -> PostgresLedger:
        """The memory between runs."""
        from trueup.postgres.ledger import PostgresLedger

        return PostgresLedger(self.pool, ladder=LADDER, catalogue_ids=self.catalogue.ids)

    @cached_property
    def guardbook(self) -> PostgresGuardbook:
        """What waits for a person, and what people decided."""
        from trueup.postgres.guardbook import PostgresGuardbook

        return PostgresGuardbook(self.pool)

    @cached_property
    def past(self) -> PostgresPast:
        """What earlier runs wrote, for taking it back."""
        from trueup.postgres.past import PostgresPast

        return PostgresPast(self.pool)

    @cached_property
    def ids(self) -> PostgresRememberedIds:
        """Whose a remote id is, as far as anybody remembers."""
        from trueup.postgres.stored_ids import PostgresRememberedIds

        return PostgresRememberedIds(self.pool)

    @cached_property
    def budget(self) -> PostgresBudget:
        """The rate limit shared by all processes."""
        from trueup.postgres.budget import PostgresBudget

        settings = self.settings
        return PostgresBudget(
            self.pool,
            workspace=WORKSPACE,
            limit=settings.rate_limit,
            window=settings.rate_window,
            daily_budget=settings.daily_budget,
            daily_reserve=settings.daily_reserve,
            concurrency=settings.concurrency,
            sleep=self.clock.sleep,
            person=self.person,
            # A killed run leaves seats behind as it leaves its lock: both are free at one moment.
            lease=settings.lease,
        )

    @cached_property
    def tokens(self) -> PostgresTokenStore:
        """The access token shared by all processes."""
        from trueup.postgres.tokens import PostgresTokenStore
        from trueup.postgres.vault import Vault, credentials_digest

        settings = self.settings
        return PostgresTokenStore(
            self.pool,
            Vault(secret_key(settings)),
            workspace=WORKSPACE,
            credentials_digest=credentials_digest(settings.client_id, settings.refresh_token),
            sleep=self.clock.sleep,
            cooldown_seconds=settings.oauth_cooldown,
        )

    @cached_property
    def lease(self) -> PostgresLease:
        """The lock that makes one run the only writer."""
        from trueup.postgres.lease import PostgresLease

        return PostgresLease(
            self.pool,
            f"{WORKSPACE}/run",
            owner=secrets.token_hex(8),
            seconds=self.settings.lease,
        )

    @cached_property
    def door(self) -> Door:
        """The one way out to Zoho; raises `CredentialsError` naming what is not set."""
        from trueup.zoho.auth import Credentials
        from trueup.zoho.http import Door
        from trueup.zoho.regions import Hosts, region

        settings = self.settings
        require_credentials(settings)
        door = Door.open(
            credentials=Credentials(
                settings.client_id, settings.client_secret, settings.refresh_token
            ),
            hosts=Hosts(region(settings.region), settings.accounts_url, settings.api_url),
            budget=self.budget,
            tokens=self.tokens,
            clock=self.clock,
            rng=random.Random(),  # noqa: S311 (it spreads retries; nothing secret depends on it)
            transport=self.transport,
            on_request=self._note_request,
        )
        self.stack.callback(door.close)
        return door

    @cached_property
    def targets(self) -> Mapping[TargetName, Target]:
        """CRM and Billing."""
        from trueup.zoho.billing import BillingTarget
        from trueup.zoho.crm import CrmTarget

        settings = self.settings
        return {
            TargetName.CRM: CrmTarget(
                self.door,
                managed=settings.mapping.managed(Kind.CRM_PRODUCT),
                own_id_field=settings.mapping.field_from(Kind.CRM_PRODUCT, "offering_id"),
                clock=self.clock,
                batch_size=settings.batch_size,
            ),
            TargetName.BILLING: BillingTarget(
                self.door,
                org_id=settings.org_id,
                clock=self.clock,
                currency=settings.currency,
                tax_id=settings.tax_id or None,
            ),
        }

    @property
    def rules(self) -> CatalogueRules:
        """How prices in the catalogue are to be understood."""
        return catalogue_rules(self.settings)

    @property
    def limits(self) -> Limits:
        """How much one run does."""
        return run_limits(self.settings)

    @cached_property
    def currencies(self) -> PostgresCurrencies:
        """What the organisation counts in, as far as it was ever asked."""
        from trueup.postgres.currencies import PostgresCurrencies

        return PostgresCurrencies(self.pool, self.settings.org_id)

    def currency_of(self, target: TargetName) -> str:
        """What a target's organisation counts in; asked until it is the catalogue's currency."""
        known = self.currencies.known(target)
        if known == self.settings.currency:
            return known
        from trueup.zoho.probe import currency_of

        code = currency_of(self.door, target, self.settings.org_id)
        if code:
            self.currencies.keep(target, code)
        return code

    def workshop(self) -> Workshop:
        """Everything that planning and running need; its runs tell how far they have come."""
        from trueup.postgres.run_progress import keeper

        shop = Workshop(
            catalogue=self.catalogue,
            targets=self.targets,
            ledger=self.ledger,
            guardbook=self.guardbook,
            lock=self.lease,
            clock=self.clock,
            mapping=self.settings.mapping,
            rules=self.rules,
            limits=self.limits,
            guards=guard_limits(self.settings),
            new_run_id=new_run_id,
            requests=lambda: self.door.requests,
            throttles=lambda target: self.answers.throttles(target.value),
            watcher=self.watcher,
            currency_of=self.currency_of,
            ids=self.ids,
            price_changes=price_changes(self.settings),
        )
        return telling(shop, keeper(self.pool), self.stack, answers=self.answers.counts)


@contextmanager
def open_app(settings: Settings, **parts: Any) -> Iterator[App]:
    """An app whose parts are closed at the end; `parts` replace fields of `App`."""
    with ExitStack() as stack:
        yield App(settings, stack, **{"clock": clock_of(settings)} | parts)


def clock_of(settings: Settings) -> SystemClock:
    """The machine's clock, or the simulated one; that is refused anywhere but at an emulator."""
    if not settings.simulated_clock:
        return SystemClock()
    hosts = {urlsplit(url).hostname for url in (settings.accounts_url, settings.api_url)}
    if not hosts <= _LOOPBACK:
        raise UsageError(
            "TRUEUP_CLOCK is for trials with the emulator on this machine",
            "unset it: a simulated time must not decide about real prices",
        )
    return SystemClock(simulation=Simulation.parse(settings.simulated_clock))


def require_credentials(settings: Settings) -> None:
    """Raise `CredentialsError` naming every credential that is not set."""
    missing = [
        variable(settings.workspace, option)
        for option in OPTIONS
        if option.name in _NEEDED and not getattr(settings, option.name)
    ]
    if missing:
        raise CredentialsError(
            f"not set: {', '.join(missing)}",
            "set them in the environment or in trueup.toml (`trueup auth url` starts the OAuth"
            " flow); to try without an account, start `trueup emulator`",
        )


def revision_salt(settings: Settings) -> str:
    """What a product's records are made from besides its row: with another, every row is due.

    The version stands for our own reading of rows, which may change with a release.
    """
    own = (settings.mapping.digest(), settings.currency, settings.timezone)
    return "/".join(map(str, (__version__, *own, settings.vat_basis, settings.vat_rate)))


def new_run_id(trigger: Trigger, started: datetime) -> str:
    """An id that sorts by time and says who asked."""
    return f"{trigger.value}-{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
