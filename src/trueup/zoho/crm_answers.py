"""What CRM says about each record of a batch (zoho-facts §2.4): by position, never by status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trueup.domain.changes import Change
from trueup.domain.errors import LostAnswerError, RecordError, RetryableError, StaleError
from trueup.ports import Written
from trueup.zoho.codec import identifier
from trueup.zoho.http import Answer
from trueup.zoho.refusals import record_error
from trueup.zoho.verdict import Ruling, judge_record

Result = Written | RecordError
_BAD_REQUEST = 400


def results(changes: Sequence[Change], answer: Answer) -> list[Result] | None:
    """One result per change, in order; None when the request was refused as a whole.

    An answer that does not fit the request confirms nothing: all of it is lost.
    """
    entries = answer.document.get("data") if isinstance(answer.document, Mapping) else None
    if not isinstance(entries, list) or not entries:
        return [LostAnswerError("CRM's answer names no record") for _ in changes]
    if len(entries) != len(changes):
        if answer.status >= _BAD_REQUEST and all(_refused(entry) for entry in entries):
            return _all_refused(changes, entries, answer)
        text = f"CRM answered about {len(entries)} of {len(changes)} records"
        return [LostAnswerError(text) for _ in changes]
    return [_result(c, e, answer) for c, e in zip(changes, entries, strict=True)]


def authors(answer: Answer) -> frozenset[str]:
    """The ids of the users as whom records were just written: ourselves (zoho-facts §2.4)."""
    entries = answer.document.get("data") if isinstance(answer.document, Mapping) else None
    listed = entries if isinstance(entries, list) else []
    done = [entry for entry in listed if judge_record(entry).kind is Ruling.OK]
    users = (user_of(entry["details"].get("Modified_By")) for entry in done)
    return frozenset(user for user, _ in users if user)


def user_of(value: Any) -> tuple[str, str]:
    """Id and name of a user; both empty where CRM names nobody (zoho-facts §2.1)."""
    if not isinstance(value, Mapping):
        return "", ""
    return identifier(value.get("id")), " ".join(str(value.get("name") or "").split())


def _result(change: Change, entry: Any, answer: Answer) -> Result:
    verdict = judge_record(entry)
    if verdict.kind is Ruling.STALE and answer.repeated:
        return LostAnswerError("the record was modified meanwhile, perhaps by our first attempt")
    if verdict.kind is not Ruling.OK:
        return record_error(verdict)
    remote_id = str(entry["details"]["id"])
    if change.remote_id and remote_id != change.remote_id:
        return LostAnswerError(f"CRM confirmed record {remote_id} instead of {change.remote_id}")
    return Written(remote_id)


def _all_refused(
    changes: Sequence[Change], entries: Sequence[Any], answer: Answer
) -> list[Result] | None:
    """One error for the whole request. Where it names a record, the others were not carried out."""
    verdict = judge_record(entries[0])
    if verdict.kind is not Ruling.STALE:
        return None
    if answer.repeated:
        return [LostAnswerError("a record was modified meanwhile") for _ in changes]
    moved = str(entries[0].get("details", {}).get("id") or "")
    return [
        StaleError("the record was changed by somebody else meanwhile")
        if change.remote_id == moved
        else RetryableError("another record of the same request had been changed meanwhile")
        for change in changes
    ]


def _refused(entry: Any) -> bool:
    return isinstance(entry, Mapping) and entry.get("status") == "error"


def refusal(answer: Answer) -> RecordError:
    """The error of a request that was refused as a whole."""
    return record_error(judge_record(answer.document["data"][0]))
