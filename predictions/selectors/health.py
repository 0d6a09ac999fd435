"""Whether the parts behind the site answer."""

from __future__ import annotations

from django.db import connection

from predictions.selectors import ml_models
from predictions.selectors.targets import Target, live_target
from predictions.values import Actor

_EVERYTHING = Actor(is_superuser=True)


def ask_database() -> None:
    """Returns when the database answered. Raises django.db.Error."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def target_to_probe() -> Target | None:
    """The default ml_model, else the oldest one with a live version; None on a site without any."""
    row = ml_models.usable_by(_EVERYTHING).order_by("-is_default", "pk").first()
    return live_target(_EVERYTHING, row.slug) if row is not None else None
