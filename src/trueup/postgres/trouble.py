"""Telling a database that went away from everything else that can go wrong."""

from __future__ import annotations

import psycopg
from psycopg import errors

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres.pool import explain_database_error

_PASSING = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    # Said with the connection still there.
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.ReadOnlySqlTransaction,  # a standby that is about to take over
)
_LASTING = (errors.DiskFull, errors.ConfigurationLimitExceeded)  # a person must see to it


def database_trouble(error: BaseException) -> DatabaseUnavailableError | None:
    """What is wrong with the database, if that is all that this error says: it may pass.

    None for a fault of ours, or of the data: trying again would fail in the same way.
    """
    if isinstance(error, DatabaseUnavailableError):
        return error
    if isinstance(error, _PASSING) and not isinstance(error, _LASTING):
        return explain_database_error(error)
    return None
