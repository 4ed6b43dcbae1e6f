"""Zoho CRM as a target: one `Products` record per product (zoho-facts §2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from trueup.domain.changes import Action, Change
from trueup.domain.errors import (
    LostAnswerError,
    RecordError,
    RejectedError,
    RetryableError,
    ScopeError,
    TargetDownError,
    TargetStoppedError,
    UsageError,
)
from trueup.domain.records import (
    FieldSpec,
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    Schema,
    TargetName,
)
from trueup.ports import Clock, Written
from trueup.zoho import coql, crm_answers
from trueup.zoho.codec import crm_specs, identifier, read_crm, text, write_crm
from trueup.zoho.http import Answer, Door, Safety
from trueup.zoho.paging import crm_rows, rows_of
from trueup.zoho.refusals import reading

BASE = "/crm/v8"
PRODUCTS = f"{BASE}/Products"
COQL = f"{BASE}/coql"
MOST_PER_REQUEST = 100  # zoho-facts §2.4
MOST_FIELDS = 50  # zoho-facts §2.7
# A process that serves for weeks must notice a new field; a run asks once. Seconds.
SCHEMA_LIFE = 300.0
_ALWAYS = ("id", "Product_Name", "Product_Code", "Modified_Time")
_EDITOR = "Modified_By"

Result = Written | RecordError


class CrmTarget:
    """The `Target` for CRM.

    `managed` are the fields that we may read and write; those that the organisation lacks are
    never asked for nor sent. `trigger` None leaves out the key, so that all workflows run; an
    empty list runs none (zoho-facts §2.3).

    Listings tell who changed a record last (zoho-facts §2.1), for reports and never to compare.
    Who that is when we did it ourselves, the answers to our own writes say (zoho-facts §2.4): from
    then on that user is nobody. Until then a record that we wrote in an earlier process names its
    user, who may well be another program with the same credentials.
    """

    name = TargetName.CRM

    def __init__(
        self,
        door: Door,
        *,
        managed: Sequence[str],
        clock: Clock,
        own_id_field: str = "ct_service_package_id",
        batch_size: int = 20,
        trigger: Sequence[str] | None = None,
    ) -> None:
        self._door = door
        self._managed = tuple(dict.fromkeys(managed))
        self._clock = clock
        self._own_id_field = own_id_field
        self._batch_size = max(1, min(batch_size, MOST_PER_REQUEST))
        self._trigger = trigger
        self._schema: Schema | None = None
        self._schema_at = 0.0
        self._ourselves: set[str] = set()

    # --- reading -----------------------------------------------------------------------------

    def schema(self) -> Schema:
        """The fields of Products (zoho-facts §2.2); asked again after a while, they do change."""
        now = self._clock.monotonic()
        if self._schema is None or now - self._schema_at > SCHEMA_LIFE:
            path = f"{BASE}/settings/fields"
            with reading(path):
                answer = self._door.send(self.name, "GET", path, params={"module": "Products"})
            document = answer.document if isinstance(answer.document, Mapping) else {}
            specs = crm_specs(document)
            if "Product_Name" not in specs:
                # Metadata answers 204 for some modules (zoho-facts §2.2): not "has no fields".
                raise TargetDownError("CRM does not describe the fields of Products")
            details = {"fields_read_at": self._clock.now().isoformat(), "fields": len(specs)}
            self._schema, self._schema_at = Schema({Kind.CRM_PRODUCT: specs}, details), now
        return self._schema

    def records(self, kind: Kind) -> Iterator[RemoteRecord]:
        """Every product of the organisation, active or not."""
        if kind is not Kind.CRM_PRODUCT:
            return
        columns = self._columns()
        if len(columns) < MOST_FIELDS:  # a name for reports is not worth a managed field
            columns.append(_EDITOR)
        params = {"fields": ",".join(columns)}
        for row in crm_rows(self._door, PRODUCTS, params):
            yield self._record(row)

    def find(self, intents: Sequence[Intent]) -> list[RemoteRecord]:
        """The records that carry these codes, by COQL: the search index lags (zoho-facts §2.9).

        Where the organisation refuses the query, the listing answers instead.
        """
        codes = list(dict.fromkeys(intent.key.code for intent in intents if intent.key.code))
        wanted = frozenset(codes)
        try:
            rows = list(self._query(codes))
        except (RecordError, ScopeError):
            return [r for r in self.records(Kind.CRM_PRODUCT) if r.code in wanted]
        # COQL compares without regard to case, we do not (zoho-facts §2.10).
        return [r for r in map(self._record, rows) if r.code in wanted]

    def _query(self, codes: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        for start in range(0, len(codes), coql.MOST_VALUES):
            some, offset, more = codes[start : start + coql.MOST_VALUES], 0, True
            while more:
                page = self._query_page(coql.by_code(some, self._columns(), offset))
                rows = [] if page is None else rows_of(page, "data", COQL)
                yield from rows
                offset += len(rows)
                info = page.get("info") if page is not None else None
                more = bool(rows) and isinstance(info, Mapping) and bool(info.get("more_records"))

    def _query_page(self, query: str) -> Mapping[str, Any] | None:
        """One page, or None. "None" is asked twice: believed wrongly, it would make a duplicate."""
        body = {"select_query": query}
        for _ in range(2):
            answer = self._door.send(self.name, "POST", COQL, body=body)
            if isinstance(answer.document, Mapping):
                return answer.document
        return None

    def _specs(self) -> Mapping[str, FieldSpec]:
        # As the run saw them when it began: reading and writing must agree.
        schema = self._schema or self.schema()
        return schema.kinds[Kind.CRM_PRODUCT]

    def _columns(self) -> list[str]:
        specs = self._specs()
        wanted = [*self._managed, self._own_id_field]
        columns = list(dict.fromkeys([*_ALWAYS, *(name for name in wanted if name in specs)]))
        if len(columns) > MOST_FIELDS:
            raise UsageError(
                f"CRM lets us read {MOST_FIELDS} fields at once, and {len(columns)} are mapped",
                "Map fewer CRM fields in trueup.toml",
            )
        return columns

    def _record(self, row: Mapping[str, Any]) -> RemoteRecord:
        specs = self._specs()
        return RemoteRecord(
            kind=Kind.CRM_PRODUCT,
            remote_id=identifier(row.get("id")),
            code=text(row.get("Product_Code")),
            fields=read_crm(row, specs, [name for name in self._managed if name in specs]),
            own_id=text(row.get(self._own_id_field)),
            version=text(row.get("Modified_Time")),
            editor=self._editor(row),
        )

    def _editor(self, row: Mapping[str, Any]) -> str:
        """The name of who changed a record last, unless that was us."""
        user, name = crm_answers.user_of(row.get(_EDITOR))
        return "" if user in self._ourselves else name

    # --- writing -----------------------------------------------------------------------------

    def group(self, changes: Sequence[Change]) -> list[list[Change]]:
        """Creates together and updates together, at most a batch in each request.

        Two changes of one record stay in their order and never share a request.
        """
        done: list[list[Change]] = []
        filling: dict[bool, list[Change]] = {}
        for change in changes:
            for creating, batch in list(filling.items()):
                if any(_same_record(change, other) for other in batch):
                    done.append(filling.pop(creating))
            batch = filling.setdefault(change.action is Action.CREATE, [])
            batch.append(change)
            if len(batch) == self._batch_size:
                done.append(filling.pop(change.action is Action.CREATE))
        return [*done, *filling.values()]

    def apply(
        self, changes: Sequence[Change], remote_id: Callable[[RecordKey], str | None]
    ) -> list[Result]:
        """Carry out one group with one request; the result of each record is its own."""
        del remote_id  # a CRM record refers to no other record of ours
        writing = [change for change in changes if change.writes]
        if len({change.action is Action.CREATE for change in writing}) > 1:
            raise ValueError("creates and updates do not share a request: see `group`")
        sent = iter(self._send(writing) if writing else [])
        return [next(sent) if c.writes else Written(c.remote_id) for c in changes]

    def _send(self, changes: Sequence[Change]) -> list[Result]:
        creating = changes[0].action is Action.CREATE
        try:
            answer = self._request(changes, creating=creating)
        except RejectedError as error:
            return self._one_by_one(changes, error)
        except RecordError as error:
            return [error for _ in changes]
        self._ourselves |= crm_answers.authors(answer)
        found = crm_answers.results(changes, answer)
        if found is None:
            return self._one_by_one(changes, crm_answers.refusal(answer))
        return found

    def _one_by_one(self, changes: Sequence[Change], error: RecordError) -> list[Result]:
        """The whole request was refused, so nothing was carried out: find out whose fault it is.

        A target that stops after a part was carried out leaves the others retryable.
        """
        if len(changes) == 1:
            return [error]
        results: list[Result] = []
        for change in changes:
            try:
                results += self._send([change])
            except TargetStoppedError as stopped:
                if not any(isinstance(r, Written | LostAnswerError) for r in results):
                    raise
                results.append(RetryableError(f"not carried out: {stopped}"))
        return results

    def _request(self, changes: Sequence[Change], *, creating: bool) -> Answer:
        specs = self._specs()
        rows = [write_crm(change.after, specs, creating=creating) for change in changes]
        if not creating:
            rows = [{"id": c.remote_id, **row} for c, row in zip(changes, rows, strict=True)]
        body: dict[str, Any] = {"data": rows}
        if self._trigger is not None:
            body["trigger"] = list(self._trigger)
        return self._door.send(
            self.name,
            "POST" if creating else "PUT",
            PRODUCTS,
            safety=Safety.CREATE if creating else Safety.SAME,
            body=body,
            headers={} if creating else _unmodified_since(changes),
        )


def _same_record(one: Change, other: Change) -> bool:
    return one.key == other.key or bool(one.remote_id and one.remote_id == other.remote_id)


def _unmodified_since(changes: Sequence[Change]) -> dict[str, str]:
    """Refuse what somebody edited after the newest version that the plan saw (zoho-facts §2.4).

    One header serves the whole request, so it can only name the newest of the versions: an edit
    between a record's own version and that moment passes, one after it does not. A second is
    added because versions are told in whole seconds, and the record may be younger by a part.
    """
    try:
        newest = max(datetime.fromisoformat(change.version) for change in changes)
    except (ValueError, TypeError):
        return {}
    return {"If-Unmodified-Since": (newest + timedelta(seconds=1)).isoformat(timespec="seconds")}
