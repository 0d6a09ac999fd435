"""Addresses of programs outside of /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from predictions.api import article, health, metrics, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("predict", article.ArticlePredict.as_view(), name="article_predict"),
    path("health/live", health.Live.as_view(), name="health_live"),
    path("health/ready", health.Ready.as_view(), name="health_ready"),
    path("metrics", metrics.Metrics.as_view(), name="metrics"),
    re_path(r"^(api|health)(/|$)", views.NoSuchAddress.as_view(), name="no_such_api"),
]
