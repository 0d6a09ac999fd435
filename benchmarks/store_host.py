"""PostgreSQL and Redis on a host of their own, by address and password: the embedded servers' programs, listening on TCP."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
import redis

from benchmarks.folders import ROOT
from benchmarks.hosts import NETWORK, Host
from benchmarks.processes import ProgramEndedError, check_alive
from deploy_site import embedded
from deploy_site.embedded import postgres
from deploy_site.embedded.process import account, processes_in

START_SECONDS = 60.0


@dataclass(frozen=True)
class Store:
    """Where they are, with their passwords."""

    database_url: str
    redis_url: str


@contextmanager
def serving(host: Host, folder: Path) -> Iterator[Store]:
    """Both servers with empty data in ``folder``. Raises ProgramEndedError, EmbeddedServerError."""
    shutil.rmtree(folder, ignore_errors=True)
    password = secrets.token_urlsafe(24)
    programs = _prepared(folder, password)
    owner = account()
    as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    database = [programs["postgres"], "-D", "data", "-c", f"listen_addresses={host.address}"]
    queue = [
        *(programs["redis"], "valkey.conf", "--port", "6379", "--bind", host.address),
        *("--protected-mode", "yes", "--requirepass", password),
    ]
    role = postgres.ROLE
    store = Store(
        database_url=f"postgresql://{role}:{password}@{host.address}:5432/{postgres.DATABASE}",
        redis_url=f"redis://:{password}@{host.address}:6379/0",
    )
    with ExitStack() as stack:
        for name, command in (("postgres", database), ("redis", queue)):
            log = folder / f"{name}.log"
            process = stack.enter_context(
                host.running([*as_owner, *command], environment={}, cwd=folder / name, log=log)
            )
            _wait(process, log, _ASKS[name], store)
        yield store


def _prepared(folder: Path, password: str) -> dict[str, str]:
    """Let the embedded servers make their data and a password, then stop; the paths of their programs."""
    with embedded.hold(folder) as servers:
        programs = {
            "postgres": processes_in(folder / "postgres" / "data")[0].exe(),
            "redis": processes_in(folder / "redis")[0].exe(),
        }
        with closing(psycopg2.connect(servers.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(f"ALTER ROLE {postgres.ROLE} PASSWORD %s", [password])
            connection.commit()
    with (folder / "postgres" / "data" / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all {postgres.ROLE} {NETWORK}.0/24 scram-sha-256\n")
    return programs


def _ask_postgres(store: Store) -> None:
    psycopg2.connect(store.database_url, connect_timeout=2).close()


def _ask_redis(store: Store) -> None:
    with closing(redis.Redis.from_url(store.redis_url, socket_timeout=2)) as client:
        client.ping()


_ASKS: dict[str, Callable[[Store], None]] = {"postgres": _ask_postgres, "redis": _ask_redis}


def _wait(process: psutil.Process, log: Path, ask: Callable[[Store], None], store: Store) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        check_alive(process, log)
        try:
            ask(store)
        except (psycopg2.OperationalError, redis.RedisError) as error:
            if time.monotonic() > until:
                raise ProgramEndedError(f"A server on {ROOT.name}'s store host does not answer.") from error
            time.sleep(0.1)
        else:
            return
