"""The app's registration with Django."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

from predictions.timings import keeping


class PredictionsConfig(AppConfig):
    """Model Desk's one app."""

    name = "predictions"
    verbose_name = "Model Desk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and say where this process writes what it records."""
        import_module("predictions.checks")
        keeping.keep_in(settings.METRICS_DIR)
