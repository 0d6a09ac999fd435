"""The application that the web server runs: predict calls on its event loop, everything else on threads."""

from __future__ import annotations

from django.conf import settings

from deploy_site.threads import OnThreads
from deploy_site.wsgi import application as django_application

# Only once Django is set up may its apps be imported.
from predictions.api.lane import LeanLane

_on_threads = OnThreads(django_application, settings.WEB_THREADS)
application = LeanLane(_on_threads, _on_threads.executor, _on_threads.most)
