"""Hosts on one machine: each a network namespace with an address and a name of its own, and so much processor time.

All of them are joined by a bridge, on which the machine itself is one more host. The share of the processor comes from
a control group, so that a second host is more to work with although the machine stays the same. Linux, and root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.processes import family_of, running

NETWORK = "10.213.7"
OUTSIDE = f"{NETWORK}.254"
"""The machine's own address among the hosts."""
PREFIX = "mdesk"
BRIDGE = f"{PREFIX}-br"
PERIOD = 100_000
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
_JOIN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
_NAME = 'hostname "$0" && exec "$@"'


class HostsError(Exception):
    """This machine lets nobody make hosts; the text says what is missing."""


@dataclass
class Host:
    """One of them. ``share``: of one core, None for as much as there is."""

    name: str
    address: str
    share: float | None
    group: Path | None

    @contextmanager
    def running(
        self, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path, log: Path
    ) -> Iterator[psutil.Process]:
        """Run a program there for the length of the block; it ends with its children."""
        join = ["/bin/sh", "-c", _JOIN, str(self.group)] if self.group else []
        enter = ["nsenter", f"--net=/run/netns/{PREFIX}-{self.name}", "unshare", "--uts"]
        whole = [*join, *enter, "/bin/sh", "-c", _NAME, self.name, *command]
        with running(whole, cwd=cwd, environment=environment, log=log) as process:
            yield process


def kill(process: psutil.Process) -> None:
    """End a program and everything below it at once, as a power cut would."""
    for one in family_of(process):
        with suppress(psutil.NoSuchProcess):
            one.kill()


class Network:
    """The bridge and its hosts."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made = 0

    def add(self, name: str, share: float | None = None) -> Host:
        """A new host. Raises HostsError."""
        self._made += 1
        address = f"{NETWORK}.{self._made}"
        space, outer, inner = f"{PREFIX}-{name}", f"{PREFIX}-{self._made}o", f"{PREFIX}-{self._made}i"
        _ip("netns", "add", space)
        self._stack.callback(_try_ip, "netns", "delete", space)
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner)
        self._stack.callback(_try_ip, "link", "delete", outer)
        _ip("link", "set", outer, "master", BRIDGE, "up")
        _ip("link", "set", inner, "netns", space)
        _ip("-n", space, "address", "add", f"{address}/24", "dev", inner)
        _ip("-n", space, "link", "set", inner, "up")
        _ip("-n", space, "link", "set", "lo", "up")
        group = self._group(name, share) if share else None
        return Host(name, address, share, group)

    def _group(self, name: str, share: float) -> Path:
        group = _groups() / f"{PREFIX}-{name}"
        try:
            group.mkdir(exist_ok=True)
            self._stack.callback(_remove_group, group)
            quota = int(PERIOD * share)
            if (group / "cpu.max").exists():
                (group / "cpu.max").write_text(f"{quota} {PERIOD}")
            else:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
        except OSError as error:
            raise HostsError(f"Control groups cannot limit the processor here: {error.strerror}.") from error
        return group


@contextmanager
def network() -> Iterator[Network]:
    """A bridge for hosts; everything is taken down at the end. Raises HostsError."""
    if os.geteuid() != 0:
        raise HostsError("Only root may make network namespaces.")
    missing = [name for name in ("ip", "nsenter", "unshare", "hostname", "setpriv") if not shutil.which(name)]
    if missing:
        raise HostsError(
            f"These programs are missing: {', '.join(missing)} (iproute2, util-linux, hostname)."
        )
    if BRIDGE in _ip("-brief", "link"):
        raise HostsError(
            "Another run is under way, or one was killed; benchmarks.scaling --clean takes it down."
        )
    with ExitStack() as stack:
        _ip("link", "add", BRIDGE, "type", "bridge")
        stack.callback(_try_ip, "link", "delete", BRIDGE)
        _ip("address", "add", f"{OUTSIDE}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        yield Network(stack)


def clean() -> None:
    """Take down what a killed run left: its programs, namespaces, links and groups."""
    for line in _ip("netns", "list").splitlines():
        space = line.split()[0] if line.strip() else ""
        if not space.startswith(f"{PREFIX}-"):
            continue
        for pid in _ip("netns", "pids", space).split():
            with suppress(psutil.NoSuchProcess):
                kill(psutil.Process(int(pid)))
        _try_ip("netns", "delete", space)
    _try_ip("link", "delete", BRIDGE)
    for group in _groups().glob(f"{PREFIX}-*"):
        _remove_group(group)


def _groups() -> Path:
    # Where both kinds are mounted the processor is still with the older one.
    return _V1 if (_V1 / "cpu.cfs_quota_us").exists() else _V2


def _remove_group(group: Path) -> None:
    for _ in range(50):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            # Its last processes are ending.
            psutil.wait_procs(_members(group), timeout=0.2)
        else:
            return


def _members(group: Path) -> list[psutil.Process]:
    found = []
    with suppress(OSError):
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(int(pid)))
    return found


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise HostsError(f"ip {' '.join(arguments)} says: {done.stderr.strip()}")
    return done.stdout


def _try_ip(*arguments: str) -> None:
    with suppress(HostsError):
        _ip(*arguments)
