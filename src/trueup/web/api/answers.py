"""The documents of the API, for OpenAPI; docs/json.md says what the keys mean."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from trueup.domain.jobs import Ending, JobKind, JobState
from trueup.domain.people import Role
from trueup.domain.states import Standing
from trueup.views.preflight import Verdict


class Document(BaseModel):
    """The base of all: a key may be added later. What is not known is null."""

    model_config = ConfigDict(extra="allow")


class WorkspacesDocument(Document):
    """Where a token may look."""

    workspaces: list[str]
    token: str = Field(description="What the token is called.")
    role: Role


class RunDocument(Document):
    """A run; `changes_removed_at` where it is asked for alone."""

    run_id: str
    state: str
    trigger: str
    started_at: str
    finished_at: str | None
    duration_ms: int
    fingerprint: str
    summary: dict[str, int]
    requests: dict[str, int]
    violations: list[dict[str, Any]]
    error: str | None
    resumes: str | None


class RunsDocument(Document):
    """Runs, the newest first."""

    runs: list[RunDocument]
    next: str | None = Field(description="`after` of the next page; null on the last one.")


class ChangeDocument(Document):
    """A change that was tried or held; `deltas` is field: [before, after]."""

    run_id: str
    at: str
    target: str
    kind: str
    code: str
    sku: str | None
    action: str
    reason: str
    deltas: dict[str, list[Any]]
    status: str
    remote_id: str | None
    error_code: str | None
    detail: str | None
    actor: str | None
    editor: str | None


class ChangesDocument(Document):
    """What a run tried, in order."""

    run_id: str
    changes: list[ChangeDocument]
    next: int | None = Field(description="`after` of the next page; null on the last one.")


class HistoryDocument(Document):
    """What was ever tried for a product, the newest first."""

    sku: str
    changes: list[ChangeDocument]


class Attention(Document):
    """Something that needs a person."""

    what: str
    products: int | None
    why: str
    remedy: str


class StatusDocument(Document):
    """How everything stands."""

    now: str
    time_zone: str
    products: dict[str, int]
    standings: list[dict[str, Any]]
    oldest_verification: str | None
    running: dict[str, Any] | None
    last_success: RunDocument | None
    last_run: RunDocument | None
    attention: list[Attention]


class StandDocument(Document):
    """How a product stands at one target; no standing: no run has decided about it."""

    standing: Standing | None
    since: str | None
    error: str | None
    quarantined: bool
    next_attempt_at: str | None


class LineDocument(Document):
    """A product in a list."""

    offering_id: str
    sku: str
    name: str
    status: str
    price: str | None
    currency: str
    crm: StandDocument
    billing: StandDocument


class ProductsDocument(Document):
    """A page of products."""

    products: list[LineDocument]
    next: str | None = Field(description="`after` of the next page; null on the last one.")


class JobDocument(Document):
    """A job; `report` is there where it is asked for alone, and depends on the kind."""

    job_id: int
    workspace: str
    kind: JobKind
    trigger: str
    priority: int
    skus: list[str]
    state: JobState
    ending: Ending | None
    asked_at: str
    asked_by: str | None
    started_at: str | None
    finished_at: str | None
    attempt: int
    run_id: str | None
    message: str | None
    cancelled_by: str | None


class JobsDocument(Document):
    """What waits, what runs, what ended lately."""

    now: str
    open: list[JobDocument]
    ended: list[JobDocument]


class WorkersDocument(Document):
    """Who carries jobs out."""

    now: str
    workers: list[dict[str, Any]]


class SchedulesDocument(Document):
    """What is due when."""

    now: str
    trouble: str | None
    schedules: list[dict[str, Any]]


class TrendsDocument(Document):
    """Runs by local day."""

    time_zone: str
    days: list[dict[str, Any]]
    most_failing: list[dict[str, Any]]


class HeldDocument(Document):
    """What waits for a person, by guard."""

    run_id: str | None
    changes: int
    groups: list[dict[str, Any]]


class DecidedDocument(Document):
    """What was decided; `job_id` carries it out where that was asked for."""

    decision: Literal["approved", "rejected"]
    by: str
    reason: str | None
    expires_at: str | None
    changes: list[dict[str, Any]]
    overtaken: list[dict[str, Any]]
    job_id: int | None


class LookDocument(Document):
    """The last look at everything; null before the first. `document` is what it found."""

    last: dict[str, Any] | None
    earlier: list[dict[str, Any]]


class CheckDocument(Document):
    """What a run relies on, each with what to do where it lacks."""

    verdict: Verdict
    lines: list[dict[str, Any]]


class SettingsDocument(Document):
    """The effective settings, secrets masked, and the mapping."""

    workspace: str
    settings: list[dict[str, Any]]
    mapping: list[dict[str, Any]]


class LimitsDocument(Document):
    """Requests, pauses and the token's times; never the token."""

    now: str
    window: dict[str, Any]
    in_flight: dict[str, Any]
    day: dict[str, Any]
    targets: dict[str, Any]
    token: dict[str, Any]


class DeedsDocument(Document):
    """What people and programs did, the latest first."""

    deeds: list[dict[str, Any]]
    next: int | None = Field(description="`before` of the next page; null on the last one.")


class ProductDocument(Document):
    """A product on all its sides; `changes` are the newest."""

    offering_id: str
    sku: str
    name: str
    wish: str = Field(description="What the catalogue wants of it, in words.")
    price: str | None
    currency: str
    crm: StandDocument
    billing: StandDocument
    troubles: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    records: list[dict[str, Any]]
    looked_at: str | None
    changes: list[ChangeDocument]
