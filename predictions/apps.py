"""The app's registration with Django."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    """Model Desk's one app."""

    name = "predictions"
    verbose_name = "Model Desk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        import_module("predictions.checks")
