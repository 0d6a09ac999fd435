"""The WSGI application that the web server runs."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from deploy_site import metrics

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy_site.settings")

django_application = get_wsgi_application()

# Only once Django is set up may its apps be imported.
from predictions.api.lane import LeanLane  # noqa: E402

application = LeanLane(django_application)
metrics.start()
