"""The web server with the site loaded before its processes are forked: `python -m deploy_site.web`, granian's options.

Each process would load Django for itself otherwise, which is most of what a start takes, and keep a copy of its own.
What belongs to one process (threads, connections, what is counted) begins in that process: nothing here starts any.
"""

from __future__ import annotations

import gc
import multiprocessing
import resource

import django
from django.conf import settings
from django.urls import get_resolver
from django.utils.module_loading import import_string
from granian import cli

GARBAGE_OBJECTS = 20_000
"""So many new objects are looked through for what only refers to itself."""

OPEN_FILES = 16_384
"""Each connection is one for the system: well above the connections that the Procfile lets a process hold."""

LANE = "predictions.api.lane.LeanLane"
"""Stands before the middlewares, in `deploy_site.asgi`."""


def load() -> None:
    """Import all that answering a request needs."""
    django.setup()
    # The routes import every view.
    _ = get_resolver().url_patterns
    for name in (*settings.MIDDLEWARE, LANE):
        import_string(name)
    # A later collection in a child would write into every page that it still shares with its parent.
    gc.collect()
    gc.freeze()
    # An answer's objects are gone once it is sent, without any collection; by default there would be one for each dozen.
    gc.set_threshold(GARBAGE_OBJECTS)


def allow_open_files() -> None:
    """As many as are needed, where the system lets us: its habit of 1,024 is for programs that hold few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    allow_open_files()
    if multiprocessing.get_start_method() == "fork":
        load()
    cli.entrypoint()  # type: ignore[no-untyped-call]
