"""Runs one operation on untrusted files in a confined process and hands back data."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from predictions.errors import BadModelFile
from predictions.sandbox import folders, results
from predictions.sandbox.children import Child
from predictions.sandbox.limits import Limits
from predictions.sandbox.listening import Listener, plain
from predictions.sandbox.results import SandboxReport, SandboxResult
from predictions.sandbox.runner import EXIT_DISK, EXIT_MEMORY, REPLY

logger = logging.getLogger(__name__)

_MAX_REPLY = 16 << 20
_MAX_MESSAGE = 600
_OUT_OF_MEMORY = (b"bad_alloc", b"MemoryError", b"Cannot allocate memory", b"Memory allocation still failed")


def run(
    operation: str,
    payload: Mapping[str, Any],
    *,
    files: Mapping[str, Path],
    limits: Limits,
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    python: Path | None = None,
) -> SandboxResult:
    """Run ``operation`` ("scan" or "build", see ``operations``) on copies of ``files``, with the interpreter ``python``.

    on_event gets {"step", "message"} while it runs; should_stop is asked about ten times a second.
    Raises BadModelFile (``too_much_memory``, ``too_slow``, ``too_much_disk``, ``too_many_processes``,
    ``unreadable`` or the code that the operation gave), Stopped when ``should_stop`` said so, SandboxUnavailable.
    """
    child = Child(operation, payload, files=files, limits=limits, python=python)
    started = time.monotonic()
    try:
        listener = Listener(child, on_event)
        why = listener.follow(deadline=started + limits.wall_seconds, should_stop=should_stop)
        child.hang_up()
        child.wait()
        listener.finish()
        report = _report(listener.control, time.monotonic() - started)
        _require_alive(why, listener, report, limits)
        value = _reply(child.folder)
        kept, found = _collect(child.folder, limits)
    finally:
        child.close()
    return SandboxResult(value, found, report, kept)


def _report(control: Mapping[str, Any], seconds: float) -> SandboxReport:
    return SandboxReport(
        guards=control.get("guards", {}),
        seconds=round(seconds, 2),
        cpu_seconds=control.get("cpu_seconds", 0.0),
        peak_bytes=control.get("peak_bytes", 0),
    )


def _require_alive(why: str | None, listener: Listener, report: SandboxReport, limits: Limits) -> None:
    """Translate every end but a good one."""
    if why == "stop":
        raise results.Stopped("The job was cancelled.")
    if why == "time":
        raise results.too_slow(limits)
    if "guards" not in listener.control:
        # Nothing untrusted ran, so these are our own words.
        logger.error("The sandbox did not start: %s", listener.tail.decode("utf-8", "replace")[-2000:])
        raise results.SandboxUnavailable
    stopped = listener.control.get("stopped")
    if stopped == "memory":
        raise results.too_much_memory(limits)
    if stopped == "disk":
        raise results.too_much_disk(limits)
    if stopped == "processes":
        raise results.too_many_processes()
    ended = listener.control.get("ended")
    if ended == 0 and why is None:
        return
    logger.warning("A sandboxed run ended with %s (%s).", ended, why or "by itself")
    raise _explained(ended, listener.tail, report, limits)


def _explained(ended: int | None, tail: bytes, report: SandboxReport, limits: Limits) -> BadModelFile:
    if ended == EXIT_MEMORY or any(words in tail for words in _OUT_OF_MEMORY):
        return results.too_much_memory(limits)
    if ended == EXIT_DISK:
        return results.too_much_disk(limits)
    out_of_time = limits.cpu_seconds is not None and report.cpu_seconds >= limits.cpu_seconds * 0.9
    if ended == -signal.SIGXCPU or (ended == -signal.SIGKILL and out_of_time):
        return results.too_slow(limits)
    if ended == -signal.SIGKILL:
        # Nobody inside can be killed from outside but by the system, when memory is short.
        return results.too_much_memory(limits)
    return results.unreadable()


def _reply(folder: Path) -> dict[str, Any]:
    """The reply's value. Raises BadModelFile for an error in it and for anything that is not a reply."""
    try:
        reply = json.loads(folders.read_small(folder, REPLY, _MAX_REPLY))
    except (folders.RefusedFile, ValueError, RecursionError):
        raise results.unreadable() from None
    if isinstance(reply, dict) and isinstance(reply.get("value"), dict):
        value: dict[str, Any] = reply["value"]
        return value
    error = reply.get("error") if isinstance(reply, dict) else None
    raise _error(error if isinstance(error, dict) else {})


def _error(error: Mapping[str, Any]) -> BadModelFile:
    code, message = error.get("code"), error.get("message")
    if isinstance(code, str) and isinstance(message, str) and code.isidentifier() and len(code) <= 60:
        return BadModelFile(plain(message, _MAX_MESSAGE), code=code)
    where = error.get("where")
    trace = [plain(str(item), 120) for item in where[:12]] if isinstance(where, list) else []
    logger.warning(
        "A sandboxed run raised %s at %s", plain(str(error.get("unexpected")), 60), " < ".join(trace[::-1])
    )
    return results.unreadable()


def _collect(folder: Path, limits: Limits) -> tuple[Path, dict[str, Path]]:
    try:
        return folders.collect(folder, limits.file_bytes)
    except folders.RefusedFile:
        raise results.unreadable() from None
