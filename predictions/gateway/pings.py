"""Whether anybody takes from the interactive queue, for sites that have no ml_model to ask yet."""

from __future__ import annotations

from celery import current_app
from kombu.exceptions import OperationalError

from predictions.errors import TryLater
from predictions.gateway.wire import QUEUE, QUEUE_ERRORS, queue_down


def ping(*, seconds: float = 1.0) -> None:
    """Returns when a worker of the interactive queue answered. Takes up to ``seconds``. Raises TryLater."""
    try:
        answers = current_app.control.broadcast("queues_taken", reply=True, timeout=seconds) or []
    except (OperationalError, *QUEUE_ERRORS) as error:
        raise queue_down() from error
    if not any(QUEUE in taken for answer in answers for taken in answer.values()):
        raise TryLater("No worker takes from the interactive queue.", code="no_worker", retry_after=5)
