"""Every address of the site, by room."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from predictions.api import root_urls

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("django.contrib.auth.urls")),
    path("api/v1/", include("predictions.api.urls")),
    *root_urls.urlpatterns,
    path("", include("predictions.web.urls")),
]

handler400 = "predictions.web.errors.bad_request"
handler403 = "predictions.web.errors.permission_denied"
handler404 = "predictions.web.errors.page_not_found"
handler500 = "predictions.web.errors.server_error"
