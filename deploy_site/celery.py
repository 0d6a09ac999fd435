"""The Celery application that the workers run and the site sends to."""

from __future__ import annotations

import logging.config
import os
from typing import Any

from celery import Celery, signals
from django.conf import settings
from django.db import connections

from deploy_site import env, metrics

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy_site.settings")
env.limit_numeric_threads()
env.keep_libraries_quiet()

app = Celery("deploy_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add("deploy_site.direct_queues:DirectQueues")


@signals.setup_logging.connect
def _use_the_sites_logging(**_: Any) -> None:
    """Keep Celery from installing its own handlers, which print the text of every exception."""
    logging.config.dictConfig(settings.LOGGING)


@signals.worker_ready.connect
def _open_the_metrics_port(**_: Any) -> None:
    """Once the pool is there: what it forks later lets go of the port by itself."""
    metrics.start()


@signals.task_postrun.connect
def _drop_broken_connections(**_: Any) -> None:
    """Let go of a connection on which something failed, if the server closed it.

    CELERY_DB_REUSE_MAX keeps connections between tasks, broken ones as well: after a restart of the database every
    task of that worker would fail. Asking before each task would cost a round trip; this costs one task.
    """
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()
