"""Addresses of this room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from predictions.web import owner_urls
from predictions.web.views import files, history, ml_models, predictions, start, welcome

urlpatterns: list[URLPattern | URLResolver] = [
    path("", start.start, name="start"),
    path("m/<str:slug>/", ml_models.ml_model, name="ml_model"),
    path("m/<str:slug>/api/", ml_models.api, name="ml_model_api"),
    path("m/<str:slug>/about/", ml_models.about, name="ml_model_about"),
    path("m/<str:slug>/file/", files.file, name="ml_model_file"),
    path("m/<str:slug>/file/template.csv", files.template, name="ml_model_template"),
    path("jobs/<uuid:job_id>/result/", files.result, name="job_result"),
    path("predictions/<uuid:prediction_id>/", predictions.prediction, name="prediction"),
    path("history/", history.history, name="history"),
    path("history/export.csv", history.export, name="history_export"),
    path("welcome/<str:token>/", welcome.welcome, name="welcome"),
    *owner_urls.urlpatterns,
]
