"""Answering one group in a worker: one vectorised call, one transaction, one reply."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError

from predictions import repository, timings
from predictions.errors import DeskError, ModelFailed, TryLater
from predictions.ml.plan import Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.models import ModelVersion, SignatureRevision
from predictions.registry import Registry, Runtime
from predictions.sandbox import NativeServer, StoredCode, StoredFile
from predictions.services import environments, sources, storing
from predictions.services.answer_cache import Outputs, Rows, answer_cache
from predictions.services.connections import retried
from predictions.signature.answers import namer_of
from predictions.signature.fields import Signature
from predictions.signature.layering import CompiledLayer, layer_of
from predictions.values import Ask, AskReply, Group, GroupReply, RawAnswer

logger = logging.getLogger(__name__)

_making = threading.Lock()

_LEAST_SECONDS = 0.5

Cached = dict[int, list[int]]
"""By an ask's number: positions of its rows whose answer was given before and not computed anew."""


@dataclass(frozen=True, slots=True)
class _Call:
    """With what the asks of one group are answered; ``cached`` is filled in."""

    group: Group
    runtime: Runtime
    name: Callable[[RawAnswer], Outputs]
    cached: Cached
    layer: CompiledLayer | None = None

    def answers(self, rows: Rows) -> tuple[list[Outputs], frozenset[int]]:
        """One answer per row, and the positions of those that were given before. Raises ModelFailed."""
        if not self.group.store:
            # A probe asks whether the runtime answers.
            return self._inferred(rows), frozenset()
        found = answer_cache().through(
            self.group.version_id,
            self.group.revision_id,
            rows,
            self._inferred,
            elsewhere=isinstance(self.runtime, NativeServer),
        )
        return found.outputs, found.cached

    def _inferred(self, rows: Rows) -> list[Outputs]:
        given = rows if self.layer is None else self.layer.rows(rows)
        outputs = [self.name(raw) for raw in self._raw(given)]
        if len(outputs) != len(rows):
            raise ModelFailed("This ML model did not answer each case. Its owner needs to look at it.")
        return outputs

    def _raw(self, rows: Rows) -> list[RawAnswer]:
        if not isinstance(self.runtime, NativeServer):
            return self.runtime.predict(rows)
        # After the last of its callers has gone nobody waits for the answer, and others wait for the process.
        left = max(ask.deadline for ask in self.group.asks) - time.time()
        return self.runtime.predict(rows, seconds=max(left, _LEAST_SECONDS))


def answer(group: Group) -> GroupReply:
    """Answer every ask of the group that somebody still waits for, and store all answers in one transaction.

    One ask's failure never touches another's: when the shared call fails, each ask is tried by itself.
    """
    begun = time.time()
    waiting = [ask for ask in group.asks if ask.deadline > begun]
    replies = [_late(ask) for ask in group.asks if ask.deadline <= begun]
    cached: Cached = {}
    inferred = 0.0
    if waiting:
        answered, inferred = _answer_waiting(group, waiting, cached)
        replies += answered
    answered_at = inferred_at = time.time()
    if group.store:
        replies, answered_at = _store(group, replies, cached)
    return GroupReply(
        id=group.id,
        answered_at=answered_at,
        replies=replies,
        waited=begun - group.sent_at,
        inferred=inferred,
        stored=time.time() - inferred_at,
    )


def is_loaded(version_id: int) -> bool:
    """Whether this worker can answer for the version without loading it first."""
    return _registry().holds(version_id)


def _answer_waiting(group: Group, asks: list[Ask], cached: Cached) -> tuple[list[AskReply], float]:
    """The replies, and the seconds they took once the runtime was loaded."""
    try:
        signature, layer = _contract(group)
        with _registry().lease(group.version_id) as runtime:
            begun = time.perf_counter()
            replies = _predict_all(_Call(group, runtime, namer_of(signature), cached, layer), asks)
            return replies, time.perf_counter() - begun
    except DeskError as error:
        return [_failed(ask, error) for ask in asks], 0.0
    except DatabaseError:
        logger.exception("The version could not be read.")
        return [_failed(ask, _database_down()) for ask in asks], 0.0
    except Exception:
        # Whatever a runtime does, its callers hear of it now and not at their deadline.
        logger.exception("A group of version %s could not be answered.", group.version_id)
        broken = ModelFailed("This ML model failed on this input. Its owner needs to look at it.")
        return [_failed(ask, broken) for ask in asks], 0.0


def _predict_all(call: _Call, asks: list[Ask]) -> list[AskReply]:
    try:
        return _predict(call, asks)
    except ModelFailed as error:
        if len(asks) == 1:
            return [_failed(asks[0], error)]
    replies = []
    for ask in asks:
        try:
            replies += _predict(call, [ask])
        except ModelFailed as error:
            replies.append(_failed(ask, error))
    return replies


def _predict(call: _Call, asks: list[Ask]) -> list[AskReply]:
    outputs, given = call.answers([row for ask in asks for row in ask.rows])
    replies, begin = [], 0
    for ask in asks:
        end = begin + len(ask.rows)
        replies.append(AskReply(number=ask.number, outputs=outputs[begin:end]))
        if given:
            call.cached[ask.number] = [place - begin for place in range(begin, end) if place in given]
        begin = end
    return replies


def _store(group: Group, replies: list[AskReply], cached: Cached) -> tuple[list[AskReply], float]:
    """Commit the rows of what was answered; what came too late or cannot be stored becomes an error.

    Also gives the moment the rows carry, in seconds since the epoch.
    """
    now = time.time()
    asks = {ask.number: ask for ask in group.asks}
    settled: list[AskReply] = []
    kept: list[tuple[Ask, AskReply]] = []
    for reply in replies:
        ask = asks[reply.number]
        if reply.error_code:
            settled.append(reply)
        elif ask.deadline <= now:
            settled.append(_late(ask))
        else:
            kept.append((ask, reply))
    if not kept:
        return settled, now
    return settled + _stored(group, kept, cached, now), now


def _stored(group: Group, kept: list[tuple[Ask, AskReply]], cached: Cached, now: float) -> list[AskReply]:
    """Commit all of them at once; where one of them cannot be stored, each by itself."""
    answered = [storing.Answered(ask, reply.outputs, cached.get(ask.number, ())) for ask, reply in kept]
    try:
        retried(lambda: storing.store(group=group, answered=answered, now=now))
    except (OperationalError, InterfaceError):
        logger.warning("The database did not take a group of answers; its callers were told.")
        return [_failed(ask, _database_down()) for ask, _ in kept]
    except Exception as error:
        if len(kept) > 1:
            return [reply for one in kept for reply in _stored(group, [one], cached, now)]
        # Its text would quote the row.
        logger.error(  # noqa: TRY400
            "An answer of version %s cannot be stored: %s.", group.version_id, type(error).__name__
        )
        return [_failed(kept[0][0], _not_storable(error))]
    return [reply for _, reply in kept]


def _failed(ask: Ask, error: DeskError) -> AskReply:
    return AskReply(number=ask.number, error_code=error.code, error_message=error.message)


def _late(ask: Ask) -> AskReply:
    return AskReply(
        number=ask.number,
        error_code="deadline_passed",
        error_message="No worker answered in time, so nothing was stored. Try again in a moment.",
    )


def _database_down() -> TryLater:
    return TryLater(
        "The answer could not be stored, so it was not given. Try again in a moment.",
        code="database_unavailable",
    )


def _not_storable(error: Exception) -> DeskError:
    if isinstance(error, IntegrityError):
        # The account, key, or ml_model was deleted a moment ago.
        return TryLater(
            "The answer could not be stored, so it was not given. Load the page again.", code="not_stored"
        )
    return ModelFailed(
        "This ML model gave an answer that cannot be stored, so it was not given. Its owner needs to look at it."
    )


@lru_cache(maxsize=512)
def _signature(revision_id: int) -> tuple[Signature, CompiledLayer | None]:
    return _prepared(SignatureRevision.objects.values_list("document", flat=True).get(pk=revision_id))


def _prepared(document: Mapping[str, Any]) -> tuple[Signature, CompiledLayer | None]:
    signature = Signature.from_document(document)
    return signature, layer_of(signature)


def _contract(group: Group) -> tuple[Signature, CompiledLayer | None]:
    """What the group's rows mean: its revision, or for a trial the draft that it brings."""
    if group.draft is not None and not group.store:
        return _prepared(group.draft)
    return retried(lambda: _signature(group.revision_id))


@lru_cache(maxsize=1)
def registry() -> Registry:
    """The registry of this worker process, made at its first use: after any fork."""
    made = Registry(
        load=_load, limit=settings.REGISTRY_MAX_RUNTIMES, max_bytes=settings.REGISTRY_MAX_MB * 1_000_000
    )
    timings.watch("loaded_runtimes", lambda: len(made.loaded()))
    return made


def _registry() -> Registry:
    # Of two made by two first callers at once, one would be lost with the processes of its native runtimes.
    with _making:
        return registry()


def _load(version_id: int) -> Runtime:
    version = retried(
        lambda: ModelVersion.objects.select_related("source", "current_revision", "environment").get(
            pk=version_id
        )
    )
    if version.current_revision is None:
        raise TryLater("This version is not sealed yet.", code="not_live")
    signature = Signature.from_document(version.current_revision.document).for_runtime()
    if version.runtime == ModelVersion.Runtime.NATIVE:
        server = NativeServer.of_files(
            _files_of(version),
            signature.to_document(),
            order=version.report.get("order") or (),
            python=_python_of(version),
            code=_code_of(version),
        )
        server.start()
        return server
    data = repository.read_verified(version.artifact_key, version.artifact_sha256)
    return OnnxRuntime(data, Plan.from_document(version.plan or {}), signature)


def _files_of(version: ModelVersion) -> list[StoredFile]:
    """What the original library opens: the files as they came, or what lay in the archive that came."""
    first, *more = sources.stored_files(version.source)
    return [replace(first, key=version.artifact_key, sha256=version.artifact_sha256), *more]


def _code_of(version: ModelVersion) -> StoredCode | None:
    """The own code that the build found the version to need, None for nearly all."""
    scans = [version.report.get("scan") or {}, *(version.report.get("scans") or [])]
    documents = [scan["package"] for scan in scans if scan.get("package")]
    source = version.source
    if not documents or not source.code_key:
        return None
    return StoredCode(key=source.code_key, sha256=source.code_sha256, documents=documents)


def _python_of(version: ModelVersion) -> Callable[[], Path] | None:
    row = version.environment
    if row is None:
        return None
    environments.note_use(row)
    return lambda: environments.python_of(row)
