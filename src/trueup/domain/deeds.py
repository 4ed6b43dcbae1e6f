"""What people and programs can have done: one word for each, on pages, in the API and in commands.

All are in the past tense. What a job does later was *asked for*: how it went is the job's to tell.
"""

from __future__ import annotations

from enum import StrEnum


class Did(StrEnum):
    """An action as lists of deeds say it; deeds are kept for ever, so that no word is changed."""

    # What products and Zoho are about.
    ASKED_FOR_RUN = "asked for a run"
    ASKED_FOR_RESYNC = "asked for a re-sync"
    ASKED_FOR_LOOK = "asked for a look"
    ASKED_FOR_VERIFICATION = "asked for a verification"
    ASKED_FOR_DRIFT = "asked for a look for drift"
    ASKED_FOR_REPAIR = "asked for a repair"
    ASKED_FOR_DUPLICATES = "asked for a search for duplicates"
    RELEASED = "released from quarantine"
    ADOPTED = "adopted"
    APPROVED = "approved"
    REJECTED = "rejected"
    REVERTED = "reverted"
    CANCELLED_JOB = "cancelled a job"
    CANCELLED_RUN = "cancelled a run"
    CHECKED = "checked"

    # Who may come in.
    INVITED = "invited"
    CHANGED_ROLE = "changed the role"
    DISABLED = "disabled"
    RESET_ACCOUNT = "reset the password"
    ACCEPTED = "chose a password"
    CHANGED_ACCOUNT = "changed the password"
    SIGNED_IN = "signed in"
    SIGNED_IN_ELSEWHERE = "signed in elsewhere"
    SIGNED_OUT_ELSEWHERE = "signed out elsewhere"
    SIGNED_OUT_EVERYWHERE = "signed out everywhere"
    LET_PROGRAM_IN = "made a token"
    SHUT_PROGRAM_OUT = "revoked a token"
