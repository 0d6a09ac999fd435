"""Addresses of this room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from predictions.web import owner_urls
from predictions.web.views import history, ml_models, predictions, start, welcome

urlpatterns: list[URLPattern | URLResolver] = [
    path("", start.start, name="start"),
    path("m/<str:slug>/", ml_models.ml_model, name="ml_model"),
    path("m/<str:slug>/api/", ml_models.api, name="ml_model_api"),
    path("m/<str:slug>/about/", ml_models.about, name="ml_model_about"),
    path("predictions/<uuid:prediction_id>/", predictions.prediction, name="prediction"),
    path("history/", history.history, name="history"),
    path("history/export.csv", history.export, name="history_export"),
    path("welcome/<str:token>/", welcome.welcome, name="welcome"),
    *owner_urls.urlpatterns,
]
