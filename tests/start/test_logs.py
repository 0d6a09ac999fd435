"""A log line is one line and never quotes a case."""

from __future__ import annotations

import logging
import sys

from deploy_site.logs import LineFormatter


def _record(
    message: str, *args: object, name: str = "predictions", failed: bool = False
) -> logging.LogRecord:
    info = None
    if failed:
        try:
            int("age 41\nincome 12")
        except ValueError:
            info = sys.exc_info()
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, info)


def test_a_message_of_several_lines_becomes_one() -> None:
    assert LineFormatter().format(_record("one\ntwo")).endswith("ERROR predictions one | two")


def test_of_an_exception_the_kind_and_place_but_not_the_text() -> None:
    line = LineFormatter().format(_record("It failed", failed=True))
    assert "\n" not in line
    assert "builtins.ValueError" in line
    assert "test_logs.py" in line
    assert "income" not in line


def test_while_debugging_the_text_as_well() -> None:
    assert "income 12" in LineFormatter(with_exception_text=True).format(_record("It failed", failed=True))


def test_a_failed_task_is_named_without_its_exception() -> None:
    context = {
        "name": "predictions.tasks.answer",
        "id": "1",
        "description": "raised unexpected",
        "exc": "income 12",
    }
    record = _record("Task %(name)s %(exc)s", context, name="celery.app.trace")
    line = LineFormatter().format(record)
    assert "predictions.tasks.answer[1] raised unexpected" in line
    assert "income" not in line
