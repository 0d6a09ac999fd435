"""`script/server`: the whole site in the foreground, from an empty checkout or an old one."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deploy_site import local, procfile
from deploy_site.embedded import EmbeddedServerError
from deploy_site.preparing import Preparation
from deploy_site.supervisor import ProcessDiedError, Supervisor

_PROCESSES = ["web", "interactive", "background", "maintenance", "beat"]
# What no page and no answer needs would only slow down what does: five programs that load Django share the processors.
_AFTER_THE_FIRST_PAGE = ["background", "maintenance", "beat"]
_WHEN_ALL_IS_THERE = ["beat"]
_READY_SECONDS = 120.0

_WELCOME = """
Model Desk is at {address}/

  In a browser   {address}/
  On the shell   curl -X POST -H "Content-Type: application/json" -d '{{"input": [1, 2, 3]}}' {address}/predict
  Review desk    {address}/admin/
  An API key     script/manage create_api_key NAME
  Your model     script/manage deploy FILE --name NAME --sample rows.csv --live

Logs are in var/log. Ctrl-C stops everything.
"""


def serve() -> None:
    """Run the site until a signal ends it, or one of its processes cannot stay up."""
    host, port = os.environ.get("HOST") or "127.0.0.1", _port()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with _only_one(local.VAR_DIR):
        _check_port_is_free(host, port)
        local.note_port(port, local.VAR_DIR)
        _say("Starting PostgreSQL and Redis ...")
        with local.site_environment():
            _run(host, port)
    _say("Stopped.")


def _run(host: str, port: int) -> None:
    (local.VAR_DIR / "beat").mkdir(parents=True, exist_ok=True)
    procfile.forget_metrics()
    address = f"http://{_shown_host(host)}:{port}"
    preparation = Preparation(local.VAR_DIR)
    supervisor = Supervisor(_PROCESSES, local.VAR_DIR / "log", _environment())
    try:
        with preparation.running([["first_run", "--base-url", address], ["load_demos"]]):
            if not preparation.settled:
                _say("Bringing the database and static files up to date ...")
                _wait_until_prepared(preparation)
            _say("Starting the web server and the workers, and loading the demos ...")
            supervisor.start(later=_AFTER_THE_FIRST_PAGE)
            _wait_until_it_answers(supervisor, host, port)
            supervisor.start(later=_WHEN_ALL_IS_THERE)
            if preparation.result() is None:
                _say(f"{address}/ answers; the demos follow.")
            while preparation.result() is None:
                supervisor.watch_once()
                time.sleep(0.1)
        if not preparation.prepared:
            _stop_unprepared()
        if preparation.result():
            _say("The demos could not be loaded; the reason is above. The site works without them.")
        supervisor.start()
        _say(_WELCOME.format(address=address))
        while True:
            supervisor.watch_once()
            time.sleep(0.5)
    finally:
        _say("Stopping ...")
        supervisor.stop()


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    environment["PYTHONPATH"] = str(local.ROOT)
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def _wait_until_prepared(preparation: Preparation) -> None:
    while not preparation.prepared:
        if preparation.result() is not None and not preparation.prepared:
            _stop_unprepared()
        time.sleep(0.05)


def _stop_unprepared() -> NoReturn:
    sys.exit("The site could not be brought up to date; the reason is above.")


def _wait_until_it_answers(supervisor: Supervisor, host: str, port: int) -> None:
    url = f"http://{_reachable_host(host)}:{port}/health/live"
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        supervisor.watch_once()
        try:
            request = urllib.request.Request(url, headers={"Host": f"localhost:{port}"})
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - the address is our own
                return
        except urllib.error.HTTPError:
            return  # an answer all the same, as when ALLOWED_HOSTS does not have this machine
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    web = supervisor.processes[0]
    sys.exit(f"The web server does not answer; the end of {web.log} says:\n{web.tail()}")


def _port() -> int:
    value = os.environ.get("PORT") or "8000"
    if not value.isdigit() or not 0 < int(value) < 65536:
        sys.exit("PORT must be a number from 1 to 65535.")
    os.environ["PORT"] = value
    return int(value)


def _check_port_is_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: a connection that is only waiting to be forgotten does not occupy the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            sys.exit(f"Port {port} needs special rights. Choose another: PORT=8000 script/server")
        except OSError:
            sys.exit(
                f"Port {port} is taken by another program. Choose another: PORT={port + 1} script/server"
            )


def _shown_host(host: str) -> str:
    return "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104


def _reachable_host(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


@contextmanager
def _only_one(var_dir: Path) -> Iterator[None]:
    var_dir.mkdir(parents=True, exist_ok=True)
    with (var_dir / "server.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("script/server is already running from this checkout.")
        yield


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Treat every signal to end like Ctrl-C; a second one while stopping is not to interrupt that."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the terminal is the point


def main() -> None:
    """Run `serve` and end with an exit code and a sentence, never a traceback, for what can be expected."""
    try:
        serve()
    except KeyboardInterrupt:
        _say("Stopped.")
    except (EmbeddedServerError, ProcessDiedError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
