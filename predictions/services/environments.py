"""Which environment opens and serves a unit: the site's own, or one made for what the files say they were made with."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import uv
from django.conf import settings
from django.utils import timezone

from predictions.environments import Environment as Made
from predictions.environments import (
    EnvironmentFailed,
    Interpreter,
    Maker,
    MakingStopped,
    Needs,
    Recipe,
    installed,
    minor_of,
    recipes_for,
)
from predictions.environments.eras import NEWEST_PATCH
from predictions.errors import BadModelFile, NotFound
from predictions.models import Environment
from predictions.sandbox import Stopped
from predictions.services.connections import retried

logger = logging.getLogger(__name__)

_DISTRIBUTIONS = {"imblearn": "imbalanced-learn", "category_encoders": "category-encoders"}


def _silent(words: str) -> None:
    """Says nothing."""


def _never() -> bool:
    return False


@lru_cache(maxsize=1)
def own_release() -> str:
    """The scikit-learn that the site itself has."""
    return version("scikit-learn")


def suits(needs: Needs) -> bool:
    """Whether the site's own environment is as good as one made for it: the same minor release, and every library."""
    if needs.sklearn and minor_of(needs.sklearn) != minor_of(own_release()):
        return False
    return all(_has(name, release) for name, release in needs.libraries.items())


def _has(name: str, release: str) -> bool:
    try:
        found = version(_DISTRIBUTIONS.get(name, name))
    except PackageNotFoundError:
        return False
    return not release or minor_of(found) == minor_of(release)


def interpreters() -> tuple[Interpreter, ...]:
    """The Pythons of this machine, with those that the settings name."""
    return installed(tuple(settings.ENVIRONMENT_PYTHONS))


def recipe_of(needs: Needs) -> Recipe:
    """What would be installed for it here. Raises BadModelFile ``no_interpreter``, ``unknown_version``."""
    return recipes_of(needs)[0]


def recipes_of(needs: Needs) -> list[Recipe]:
    """The same with what is nearly as good, the best first."""
    return recipes_for(needs, interpreters(), default=own_release())


def ensure(
    needs: Needs, *, say: Callable[[str], None] = _silent, should_stop: Callable[[], bool] = _never
) -> Environment | None:
    """The environment for a unit, made when it is not there; None for the site's own.

    Raises BadModelFile (``no_interpreter``, ``unknown_version``, ``environment_impossible``), EnvironmentFailed, Stopped.
    """
    if suits(needs):
        return None
    refused: BadModelFile | None = None
    for recipe in recipes_of(needs):
        try:
            made = maker().ensure(recipe, say=say, should_stop=should_stop)
        except MakingStopped:
            raise Stopped("The job was cancelled.") from None
        except BadModelFile as error:
            # These releases have no wheels for this Python after all; the next recipe is nearly as good.
            refused = refused or error
        else:
            return _noted(made, recipe)
    raise refused or AssertionError("without a recipe there is an error")


def _noted(made: Made, recipe: Recipe) -> Environment:
    facts: dict[str, object] = {
        "python": made.python_version,
        "sklearn": made.sklearn,
        "requirements": list(recipe.requirements),
        "lock": made.lock,
        "removed_at": None,
    }
    if made.made:
        facts |= {"size": maker().size_of(made.checksum), "seconds": made.seconds}
    row, _ = retried(lambda: Environment.objects.update_or_create(checksum=made.checksum, defaults=facts))
    return row


def python_of(row: Environment) -> Path:
    """What starts it, made again from its lock where it is not there: removed, or another host's.

    Raises EnvironmentFailed.
    """
    found = maker().find(row.checksum)
    if found is not None:
        return found
    minor = minor_of(row.python)
    interpreter = next((one for one in interpreters() if one.minor == minor), None)
    if interpreter is None:
        raise EnvironmentFailed(
            f"This version needs Python {row.python}, which this machine does not have; ask the operator to install it."
        )
    made = maker().from_lock(row.lock, interpreter, row.sklearn)
    Environment.objects.filter(pk=row.pk).update(removed_at=None, size=maker().size_of(made.checksum))
    return made.python


def remove(row: Environment) -> None:
    """Free its disk space. Versions that need it make it again at their next start."""
    maker().remove(row.checksum)
    row.removed_at = timezone.now()
    row.size = 0
    row.save(update_fields=["removed_at", "size"])


def prepare(
    releases: Sequence[str], libraries: Sequence[str] = (), *, say: Callable[[str], None] = _silent
) -> list[Environment]:
    """Make the environments of these scikit-learn releases ahead ("1.3" is its last patch). Raises as ``ensure``."""
    rows = []
    for release in releases:
        needs = Needs(sklearn=full_release(release), libraries=dict.fromkeys(libraries, ""))
        row = ensure(needs, say=say)
        if row is not None:
            rows.append(row)
    return rows


def full_release(release: str) -> str:
    """The last known patch of a minor release; a whole one as it is. Raises NotFound."""
    if release.count(".") >= 2:
        return release
    found = NEWEST_PATCH.get(minor_of(release) or (0, 0))
    if found is None:
        raise NotFound(
            f"There is no recipe for scikit-learn {release}; choose from {', '.join(known_releases())}."
        )
    return found


def known_releases() -> list[str]:
    """Minor releases that can be prepared, the newest first."""
    return [f"{major}.{minor}" for major, minor in sorted(NEWEST_PATCH, reverse=True)]


@lru_cache(maxsize=4)
def _maker(home: Path, seconds: float, is_offline: bool) -> Maker:
    home.mkdir(parents=True, exist_ok=True)
    return Maker(home, uv=uv.find_uv_bin(), seconds=seconds, is_offline=is_offline)


def maker() -> Maker:
    """The one that makes them where the settings say."""
    return _maker(
        Path(settings.ENVIRONMENTS_DIR), float(settings.ENVIRONMENT_SECONDS), settings.ENVIRONMENTS_OFFLINE
    )


def own_python() -> str:
    """The site's own version of Python, as people say it."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
