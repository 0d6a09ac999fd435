"""Start, find and stop the two servers of one folder, whoever else is doing the same."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy_site.embedded import postgres, valkey


@dataclass(frozen=True)
class Servers:
    """Where the servers of one folder listen; None for one that was not asked for."""

    database_url: str | None
    redis_url: str | None


def ensure(var_dir: Path, *, with_postgres: bool = True, with_redis: bool = True) -> Servers:
    """Find the servers of `var_dir`, starting those that are not up. They stay up afterwards."""
    with _exclusive(var_dir):
        return _ensure(var_dir, with_postgres=with_postgres, with_redis=with_redis)


def stop(var_dir: Path) -> None:
    """Stop the servers of `var_dir`, whoever is using them."""
    with _exclusive(var_dir):
        _stop(var_dir)


@contextmanager
def hold(var_dir: Path, *, with_postgres: bool = True, with_redis: bool = True) -> Iterator[Servers]:
    """Have the servers for the length of the block; the last holder of a folder stops them."""
    with _exclusive(var_dir):
        users = (var_dir / "servers.users").open("a")
        fcntl.flock(users, fcntl.LOCK_SH)
        servers = _ensure(var_dir, with_postgres=with_postgres, with_redis=with_redis)
    try:
        yield servers
    finally:
        with users, _exclusive(var_dir), suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _stop(var_dir)


def _ensure(var_dir: Path, *, with_postgres: bool, with_redis: bool) -> Servers:
    return Servers(
        database_url=postgres.ensure(var_dir / "postgres") if with_postgres else None,
        redis_url=valkey.ensure(var_dir / "redis") if with_redis else None,
    )


def _stop(var_dir: Path) -> None:
    valkey.stop(var_dir / "redis")
    postgres.stop(var_dir / "postgres")


@contextmanager
def _exclusive(var_dir: Path) -> Iterator[None]:
    """Let one process at a time start or stop the servers of a folder."""
    var_dir.mkdir(parents=True, exist_ok=True)
    with (var_dir / "servers.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
