"""Addresses for model owners: bringing a file, following its build, versions and fields."""

from __future__ import annotations

from django.urls import path

from predictions.web.views import jobs, signatures, uploads, versions

urlpatterns = [
    path("bring/", uploads.upload, name="upload"),
    path("jobs/", jobs.job_list, name="jobs"),
    path("jobs/<uuid:job_id>/", jobs.job, name="job"),
    path("jobs/<uuid:job_id>/cancel/", jobs.cancel, name="job_cancel"),
    path("m/<str:slug>/versions/", versions.versions, name="versions"),
    path("m/<str:slug>/versions/<int:number>/", versions.version, name="version"),
    path("m/<str:slug>/versions/<int:number>/live/", versions.go_live, name="version_live"),
    path("m/<str:slug>/versions/<int:number>/fields/", signatures.edit, name="signature"),
    path("m/<str:slug>/versions/<int:number>/fields/preview/", signatures.preview, name="signature_preview"),
    path("m/<str:slug>/versions/<int:number>/layer.yaml", signatures.layer_file, name="layer_file"),
    path("m/<str:slug>/take-down/", versions.take_down, name="take_down"),
]
