"""Addresses of the API, below /api/v1/. None ends in a slash, and none redirects."""

from __future__ import annotations

from django.urls import path, re_path

from predictions.api import answers, docs, files, jobs, layers, ml_models, predictions, versions, views

app_name = "api"

urlpatterns = [
    path("models", ml_models.MLModels.as_view(), name="ml_models"),
    path("models/<str:slug>", ml_models.OneMLModel.as_view(), name="ml_model"),
    path("models/<str:slug>/predict", answers.Predict.as_view(), name="predict"),
    path("models/<str:slug>/files", files.Files.as_view(), name="files"),
    path("models/<str:slug>/versions", versions.Versions.as_view(), name="versions"),
    path("models/<str:slug>/versions/<int:number>/live", versions.VersionLive.as_view(), name="version_live"),
    path(
        "models/<str:slug>/versions/<int:number>/layer", layers.VersionLayer.as_view(), name="version_layer"
    ),
    path("predictions", predictions.Predictions.as_view(), name="predictions"),
    path("predictions/<str:prediction_id>", predictions.OnePrediction.as_view(), name="prediction"),
    path("jobs", jobs.Jobs.as_view(), name="jobs"),
    path("jobs/<str:job_id>", jobs.OneJob.as_view(), name="job"),
    path("jobs/<str:job_id>/result", files.JobResult.as_view(), name="job_result"),
    path("jobs/<str:job_id>/cancel", jobs.CancelJob.as_view(), name="cancel_job"),
    path("openapi.json", docs.OpenApi.as_view(), name="openapi"),
    path("docs", docs.SwaggerUi.as_view(), name="docs"),
    re_path(r"", views.NoSuchAddress.as_view(), name="no_such_address"),
]
