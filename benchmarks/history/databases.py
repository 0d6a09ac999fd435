"""Two histories on one PostgreSQL: a small one, and a copy of it with millions of older rows."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

ALIAS = "default"


class Database:
    """One of them. ``used`` makes Django read and write there for the length of a block."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Ours is not the first: a wrapper takes its settings from the handler when it is made.
        settings = copy.deepcopy(dict(connections.settings[ALIAS])) | {"NAME": name}
        self._wrapper: BaseDatabaseWrapper = type(connections[ALIAS])(settings, ALIAS)

    @contextmanager
    def used(self) -> Iterator[BaseDatabaseWrapper]:
        """Django's database is this one."""
        before = connections[ALIAS]
        connections[ALIAS] = self._wrapper
        try:
            yield self._wrapper
        finally:
            connections[ALIAS] = before

    def close(self) -> None:
        """Let go of the connection, so that the database can be copied or dropped."""
        self._wrapper.close()

    def processor_seconds(self) -> float:
        """Processor time that this process and the server's for this connection have used; Linux only for the latter."""
        own = time.process_time()
        self._wrapper.ensure_connection()
        pid: int = self._wrapper.connection.info.backend_pid
        with suppress(OSError, ValueError):
            return own + int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
        return own


def make(name: str, template: str = "template1") -> Database:
    """A new database, in place of one of that name."""
    _administer(
        f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}" TEMPLATE "{template}"'
    )
    return Database(name)


def drop(name: str) -> None:
    """Away with one of that name."""
    _administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def exists(name: str) -> bool:
    """True when there is one of that name."""
    with closing(_connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


def migrate(database: Database) -> None:
    """Bring a database up to date."""
    with database.used():
        call_command("migrate", verbosity=0)


def _administer(*statements: str) -> None:
    with closing(_connect()) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement)


def _connect() -> Any:
    return psycopg2.connect(**connections[ALIAS].get_connection_params())
