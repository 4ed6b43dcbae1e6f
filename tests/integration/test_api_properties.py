"""Whatever is sent to the API, what comes back is what its OpenAPI document promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from support import postgres
from support.agreement import some_rows
from support.api import bearer
from support.served import BEARER, deployed, settings_of
from trueup.deployment import Deployment
from trueup.domain.jobs import Ending, Job, JobOutcome
from trueup.domain.people import Role
from trueup.postgres.api_tokens import ApiTokens
from trueup.postgres.importing import import_rows
from trueup.reconcile.applying import Brake
from trueup.web.app import make_app
from trueup.worker.main import Worker

CREDENTIALS = {
    "ZOHO_CLIENT_ID": "1000.INVENTED",
    "ZOHO_CLIENT_SECRET": "an-invented-client-secret",
    "ZOHO_REFRESH_TOKEN": "1000.invented.token",
    "ZOHO_ORG_ID": "10234695",
}
EXAMPLES = 5  # of each operation: what people send wrong, and what they send right
# The operations of /api/v1 are many, and read their requests in one way.
OF_MANY = {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 1}


@pytest.fixture(scope="module")
def deployment(postgres_server: str, template: str) -> Iterator[Deployment]:
    """Its worker is a real one, for which every job is done at once."""
    with postgres.fresh_database(postgres_server, template) as database:
        with psycopg.connect(database, autocommit=True) as connection:
            import_rows(connection, some_rows(1))
        with (
            deployed(settings_of(CREDENTIALS | {"DATABASE_URL": database})) as found,
            Worker(found, scheduler=False, attempt=at_once, chores=()),
        ):
            yield found


def at_once(job: Job, _brake: Brake) -> JobOutcome:
    """Every ending that there is comes up."""
    ending = list(Ending)[job.job_id % len(Ending)]
    ended = Ending.PARTIAL if ending is Ending.FAILED else ending
    return JobOutcome(ended, f"cron-{job.job_id}", "as told", {"state": str(ended)})


def test_every_answer_is_in_the_document(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its status, type, schema; nonsense is refused, sense is not, and nobody passes unasked."""
    # Each request is repeated with no secret and with a wrong one.
    monkeypatch.setattr("trueup.web.bearer.BURST", 10**9)
    app = make_app(deployment)
    made = ApiTokens(deployment.home.pool).add("properties", Role.ADMIN, "Ann Example", 3600)
    assert made is not None
    keys = {"/api/v1/": bearer(made[1])}
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    statuses: Counter[int] = Counter()
    for found in schema.get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            operation = found.ok()
            headers = next((h for p, h in keys.items() if operation.path.startswith(p)), BEARER)
            examples = EXAMPLES if headers is BEARER else OF_MANY[mode]
            send_some(operation, mode, statuses, headers, examples)
    app.state.parts.bell.close()
    assert statuses.keys() >= {200, 202, 400, 404}


def send_some(
    operation: Any,
    mode: GenerationMode,
    statuses: Counter[int],
    headers: dict[str, str],
    examples: int,
) -> None:
    """Requests that the document allows, or such as it forbids, where any can be thought of."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and "workspace" in case.path_parameters:
            # Any name is allowed; behind most of them there is nothing to see.
            case.path_parameters["workspace"] = "default"
        answer = case.call(headers=headers)
        statuses[answer.status_code] += 1
        case.validate_response(answer)

    # Without parameters there is nothing to get wrong.
    with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
        send()
