"""Log lines: one record, one line, no case data."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType
from typing import Any

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """Write a record on one line; of an exception its type and its places, not its text.

    An exception's text may quote a row (a database error does), and rows must not reach a log.
    """

    def __init__(self, *, with_exception_text: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self.with_exception_text = with_exception_text

    def format(self, record: logging.LogRecord) -> str:
        if record.name == "celery.app.trace" and isinstance(record.args, dict):
            record = _without_exception_in_message(record, record.args)
        # Another handler may have left its own, multi-line rendering on the record.
        record.exc_text = None
        return super().format(record).replace("\r", " ").replace("\n", " | ")

    def formatException(self, ei: _ExcInfo) -> str:
        kind, error, places = ei
        if kind is None:
            return ""
        steps = [f"{step.filename}:{step.lineno} {step.name}" for step in traceback.extract_tb(places)]
        said = f": {error}" if self.with_exception_text else ""
        return f"{kind.__module__}.{kind.__qualname__}{said} at " + " < ".join(reversed(steps))


def _without_exception_in_message(record: logging.LogRecord, context: dict[str, Any]) -> logging.LogRecord:
    """Celery puts the exception's text into the message of a failed task; name the task instead."""
    copy = logging.makeLogRecord(record.__dict__)
    copy.msg = f"Task {context.get('name')}[{context.get('id')}] {context.get('description', 'failed')}"
    copy.args = None
    return copy
