"""Which environment opens and serves a unit: the site's own, or one made for what the files say they were made with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import uv
from django.conf import settings
from django.db.models import ProtectedError
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
from predictions.environments.eras import ALONE, NEWEST_PATCH
from predictions.environments.needs import LIBRARIES, distribution_of, numbers_of
from predictions.errors import BadModelFile, NotFound
from predictions.models import Environment
from predictions.sandbox import Stopped
from predictions.services.connections import retried

logger = logging.getLogger(__name__)

Say = Callable[[str], None]
Asks = Callable[[], bool]

_USUAL_SINCE = (1, 1)


def _silent(words: str) -> None:
    """Says nothing."""


def _never() -> bool:
    return False


@lru_cache(maxsize=1)
def own_release() -> str:
    """The scikit-learn that the site itself has."""
    return version("scikit-learn")


def interpreters() -> tuple[Interpreter, ...]:
    """The Pythons of this machine, the site's own first, with those that the settings name."""
    return installed(tuple(settings.ENVIRONMENT_PYTHONS))


def suits(needs: Needs) -> bool:
    """Whether the site's own environment is as good as one made for it: the same minor release, and every library."""
    if needs.sklearn and minor_of(needs.sklearn) != minor_of(own_release()):
        return False
    return all(_has(distribution_of(name), release) for name, release in needs.libraries.items())


def _has(distribution: str, release: str) -> bool:
    try:
        found = version(distribution)
    except PackageNotFoundError:
        return False
    return not release or minor_of(found) == minor_of(release)


def recipe_of(needs: Needs) -> Recipe:
    """What would be installed for it here. Raises BadModelFile ``no_interpreter``, ``unknown_version``."""
    return recipes_of(needs)[0]


def recipes_of(needs: Needs) -> list[Recipe]:
    """The same with what is nearly as good, the best first."""
    return recipes_for(needs, interpreters(), default=own_release())


def ensure(needs: Needs, *, say: Say = _silent, should_stop: Asks = _never) -> Environment | None:
    """The environment for a unit, made when it is not there; None for the site's own.

    Raises BadModelFile (``no_interpreter``, ``unknown_version``, ``environment_impossible``), EnvironmentFailed, Stopped.
    """
    if suits(needs):
        return None
    recipes = recipes_of(needs)
    try:
        return _made(recipes, say, should_stop)
    except BadModelFile as error:
        # Says which release it was, which whoever installs packages knows only as one of many.
        raise BadModelFile(
            f"This file was made with {needs.in_words()}. {error.message}", code=error.code
        ) from error
    except EnvironmentFailed:
        near = nearest(needs)
        if near is None:
            raise
        say(
            f"No new environment can be made now, so this one, which is there, is taken: {near}. "
            f"The file asks for scikit-learn {recipes[0].sklearn}."
        )
        return near


def _made(recipes: Sequence[Recipe], say: Say, should_stop: Asks) -> Environment:
    refused: BadModelFile | None = None
    for recipe in recipes:
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
    if made.made or not Environment.objects.filter(checksum=made.checksum, removed_at=None).exists():
        facts |= {"size": maker().size_of(made.checksum), "seconds": made.seconds}
    row, _ = retried(lambda: Environment.objects.update_or_create(checksum=made.checksum, defaults=facts))
    return row


def nearest(needs: Needs) -> Environment | None:
    """One that is there and will do: of the same minor release, with every library; the newest patch of those.

    For machines that cannot reach the package index. 27 of 28 real files answered the same in the next patch.
    """
    rows = list(Environment.objects.filter(removed_at=None))
    fitting = [row for row in rows if _will_do(row, needs) and maker().find(row.checksum) is not None]
    return max(fitting, key=lambda row: (numbers_of(row.sklearn), -len(libraries_of(row))), default=None)


def _will_do(row: Environment, needs: Needs) -> bool:
    packages = dict(packages_of(row))
    wanted = [distribution_of(name) for name in needs.libraries] + (["skops"] if needs.skops else [])
    if any(name not in packages for name in wanted):
        return False
    if needs.sklearn and minor_of(row.sklearn) != needs.minor:
        return False
    if needs.minor in ALONE and row.sklearn != needs.sklearn:
        return False
    # NumPy 2 reads what NumPy 1 wrote, and not the other way round.
    return needs.numpy != "2" or numbers_of(packages.get("numpy", "")) >= (2,)


def packages_of(row: Environment) -> list[tuple[str, str]]:
    """Names and releases of all that is installed in it."""
    lines = (line.split(";")[0].strip().partition("==") for line in row.lock.splitlines())
    return [(name, release) for name, sign, release in lines if sign]


def libraries_of(row: Environment) -> list[str]:
    """The libraries among its packages that files ask for by name: "xgboost 2.0.3"."""
    packages = dict(packages_of(row))
    names = (distribution_of(name) for name in LIBRARIES)
    return [f"{name} {packages[name]}" for name in names if name in packages]


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


def note_use(row: Environment) -> None:
    """Remember that a version made in it is started now."""
    Environment.objects.filter(pk=row.pk).update(used_at=timezone.now())


def remove(row: Environment) -> None:
    """Free its room on this machine's disk.

    While versions were made in it its row stays, and it is made again when one of them is started.
    """
    maker().remove(row.checksum)
    row.removed_at = timezone.now()
    row.size = 0
    row.save(update_fields=["removed_at", "size"])
    with suppress(ProtectedError):
        row.delete()


def prepare(
    releases: Sequence[str], libraries: Sequence[str] = (), *, say: Say = _silent
) -> list[Environment]:
    """Make the environments of these scikit-learn releases ahead ("1.3" is its last patch). Raises as ``ensure``.

    The site's own release is among them only with libraries that the site lacks. Raises NotFound for an unknown name.
    """
    unknown = sorted(set(libraries) - set(LIBRARIES))
    if unknown:
        raise NotFound(f"There is no recipe for {unknown[0]}; choose from {', '.join(LIBRARIES)}.")
    wanted = dict.fromkeys(libraries, "")
    rows = [ensure(Needs(sklearn=full_release(name), libraries=wanted), say=say) for name in releases]
    return [row for row in rows if row is not None]


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


def usual_releases() -> list[str]:
    """Those that nine in ten real files were made with."""
    return [release for release in known_releases() if (minor_of(release) or (0, 0)) >= _USUAL_SINCE]


@lru_cache(maxsize=4)
def _maker(home: Path, seconds: float, is_offline: bool) -> Maker:
    home.mkdir(parents=True, exist_ok=True)
    return Maker(home, uv=uv.find_uv_bin(), seconds=seconds, is_offline=is_offline)


def maker() -> Maker:
    """The one that makes them where the settings say."""
    return _maker(
        Path(settings.ENVIRONMENTS_DIR), float(settings.ENVIRONMENT_SECONDS), settings.ENVIRONMENTS_OFFLINE
    )
