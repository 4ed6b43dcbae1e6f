"""Look at what was changed in the catalogues, seconds after it was.

The triggers of `trueup db upgrade --watch` note the products, and say so when their writer commits
(`postgres/watch.py`). One worker of the deployment listens; what changes within `watch.delay` is
one job. It is a job like any other: the same budget, guards and lock; and only a hint, what it
misses is found by the next run.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import structlog

from trueup.deployment import Deployment
from trueup.domain.jobs import Job, JobKind, JobRequest, Priority, Terms
from trueup.domain.runs import Trigger
from trueup.ports import Fence
from trueup.ports.queue import Queue
from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.dated_source import DatedSource
from trueup.postgres.lease import PostgresLease
from trueup.postgres.touched import Touched, TouchedCatalogue
from trueup.postgres.trouble import database_trouble
from trueup.settings import Settings

MERGE = "watch"  # of these jobs one that waits is enough
WATCH_EVERY = 0.25  # seconds between two looks at the connections
_POLL_EVERY = 15.0  # where nothing is heard: a pooler passes nothing on, a notification got lost
_LEASE = 30.0  # a worker that died is replaced after this


@dataclass(slots=True)
class _Post:
    """A catalogue as it is being watched; moments in seconds of the clock that only grows.

    `poll_at` is when to look without having heard anything: for changes, or, without a connection,
    for one. `take_at` is when what changed is taken; None while nothing is known to have.
    """

    settings: Settings
    connection: TouchedCatalogue | None = None
    poll_at: float = 0.0
    take_at: float | None = None

    def leave(self, poll_at: float = 0.0) -> None:
        """End the connection, if there is one."""
        if self.connection is not None:
            self.connection.close()
        self.connection, self.poll_at, self.take_at = None, poll_at, None


@dataclass
class Watching:
    """The catalogues of a deployment, watched by the one worker that holds the lease.

    `try_every`: seconds until a watch that is not there, or its database, is looked for again.
    """

    deployment: Deployment
    lease: PostgresLease
    try_every: float = 30.0
    _posts: dict[str, _Post] = field(default_factory=dict)
    _fence: Fence | None = None
    _claim_at: float = 0.0

    def look(self) -> list[Job]:
        """Ask for a run wherever something changed long enough ago; waits for nothing."""
        now = self.deployment.clock.monotonic()
        if not self._is_ours(now):
            return []
        self._keep_posts()
        jobs = []
        for name, post in self._posts.items():
            try:
                job = self._look_at(name, post, now)
            except Exception as error:
                trouble = database_trouble(error)
                if trouble is None:
                    raise
                post.leave(now + self.try_every)
                _log().warning("watch_interrupted", workspace=name, error=trouble.message)
                continue
            if job is not None:
                jobs.append(job)
        return jobs

    def close(self) -> None:
        """Let another worker watch."""
        for post in self._posts.values():
            post.leave()
        fence, self._fence = self._fence, None
        if fence is not None:
            try:
                self.lease.release(fence)
            except Exception as error:
                if database_trouble(error) is None:
                    raise
                # It expires by itself.

    def _is_ours(self, now: float) -> bool:
        """Whether this worker is the one that watches."""
        if now >= self._claim_at:
            self._claim_at = now + _LEASE / 3
            if self._fence is None or not self.lease.renew(self._fence):
                self._fence = self.lease.try_acquire()
        if self._fence is None:
            for post in self._posts.values():
                post.leave()
        return self._fence is not None

    def _keep_posts(self) -> None:
        """One post for each workspace, with the settings that it has now."""
        wanted = self.deployment.workspaces
        for name in list(self._posts):
            if wanted.get(name) != self._posts[name].settings:
                self._posts.pop(name).leave()
        for name, settings in wanted.items():
            self._posts.setdefault(name, _Post(settings))

    def _look_at(self, name: str, post: _Post, now: float) -> Job | None:
        if post.connection is None:
            if now < post.poll_at:
                return None
            post.connection = self._connect(post.settings)
            post.poll_at = now + (_POLL_EVERY if post.connection else self.try_every)
            post.take_at = now  # what was noted before anybody listened
        if post.connection is None:
            return None
        if self._has_changed(post.connection, post, now) and post.take_at is None:
            post.take_at = now + post.settings.watch_delay
        if post.take_at is None or now < post.take_at:
            return None
        with post.connection.take() as touched:
            job = None if touched is None else self._ask(name, touched)
        post.take_at = now if touched is not None and touched.more else None
        return job

    def _has_changed(self, connection: TouchedCatalogue, post: _Post, now: float) -> bool:
        if connection.heard():
            return True
        if now < post.poll_at:
            return False
        post.poll_at = now + _POLL_EVERY
        return connection.waits()

    def _connect(self, settings: Settings) -> TouchedCatalogue | None:
        return TouchedCatalogue.open(
            settings.database_url or self.deployment.home.database_url,
            CatalogueSource(settings.catalogue_table, settings.columns),
            DatedSource(settings.dated_prices, settings.dated_columns),
        )

    def _ask(self, workspace: str, touched: Touched) -> Job | None:
        request = JobRequest(
            workspace,
            JobKind.SYNC,
            Trigger.WATCH,
            Priority.WATCH,
            Terms(skus=touched.skus),
            merge=MERGE,
        )
        job = self.deployment.queue.ask(request)
        _log().info(
            "watch_asked",
            workspace=workspace,
            products=len(touched.skus) or "what is due",
            job=job.job_id if job else None,
        )
        return job


_WATCHING: WeakKeyDictionary[Queue, Watching] = WeakKeyDictionary()


def watch(deployment: Deployment) -> None:
    """The chore of a worker."""
    known = _WATCHING.get(deployment.queue)
    if known is None:
        pool, owner = deployment.home.pool, secrets.token_hex(8)
        known = Watching(deployment, PostgresLease(pool, "watch", owner=owner, seconds=_LEASE))
        _WATCHING[deployment.queue] = known
        deployment.home.stack.callback(known.close)
    known.look()


def _log() -> structlog.stdlib.BoundLogger:
    found: structlog.stdlib.BoundLogger = structlog.get_logger("trueup.watch")
    return found
