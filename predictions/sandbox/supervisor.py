"""The trusted half of a sandboxed run: forks the confined process, watches it, and leaves nothing of it behind.

Three processes: this one stays outside and watches; its child is the first process of its own process namespace
(when it dies the kernel ends all others there); that one's child is confined and does the untrusted work.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from predictions.sandbox import confine, folders, kernel, usage
from predictions.sandbox.orders import Orders

_TICK_MILLISECONDS = 200
_SWEEP_SECONDS = 5.0
NICENESS = 5
"""A third of the weight of a process at 0 (1.25 per step: sched(7), setpriority(2)); more would starve a slow version."""


def main(argument: str) -> None:
    """Run what ``argument`` (see Orders) says; ends this process."""
    orders = Orders.from_argument(argument)
    with suppress(OSError):
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    left = confine.leave_namespaces()
    user = confine.stranger_for(orders, left)
    first = os.fork()
    if first == 0:
        _be_first(orders, left, user)
    os.close(orders.events)
    _let_go_of_output()
    hung_up = _watch(orders, first)
    with suppress(OSError):
        os.kill(first, signal.SIGKILL)
    # A process namespace ends with its first process; without one, strays are looked for by their user too.
    _sweep(user if "processes" not in left else None)
    if hung_up:
        # Nobody wants the rest, and the caller may be dead.
        folders.remove(orders.scratch)
    os._exit(0)


def _be_first(orders: Orders, left: set[str], user: int | None) -> None:
    """Fork the confined process, collect orphans until it ends, and tell how it ended."""
    os.setsid()
    os.close(orders.lifeline)
    for option, value in ((kernel.PR_SET_PDEATHSIG, signal.SIGKILL), (kernel.PR_SET_CHILD_SUBREAPER, 1)):
        with suppress(OSError):
            kernel.prctl(option, value)
    worker = os.fork()
    if worker == 0:
        _be_confined(orders, left, user)
    os.close(orders.events)
    _let_go_of_output()
    while True:
        process, status, spent = os.wait4(-1, 0)
        if process == worker:
            break
    _tell(
        orders,
        ended=_exit_code(status),
        cpu_seconds=round(spent.ru_utime + spent.ru_stime, 2),
        peak_bytes=spent.ru_maxrss * 1024,
    )
    os._exit(0)


def _exit_code(status: int) -> int:
    """``os.waitstatus_to_exitcode`` of Python 3.9: the code of an exit, the negative number of a signal."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _be_confined(orders: Orders, left: set[str], user: int | None) -> None:
    try:
        os.setsid()
        _step_aside()
        guards = confine.enter(orders, left=left, user=user)
        _tell(orders, guards=guards)
        os.close(orders.control)
        from predictions.sandbox import runner  # noqa: PLC0415 - heavy, and only after the locks are shut

        code = runner.main(orders)
    except BaseException:
        code = 70
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def _step_aside() -> None:
    """Where every core is wanted, let the site itself go first."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    # Where Linux groups processes by session, only the group's own value counts against other sessions.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def _let_go_of_output() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def _tell(orders: Orders, **words: Any) -> None:
    with suppress(OSError):
        os.write(orders.control, (json.dumps(words) + "\n").encode())


def _watch(orders: Orders, first: int) -> bool:
    """Return once ``first`` was done, used too much, or the caller hung up: then True."""
    poll = select.poll()
    poll.register(orders.lifeline, select.POLLIN | select.POLLHUP)
    # Before Python 3.9 there is no such call; the end is seen at the next tick then.
    with suppress(OSError, AttributeError):
        poll.register(os.pidfd_open(first), select.POLLIN)
    while os.waitid(os.P_PID, first, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        ready = [descriptor for descriptor, _event in poll.poll(_TICK_MILLISECONDS)]
        if orders.lifeline in ready:
            return True
        excess = usage.excess(orders, os.getpid())
        if excess:
            _tell(orders, stopped=excess)
            break
    return False


def _sweep(user: int | None) -> None:
    """End everything below this process, and everything of the run's own user."""
    until = time.monotonic() + _SWEEP_SECONDS
    while time.monotonic() < until:
        below = usage.descendants(os.getpid())
        for process in below:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        _kill_all_of(user)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not usage.descendants(os.getpid()):
            return
        time.sleep(0.01)


def _kill_all_of(user: int | None) -> None:
    if user is None:
        return
    helper = os.fork()
    if helper == 0:
        with suppress(OSError):
            os.setresuid(user, user, user)
            if os.getresuid() == (user, user, user):
                os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.waitpid(helper, 0)
