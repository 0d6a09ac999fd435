"""What a door needs to answer with an ml_model, without a query on most requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from predictions.errors import NotFound, TryLater
from predictions.models import MLModel
from predictions.selectors import ml_models, refreshing
from predictions.signature.fields import Signature
from predictions.signature.validation import Validator
from predictions.values import Actor

FRESH_SECONDS = 1.0
"""How long what was looked up is good; a process answers with it at most twice as long after somebody changed it."""
_MOST_HELD = 10_000


@dataclass(frozen=True, slots=True)
class Target:
    """A live ml_model, ready to validate for: its version and signature revision are fixed in here."""

    ml_model_id: int
    slug: str
    name: str
    visibility: str
    owner_id: int | None
    version_id: int
    version_number: int
    revision_id: int
    revision_number: int
    signature: Signature
    validator: Validator


class _Shelf:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._held: refreshing.Held[str, Target] = refreshing.Held(lambda: FRESH_SECONDS, clock, _MOST_HELD)
        self._lock = threading.Lock()
        self._compiled: dict[int, tuple[Signature, Validator]] = {}

    def get(self, slug: str) -> Target | None:
        """What is held and fresh."""
        return self._held.get(slug, lambda: self.put(_load(slug)))

    def put(self, target: Target) -> None:
        self._held.put(target.slug, target)

    def compiled(self, revision_id: int, document: dict[str, object]) -> tuple[Signature, Validator]:
        known = self._compiled.get(revision_id)
        if known is None:
            signature = Signature.from_document(document)
            known = (signature, Validator(signature))
            with self._lock:
                if len(self._compiled) >= 256:
                    self._compiled.clear()
                self._compiled[revision_id] = known
        return known

    def clear(self) -> None:
        self._held.clear()
        with self._lock:
            self._compiled.clear()


shelf = _Shelf()


def live_target(actor: Actor, slug: str, *, fresh: bool = False) -> Target:
    """The live version of ``slug`` for this actor, at most ``FRESH_SECONDS`` old (from the row when ``fresh``).

    Raises NotFound when it does not exist or may not be seen, TryLater when nothing is live yet.
    """
    target = None if fresh else shelf.get(slug)
    if target is None:
        target = _load(slug)
        shelf.put(target)
    if not _may_see(actor, target.visibility, target.owner_id):
        raise _not_found()
    return target


def default_target(actor: Actor) -> Target:
    """The ml_model marked as the site's default. Raises NotFound."""
    found = ml_models.usable_by(actor).filter(is_default=True).first()
    if found is None:
        raise NotFound("This site has no default ML model; use /api/v1/models to see what there is.")
    return live_target(actor, found.slug)


def _may_see(actor: Actor, visibility: str, owner_id: int | None) -> bool:
    if visibility == MLModel.Visibility.PUBLIC or actor.is_staff or actor.is_superuser:
        return True
    if visibility == MLModel.Visibility.MEMBERS and actor.is_known:
        return True
    return actor.user_id is not None and actor.user_id == owner_id


def _load(slug: str) -> Target:
    ml_model = MLModel.objects.filter(slug=slug).first()
    if ml_model is None:
        raise _not_found()
    version = ml_models.live_version(ml_model)
    if version is None or version.current_revision is None:
        raise TryLater(f"{ml_model.name} has no live version yet.", code="not_live", retry_after=30)
    revision = version.current_revision
    signature, validator = shelf.compiled(revision.pk, revision.document)
    return Target(
        ml_model_id=ml_model.pk,
        slug=ml_model.slug,
        name=ml_model.name,
        visibility=ml_model.visibility,
        owner_id=ml_model.owner_id,
        version_id=version.pk,
        version_number=version.number,
        revision_id=revision.pk,
        revision_number=revision.number,
        signature=signature,
        validator=validator,
    )


def _not_found() -> NotFound:
    return NotFound("There is no ML model of that name here. The start page lists what you may use.")
