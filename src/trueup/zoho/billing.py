"""Zoho Billing as a target: products, plans and items (zoho-facts §3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from trueup.domain.changes import Action, Change, FieldDelta
from trueup.domain.errors import (
    LostAnswerError,
    RecordError,
    RejectedError,
    RetryableError,
    StaleError,
    TargetStoppedError,
)
from trueup.domain.records import (
    ACTIVE,
    FieldValue,
    Intent,
    Kind,
    RecordKey,
    Ref,
    RemoteRecord,
    Schema,
    Stands,
    TargetName,
)
from trueup.ports import Clock, Written
from trueup.zoho.billing_records import ORGANISATION, SHAPES, Shape
from trueup.zoho.codec import identifier, same, text
from trueup.zoho.http import Answer, Door, Safety
from trueup.zoho.paging import billing_rows
from trueup.zoho.refusals import GONE, reading
from trueup.zoho.subscriptions import live_subscriptions
from trueup.zoho.verdict import BILLING_VALIDATION

Result = Written | RecordError
RemoteId = Callable[[RecordKey], str | None]


class BillingTarget:
    """The `Target` for Billing.

    `tax_id` is put on new items where one is configured. Billing takes no currency: the plan's is
    the organisation's, `currency` only tells readers of the schema what we expect.
    """

    name = TargetName.BILLING

    def __init__(
        self,
        door: Door,
        *,
        org_id: str,
        clock: Clock,
        currency: str = "",
        tax_id: str | None = None,
    ) -> None:
        self._door = door
        self._org_id = org_id
        self._headers = {ORGANISATION: org_id} if org_id else {}
        self._clock = clock
        self._currency = currency
        self._tax_id = tax_id

    # --- reading -----------------------------------------------------------------------------

    def schema(self) -> Schema:
        """The fields of Billing are fixed by its contract: nothing is asked."""
        details = {"currency": self._currency} if self._currency else {}
        return Schema({kind: shape.specs for kind, shape in SHAPES.items()}, details)

    def records(self, kind: Kind) -> Iterator[RemoteRecord]:
        """Every record of a kind, active or not, by listing pages."""
        shape = SHAPES.get(kind)
        return iter(()) if shape is None else map(shape.record, self._rows(shape))

    def find(self, intents: Sequence[Intent]) -> list[RemoteRecord]:
        """What could be the records whose creation was not confirmed.

        A plan is read by its code. Products and items have no such address, and filters by sku
        are not documented (zoho-facts §3.6), so they are listed and compared here.
        """
        found = [plan for intent in intents if (plan := self._plan(intent)) is not None]
        for kind in (Kind.BILLING_PRODUCT, Kind.BILLING_ITEM):
            wanted = [intent for intent in intents if intent.key.kind is kind]
            if wanted:
                found += [r for r in self.records(kind) if any(_could_be(r, i) for i in wanted)]
        return found

    def subscriptions(self, codes: Collection[str]) -> Mapping[str, int] | None:
        """Live subscriptions of these plans; None where Billing does not tell."""
        counts = live_subscriptions(self._door, self._org_id)
        return None if counts is None else {c: counts[c] for c in codes if c in counts}

    def _rows(self, shape: Shape) -> Iterator[Mapping[str, Any]]:
        return billing_rows(
            self._door,
            shape.collection,
            shape.plural,
            shape.id_name,
            shape.everything,
            self._headers,
        )

    def _plan(self, intent: Intent) -> RemoteRecord | None:
        if intent.key.kind is not Kind.BILLING_PLAN:
            return None
        shape = SHAPES[Kind.BILLING_PLAN]
        with reading(shape.collection):
            try:
                row = self._read(shape, intent.key.code)
            except RejectedError as error:
                if error.code == GONE:
                    return None
                raise
        return shape.record(row)

    def _read(self, shape: Shape, address: str) -> Mapping[str, Any]:
        """One record as it is now; another one than asked for counts as gone."""
        answer = self._send("GET", shape.path(address), Safety.READ)
        row = _member(answer, shape)
        if row is None:
            raise RetryableError(f"Billing did not show {shape.singular} {address}")
        if identifier(row.get(shape.address)) != address:
            raise RejectedError(f"Billing has no {shape.singular} {address}", code=GONE)
        return row

    # --- writing -----------------------------------------------------------------------------

    def group(self, changes: Sequence[Change]) -> list[list[Change]]:
        """Billing takes one record in each request."""
        return [[change] for change in changes]

    def apply(self, changes: Sequence[Change], remote_id: RemoteId) -> list[Result]:
        """Carry out changes one by one; a record's own trouble is its result.

        A target that stops after a first change was carried out leaves the others retryable.
        """
        results: list[Result] = []
        for change in changes:
            try:
                results.append(self._apply(change, remote_id))
            except RecordError as error:
                results.append(error)
            except TargetStoppedError as error:
                if not results:
                    raise
                results.append(RetryableError(f"not tried: {error}"))
        return results

    def _apply(self, change: Change, remote_id: RemoteId) -> Written:
        shape = SHAPES[change.key.kind]
        if change.action is Action.CREATE:
            return self._create(shape, change, remote_id)
        for need in change.needs:
            self._require(need.key, change.stands)
        if change.writes:
            self._update(shape, change)
        return Written(change.remote_id)

    def _require(self, key: RecordKey, stands: Stands) -> None:
        """Raise `StaleError` unless a plan is there as it must be before the one before it goes."""
        if key.kind is not Kind.BILLING_PLAN:
            return
        shape = SHAPES[key.kind]
        try:
            there = shape.read(self._read(shape, key.code))
        except RejectedError as error:
            if error.code != GONE:
                raise
            raise StaleError(f"waits for {key}, which is not there") from error
        for name, values in stands.items():
            if not any(same(there.get(name), value) for value in values):
                raise StaleError(f"waits for {key}: its {name} is {there.get(name)}")

    def _create(self, shape: Shape, change: Change, remote_id: RemoteId) -> Written:
        values = {name: _resolved(value, remote_id) for name, value in change.after.items()}
        body = shape.creation(values)
        if shape.kind is Kind.BILLING_ITEM and self._tax_id:
            body["tax_id"] = self._tax_id
        try:
            answer = self._send("POST", shape.collection, Safety.CREATE, body)
        except RejectedError as error:
            raise self._explained(error, change) from error
        row = _member(answer, shape)
        made = identifier(row.get(shape.id_name)) if row is not None else ""
        if not made or (shape.kind is Kind.BILLING_PLAN and made != body["plan_code"]):
            raise LostAnswerError(f"Billing did not confirm the new {shape.singular}")
        return Written(made)

    def _update(self, shape: Shape, change: Change) -> None:
        """Read, compare with what the plan saw, write the whole record back, then mark it."""
        address = change.remote_id or change.key.code
        deltas = {n: d for n, d in change.deltas.items() if n != ACTIVE[shape.kind]}
        activates, wrote = change.activates, False
        if deltas:
            current = self._read(shape, address)
            there = shape.read(current)
            edits = _edits(shape, deltas, there)
            if there.get(ACTIVE[shape.kind]) is activates:
                activates = None
            if edits:
                body = shape.replacement(current, edits)
                answer = self._send("PUT", shape.path(address), Safety.SAME, body)
                _confirm(answer, shape, address)
                wrote = True
        if activates is not None:
            self._mark(shape, address, activates, after_edit=wrote)

    def _mark(self, shape: Shape, address: str, active: bool, *, after_edit: bool) -> None:
        path = f"{shape.path(address)}/{shape.marks[active]}"
        try:
            answer = self._send("POST", path, Safety.SAME)
            if answer.document is None:
                raise LostAnswerError(f"Billing did not confirm {path}")
        except (RecordError, TargetStoppedError) as error:
            if not after_edit:
                raise
            raise LostAnswerError(
                f"the fields were written, but it could not be marked"
                f" {'active' if active else 'inactive'}: {error}"
            ) from error

    def _explained(self, error: RejectedError, change: Change) -> RejectedError:
        """Say of a refused creation whether it was a duplicate.

        The codes for a duplicate plan code, product name and sku are not known (zoho-facts §3.8),
        so a code that means nothing to us is settled by looking.
        """
        if error.duplicate or error.code in BILLING_VALIDATION or error.code == GONE:
            return error
        twins = self.find([Intent(change.key, text(change.after.get("name")))])
        if not twins:
            return error
        ids = ", ".join(twin.remote_id for twin in twins)
        return RejectedError(f"{error}; it exists as {ids}", code=error.code, duplicate=True)

    def _send(self, method: str, path: str, safety: Safety, body: object = None) -> Answer:
        return self._door.send(
            self.name, method, path, safety=safety, body=body, headers=self._headers
        )


def _edits(
    shape: Shape, deltas: Mapping[str, FieldDelta], there: Mapping[str, FieldValue]
) -> dict[str, FieldValue]:
    """The fields still to be written; raises `StaleError` when one holds a third value."""
    edits: dict[str, FieldValue] = {}
    for name, delta in deltas.items():
        now = there.get(name)
        if same(now, delta.after):
            continue
        if not same(now, delta.before):
            raise StaleError(
                f"{name} of this {shape.singular} was {delta.before} when the plan was made,"
                f" and is {now}"
            )
        edits[name] = delta.after
    return edits


def _confirm(answer: Answer, shape: Shape, address: str) -> None:
    row = _member(answer, shape)
    if row is None or identifier(row.get(shape.address)) != address:
        raise LostAnswerError(f"Billing did not confirm the update of {shape.singular} {address}")


def _member(answer: Answer, shape: Shape) -> Mapping[str, Any] | None:
    row = answer.document.get(shape.singular) if isinstance(answer.document, Mapping) else None
    return row if isinstance(row, Mapping) else None


def _resolved(value: FieldValue, remote_id: RemoteId) -> FieldValue:
    if not isinstance(value, Ref):
        return value
    found = remote_id(value.key)
    if not found:
        raise RetryableError(f"waits for {value.key}")
    return found


def _could_be(record: RemoteRecord, intent: Intent) -> bool:
    by_code = bool(record.code) and record.code == intent.key.code
    named = intent.name.strip().casefold()
    return by_code or bool(named and record.name.strip().casefold() == named)
