"""What both servers need: an account to run as, folders it may enter, short socket paths."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

SERVICE_USER = "modeldesk"

# A unix socket's address holds 107 bytes (103 on macOS), file name included.
_LONGEST_SOCKET_DIR = 80


class EmbeddedServerError(Exception):
    """An embedded server cannot run here; the text says what to do."""


def account() -> pwd.struct_passwd:
    """Return the account the servers run as: the caller's, or for root one made for it.

    PostgreSQL refuses to run as root, and nothing that keeps data should.
    """
    if os.geteuid() != 0:
        try:
            return pwd.getpwuid(os.geteuid())
        except KeyError:
            raise EmbeddedServerError(
                "This user id has no account name, which PostgreSQL needs. "
                "Set DATABASE_URL and REDIS_URL to servers of your own."
            ) from None
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return _make_account()


def _make_account() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", SERVICE_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise EmbeddedServerError(
            f"PostgreSQL does not run as root, and the account {SERVICE_USER} could not be made. "
            "Start as an ordinary user, or set DATABASE_URL and REDIS_URL to servers of your own."
        ) from None
    return pwd.getpwnam(SERVICE_USER)


def as_account(owner: pwd.struct_passwd) -> dict[str, Any]:
    """Return the subprocess arguments that run a program as `owner`, with nothing of our environment.

    Settings and secrets of the site are no business of the servers.
    """
    environment = {name: os.environ[name] for name in ("PATH", "TMPDIR", "TZ") if name in os.environ}
    arguments: dict[str, Any] = {"env": {**environment, "LC_ALL": "C"}, "stdin": subprocess.DEVNULL}
    if os.geteuid() == 0:
        arguments |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    return arguments


def private_dir(path: Path, owner: pwd.struct_passwd) -> Path:
    """Make a folder that only `owner` (and root) can enter."""
    path.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid not in {owner.pw_uid, os.geteuid()}:
        raise EmbeddedServerError(
            f"The folder {path} belongs to another user. Start as that user, or remove the folder."
        )
    if os.geteuid() == 0:
        os.chown(path, owner.pw_uid, owner.pw_gid)
        let_through(path.parent, owner)
    path.chmod(0o700)
    return path


def let_through(path: Path, owner: pwd.struct_passwd) -> None:
    """Let other accounts pass through a folder and those above it (not list them).

    Only needed for root: its own folders are often closed, and the servers' account must get to its files.
    """
    if os.geteuid() != 0:
        return
    for folder in (path, *path.parents):
        found = folder.stat()
        if found.st_uid != owner.pw_uid and not found.st_mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def let_read(folder: Path, owner: pwd.struct_passwd) -> None:
    """Let other accounts run the programs in `folder`, when root unpacked them with a strict umask."""
    let_through(folder.parent, owner)
    if os.geteuid() != 0 or folder.stat().st_mode & stat.S_IROTH:
        return
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def socket_dir(home: Path, owner: pwd.struct_passwd) -> Path:
    """Return the private folder for a server's socket: inside `home`, or when that path is too long for
    a socket's address, a folder in the system's temporary one with a name made from it."""
    inside = home / "run"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_DIR:
        return private_dir(inside, owner)
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return private_dir(Path(tempfile.gettempdir()) / f"modeldesk-{owner.pw_uid}-{name}", owner)


def remove_socket_dir(home: Path, owner: pwd.struct_passwd) -> None:
    """Remove what `socket_dir` made outside of `home`."""
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    outside = Path(tempfile.gettempdir()) / f"modeldesk-{owner.pw_uid}-{name}"
    if outside.is_dir() and not outside.is_symlink() and outside.stat().st_uid == owner.pw_uid:
        shutil.rmtree(outside, ignore_errors=True)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder:
                found.append(process)
    return found


def wait_for_end(process: psutil.Process, seconds: float) -> bool:
    """Wait until a process has ended; one that only waits to be collected by its parent has."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def end_of(log: Path, lines: int = 8) -> str:
    """Return the last lines of a server's log, for an error message."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
