"""What can go wrong, grouped by what the caller does about it.

TrueupError                     carries a remedy: what a person does next
├── UsageError                  wrong command line or configuration            exit 2
├── DatabaseUnavailableError    the database cannot be reached                 exit 2
├── SchemaError                 the database is not migrated                   exit 2
├── CatalogueError              a row, or the whole catalogue, cannot be trusted
│   └── CatalogueSourceError    the configured table or columns are not there  exit 2
├── LockedError                 another run holds the lock                     exit 75
├── LeaseLostError              this run lost its lock: stop writing
├── TargetStoppedError          nothing more will pass at this target: its work is deferred
│   ├── CredentialsError        refused credentials                            exit 4
│   ├── ScopeError              a permission is missing, by name               exit 4
│   ├── PausedError             throttled or out of quota, until a known time
│   └── TargetDownError         unreachable, or answering with server errors
└── RecordError                 one record's own trouble: a result, never the end of a run
    ├── RejectedError           understood and refused: waits until something changes
    ├── RetryableError          surely not carried out: tried again later
    ├── LostAnswerError         sent, answer lost: looked up before it is ever sent again
    └── StaleError              the record moved since the plan was made: plan again
"""

from __future__ import annotations

from datetime import datetime


class TrueupError(Exception):
    """The base of every error of ours; `remedy` says what to do next."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UsageError(TrueupError):
    """The command line or the configuration is wrong."""

    exit_code = 2


class DatabaseUnavailableError(TrueupError):
    """The database cannot be reached or started."""

    exit_code = 2


class SchemaError(TrueupError):
    """The database does not have the schema that this version needs."""

    exit_code = 2


class CatalogueError(TrueupError):
    """The catalogue, or one of its rows, cannot be trusted."""


class CatalogueSourceError(CatalogueError):
    """The configured table, or a column of it, cannot be the catalogue: a matter of settings."""

    exit_code = 2


class LockedError(TrueupError):
    """Another run is writing."""

    exit_code = 75


class LeaseLostError(TrueupError):
    """This run's lock expired or was taken over: it must not write any more."""


class TargetStoppedError(TrueupError):
    """Nothing more will pass at this target in this run; what is left is deferred."""


class CredentialsError(TargetStoppedError):
    """Zoho refused the credentials."""

    exit_code = 4


class ScopeError(TargetStoppedError):
    """The token lacks a permission; the message names it."""

    exit_code = 4


class PausedError(TargetStoppedError):
    """The target, or the token endpoint, must be left alone until `until` (None: not known)."""

    def __init__(self, message: str, until: datetime | None = None, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.until = until


class TargetDownError(TargetStoppedError):
    """The target cannot be reached, or keeps answering with server errors."""


class RecordError(TrueupError):
    """One record's own trouble."""


class RejectedError(RecordError):
    """The target understood the change and refused it.

    `code` is the target's own code, `field` the field that it named, if any; `duplicate` says
    that it was refused because such a record exists already.
    """

    def __init__(
        self, message: str, *, code: str = "", field: str = "", duplicate: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.duplicate = duplicate


class RetryableError(RecordError):
    """The change was surely not carried out and may pass later."""


class LostAnswerError(RecordError):
    """The change was sent and its answer lost: it may or may not have been carried out."""


class StaleError(RecordError):
    """The record no longer looks as it did when the change was planned."""
