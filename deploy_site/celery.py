"""The Celery application that the workers run and the site sends to."""

from __future__ import annotations

import logging.config
import os
from typing import Any

from celery import Celery, signals
from django.conf import settings

from deploy_site import env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy_site.settings")
env.limit_numeric_threads()

app = Celery("deploy_site")
app.config_from_object("django.conf:settings", namespace="CELERY")


@signals.setup_logging.connect
def _use_the_sites_logging(**_: Any) -> None:
    """Keep Celery from installing its own handlers, which print the text of every exception."""
    logging.config.dictConfig(settings.LOGGING)
