"""The review desk: a door for staff, in Django admin. Importing the room registers its pages."""

from __future__ import annotations

from predictions.admin import (
    accounts,
    api_keys,
    environments,
    jobs,
    ml_models,
    predictions,
    reviews,
    versions,
)

__all__ = ["accounts", "api_keys", "environments", "jobs", "ml_models", "predictions", "reviews", "versions"]
