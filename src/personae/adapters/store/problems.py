"""What SQLite, PostgreSQL and SQLAlchemy raise, said once in our own errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from personae.errors import BackendError, Conflict, InputError, PersonaeError

_SQLITE = {
    "SQLITE_FULL": "the disk of {store} is full: free some space and run the command again",
    "SQLITE_READONLY": "{store} cannot be written: give this user write access to the file and its folder",
    "SQLITE_PERM": "{store} cannot be written: give this user write access to the file and its folder",
    "SQLITE_BUSY": "another process has been writing to {store} for too long: wait for it or end it",
    "SQLITE_LOCKED": "another process has been writing to {store} for too long: wait for it or end it",
    "SQLITE_CANTOPEN": "{store} cannot be opened: check that its folder exists and that this user may write there",
    "SQLITE_NOTADB": "{store} is not a SQLite database: choose another file or restore a backup",
    "SQLITE_CORRUPT": "{store} is damaged: run `personae doctor`, and restore a backup if it agrees",
    "SQLITE_IOERR": "the disk of {store} failed while it was read or written: check the disk",
}
"""By primary result code."""

_POSTGRES = {
    "53100": "the disk of {store} is full: free some space and run the command again",
    "53": "{store} has no room or no connections left: try again later",
    "25006": "{store} cannot be written: it is in read-only mode",
    "42501": "{store} does not let this user do that: grant it rights on the database",
    "55P03": "another process has been writing to {store} for too long: wait for it or end it",
    "40": "another process changed {store} at the same time: run the command again",
    "57": "{store} was stopped: start it and run the command again",
    "08": "{store} does not answer: check that the server runs and can be reached",
    "28": "{store} refuses this user: check name and password in the address",
    "3D": "{store} does not exist: create the database first",
    "58": "{store} failed while its disk was read or written: check the server's log",
    "XX": "{store} is damaged: check the server's log",
}
"""By SQLSTATE, else by its class (the first two characters)."""


@contextmanager
def translating(store: str, *, reading: bool = False) -> Iterator[None]:
    """Raise our errors for the driver's.

    Args:
        store: how to name the store in a sentence, without a password.
        reading: inside a view that only reads, where a refused write is the caller's mistake.
    """
    try:
        yield
    except (exc.SQLAlchemyError, sqlite3.Error) as error:
        raise translate(error, store, reading=reading) from error
    except OverflowError as error:
        raise InputError("a number is too large") from error


def translate(error: exc.SQLAlchemyError | sqlite3.Error, store: str, *, reading: bool = False) -> PersonaeError:
    """Return the error of ours that says what happened and what to do."""
    cause: BaseException | None = error.orig if isinstance(error, exc.StatementError) else error
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, store, reading)
    if isinstance(error, exc.DBAPIError):
        return _of_postgres(error, store, reading)
    return _of_sqlalchemy(error, cause, store)


def _of_sqlalchemy(error: BaseException, cause: BaseException | None, store: str) -> PersonaeError:
    if isinstance(error, exc.TimeoutError):
        return BackendError(f"too many threads use {store} at once")
    if isinstance(cause, PersonaeError):
        return cause
    if isinstance(error, exc.StatementError):
        return InputError(f"a value cannot be stored: {cause}")
    if isinstance(error, exc.InvalidRequestError):
        return Conflict(f"a transaction was used after its end: {error}")
    return BackendError(f"{store}: {error}")


def _of_sqlite(cause: sqlite3.Error, store: str, reading: bool) -> PersonaeError:
    name = getattr(cause, "sqlite_errorname", "") or ""
    primary = "_".join(name.split("_")[:2])
    if primary == "SQLITE_CONSTRAINT":
        return Conflict(f"the store refuses it: {cause}")
    if primary == "SQLITE_READONLY" and reading:
        return Conflict("a view that only reads was written to")
    if primary in _SQLITE:
        return BackendError(_SQLITE[primary].format(store=store))
    if isinstance(cause, sqlite3.InterfaceError | sqlite3.DataError | sqlite3.ProgrammingError):
        return InputError(f"a value cannot be stored: {cause}")
    return BackendError(f"{store}: {cause}")


def _of_postgres(error: exc.DBAPIError, store: str, reading: bool) -> PersonaeError:
    said = str(error.orig).strip().partition("\n")[0]
    state = getattr(error.orig, "sqlstate", None) or _of_refused_connection(said)
    if state.startswith(("23", "P0")):
        return Conflict(f"the store refuses it: {said}")
    if state == "25006" and reading:
        return Conflict("a view that only reads was written to")
    if state.startswith("22") or isinstance(error, exc.DataError):
        return InputError(f"a value cannot be stored: {said}")
    sentence = _POSTGRES.get(state) or _POSTGRES.get(state[:2])
    return BackendError(sentence.format(store=store) if sentence else f"{store}: {said}")


def _of_refused_connection(said: str) -> str:
    """The SQLSTATE of a failed connection, which the driver gives as words only."""
    if "does not exist" in said and "database" in said:
        return "3D000"
    if "authentication failed" in said or "no password" in said or ("role" in said and "does not exist" in said):
        return "28000"
    return "08000"
