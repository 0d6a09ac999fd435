"""The site as a WSGI application, all of it on threads; `deploy_site.asgi` is what its own web server runs."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from deploy_site import metrics

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy_site.settings")

application = get_wsgi_application()
metrics.start()
