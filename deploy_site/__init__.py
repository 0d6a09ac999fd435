"""The project: wiring only."""

from __future__ import annotations

from deploy_site.celery import app as celery_app

__all__ = ["celery_app"]
