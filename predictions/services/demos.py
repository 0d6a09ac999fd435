"""The demo ml_models on the worker's side: trained here, then built like anybody's file."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings

from predictions import repository
from predictions.errors import NotFound
from predictions.ml.demos import DemoRecipe, TrainedDemo, recipes
from predictions.models import Deployment, Job, Source
from predictions.repository import Kind, Stored
from predictions.services import jobs, sources
from predictions.services.builds import Wish, actor_of, build, ending, request_of
from predictions.services.connections import retried
from predictions.services.progress import Progress


def run(job_id: UUID) -> None:
    """Train and build the demo of a job and let it go live; one that is live already is left as it is."""
    job = retried(lambda: jobs.claim(job_id))
    if job is None:
        return
    with ending(job):
        recipe = _recipe(job)
        live = _live(recipe.slug)
        if live is not None:
            jobs.succeed(job, ml_model=live.ml_model, version=live.version)
            return
        trained = _trained(job, recipe)
        source = _source(job, recipe, trained)
        build(job, _wish(job, recipe, trained, source))


def _recipe(job: Job) -> DemoRecipe:
    slug = job.request.get("slug")
    for recipe in recipes():
        if recipe.slug == slug:
            return recipe
    raise NotFound("There is no demo of that name.")


def _live(slug: str) -> Deployment | None:
    rows = Deployment.objects.filter(ml_model__slug=slug, role=Deployment.Role.LIVE, ended_at=None)
    return rows.select_related("ml_model", "version").first()


def _trained(job: Job, recipe: DemoRecipe) -> TrainedDemo:
    progress = Progress(job)
    progress.begin("train")
    with progress.beating():
        trained = recipe.train()
    first = trained.metrics[0]
    progress.done(f"Trained; {first.name.lower()} {first.value:g} on {first.on}.")
    return trained


def _source(job: Job, recipe: DemoRecipe, trained: TrainedDemo) -> Source:
    """The estimator and its rows as the files somebody could have brought."""
    if job.source is not None:
        # An earlier attempt came this far.
        sources.forget(job.source)
    file = io.BytesIO()
    trained.save(file)
    sample = trained.sample.to_csv(index=False).encode()
    stored, stored_sample = _stored(file.getvalue(), "sources"), _stored(sample, "samples")
    source = Source.objects.create(
        filename=f"{recipe.slug}.joblib",
        key=stored.key,
        size=stored.size,
        sha256=stored.sha256,
        sample_filename=f"{recipe.slug}.csv",
        sample_key=stored_sample.key,
        uploaded_by=job.created_by,
    )
    jobs.note_source(job, source)
    return source


def _stored(content: bytes, kind: Kind) -> Stored:
    return repository.store(io.BytesIO(content), kind=kind, max_bytes=settings.MAX_UPLOAD_BYTES)


def _wish(job: Job, recipe: DemoRecipe, trained: TrainedDemo, source: Source) -> Wish:
    request = replace(
        request_of(job),
        name=recipe.name,
        description=recipe.description,
        go_live=True,
        visibility=recipe.visibility,
        card=recipe.card_with(trained),
        signature_edits=recipe.signature_edits,
        is_default=recipe.is_default,
    )
    metrics: list[Any] = [metric.to_document() for metric in trained.metrics]
    return Wish(source=source, request=request, actor=actor_of(job), slug=recipe.slug, metrics=metrics)
