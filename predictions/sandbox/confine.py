"""Turns the process it runs in into one that can do little: called once, before anything untrusted is touched.

Every guard is tried alone; one that this system does not allow is reported as missing, never silently.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from predictions.sandbox import kernel, strangers, system_calls
from predictions.sandbox.orders import Orders, code_paths, readable_paths

GUARDS = ("other_user", "no_network", "files", "own_processes", "system_calls", "limits")


def leave_namespaces() -> set[str]:
    """Leave the system's network, processes, IPC and mounts as far as allowed; returns what was left.

    An ordinary user needs a user namespace of its own for that.
    """
    left = set()
    if os.geteuid() != 0:
        with suppress(OSError):
            _own_user_namespace()
            left.add("user")
    for name, flag in (
        ("network", kernel.CLONE_NEWNET),
        ("processes", kernel.CLONE_NEWPID),
        ("ipc", kernel.CLONE_NEWIPC),
        ("mounts", kernel.CLONE_NEWNS),
    ):
        with suppress(OSError):
            kernel.unshare(flag)
            left.add(name)
    return left


def _own_user_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def stranger_for(orders: Orders, left: set[str]) -> int | None:
    """The user id this run can take, or None: not root, or Python's files cannot be read by strangers."""
    if os.geteuid() != 0:
        return None
    try:
        closed = strangers.closed_ancestors([*code_paths(), orders.scratch])
        if (closed and "mounts" not in left) or not strangers.may_be_read(code_paths()):
            return None
        return strangers.pick_id(Path("/proc/self/uid_map").read_text(encoding="ascii"))
    except OSError:
        return None


def enter(orders: Orders, *, left: set[str], user: int | None) -> dict[str, bool]:
    """Confine this process. Returns which guards stand. Order matters: mounts, limits, user, then the locks."""
    if "mounts" in left:
        with suppress(OSError):
            _own_mounts(own_processes="processes" in left)
    guards = dict.fromkeys(GUARDS, False)
    guards["own_processes"] = "processes" in left
    guards["other_user"] = _become(orders, user)
    guards["limits"] = _limit(orders, counted_alone=guards["other_user"])
    os.chdir(orders.folder)
    os.umask(0o077)
    with suppress(OSError, KeyError):
        kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
    guards["files"] = _lock_files(orders)
    guards["system_calls"] = _lock_system_calls()
    guards["no_network"] = guards["system_calls"] or "network" in left
    return guards


def _own_mounts(*, own_processes: bool) -> None:
    # Apart from the watching process too, which must go on seeing all processes.
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    if own_processes:
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def _become(orders: Orders, user: int | None) -> bool:
    if user is None:
        return False
    try:
        if strangers.closed_ancestors([*code_paths(), orders.scratch]):
            strangers.open_the_way(orders.scratch)
        _give_folder(orders.folder, user)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError:
        with suppress(OSError):
            _give_folder(orders.folder, os.getuid())
        return False
    return True


def _give_folder(top: str, user: int) -> None:
    for folder, _folders, files in os.walk(top):
        os.chown(folder, user, user)
        for name in files:
            os.chown(os.path.join(folder, name), user, user)  # noqa: PTH118 - beside os.walk


def _limit(orders: Orders, *, counted_alone: bool) -> bool:
    processes = orders.processes if counted_alone else orders.processes + _tasks_of(os.getuid())
    wanted = [
        (resource.RLIMIT_AS, orders.memory_bytes),
        (resource.RLIMIT_FSIZE, orders.file_bytes),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ]
    for kind, value in wanted:
        _bound(kind, value, value)
    if orders.cpu_seconds is not None:
        # A signal that tells the reason first; one second later the one that cannot be ignored.
        _bound(resource.RLIMIT_CPU, orders.cpu_seconds, orders.cpu_seconds + 1)
    # The kernel never counts the processes of root.
    return os.getuid() != 0


def _bound(kind: int, soft: int, hard: int) -> None:
    present = resource.getrlimit(kind)[1]
    if present != resource.RLIM_INFINITY:
        soft, hard = min(soft, present), min(hard, present)
    resource.setrlimit(kind, (soft, hard))


def _tasks_of(user: int) -> int:
    count = 0
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                if entry.stat().st_uid == user:
                    count += len(os.listdir(f"/proc/{entry.name}/task"))  # noqa: PTH208 - names only, and quickly
    return count


def _lock_files(orders: Orders) -> bool:
    # The processor and this process itself; in a process namespace of its own there are no others.
    own = [Path("/proc/cpuinfo"), Path("/proc/meminfo"), Path(f"/proc/{os.getpid()}")]
    try:
        kernel.landlock(readable=readable_paths(own), scratch=orders.scratch)
    except OSError:
        return False
    return True


def _lock_system_calls() -> bool:
    try:
        system_calls.restrict()
    except (OSError, KeyError):
        return False
    return True
