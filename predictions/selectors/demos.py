"""The demo ml_models that come with the site."""

from __future__ import annotations

from predictions.models import Deployment, Job

DEMOS = (
    ("sequence", "Sequence"),
    ("line", "Line"),
    ("breast-cancer", "Breast cancer"),
    ("diabetes-progression", "Diabetes progression"),
    ("german-credit", "German credit"),
    ("digits", "Handwritten digits"),
)
"""Slug and name of each, the quickest first. The recipes themselves are for workers."""


def missing() -> list[tuple[str, str]]:
    """Those without a live version."""
    live = set(
        Deployment.objects.filter(
            ml_model__slug__in=[slug for slug, _ in DEMOS], role=Deployment.Role.LIVE, ended_at=None
        ).values_list("ml_model__slug", flat=True)
    )
    return [(slug, name) for slug, name in DEMOS if slug not in live]


def under_way(slug: str) -> Job | None:
    """The job that is building this demo now, if there is one."""
    return Job.objects.filter(
        kind=Job.Kind.DEMO, request__slug=slug, status__in=[Job.Status.QUEUED, Job.Status.RUNNING]
    ).first()
