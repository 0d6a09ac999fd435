"""The build on the worker's side: a stored source becomes a sealed version, or a failed job that says why."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from predictions import repository, sandbox
from predictions.environments import needs_of
from predictions.errors import BadModelFile, DeskError
from predictions.models import Environment, Job, ModelVersion, Source, SourceFile
from predictions.repository import Stored
from predictions.sandbox import SandboxResult, Stopped, in_sandbox, listed
from predictions.sandbox.configured import build_limits
from predictions.sandbox.replies import BuildReply, believed, scans_believed
from predictions.sandbox.results import unreadable
from predictions.selectors import ml_models, proofs
from predictions.services import code_packages, environments, jobs, sources
from predictions.services.connections import retried
from predictions.services.progress import Progress
from predictions.services.sealing import Built, seal
from predictions.values import Actor, BuildRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a build is to become. ``slug`` is fixed for demos, else it comes from the name."""

    source: Source
    request: BuildRequest
    actor: Actor
    slug: str = ""
    metrics: Sequence[Any] = ()


def run(job_id: UUID) -> None:
    """Do the build of a job, if it is there to do; its row tells how it went. Running it twice changes nothing."""
    job = retried(lambda: jobs.claim(job_id))
    if job is None:
        return
    with ending(job):
        if job.source is None or not job.source.key:
            raise BadModelFile("The file of this job is gone; bring it again.", code="source_gone")
        build(job, Wish(source=job.source, request=request_of(job), actor=actor_of(job)))


@contextmanager
def ending(job: Job) -> Iterator[None]:
    """End the job the way the block ends. A database that is away leaves it to the sweeper."""
    try:
        yield
    except jobs.Lost:
        logger.warning("Job %s went to another worker.", job.pk)
    except Stopped:
        jobs.cancelled(job)
    except DeskError as error:
        jobs.fail(job, error.code, error.message)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("Job %s failed.", job.pk)
        jobs.fail(job, "internal", "Something went wrong on our side; try again or ask the operator.")


def request_of(job: Job) -> BuildRequest:
    """What the person asked for."""
    known = BuildRequest.__dataclass_fields__
    return BuildRequest(**{key: value for key, value in job.request.items() if key in known})


def actor_of(job: Job) -> Actor:
    """Whoever started the job, with the rights they have now; the site itself when nobody did."""
    user = job.created_by
    if user is None:
        return Actor(is_superuser=True)
    return Actor(user_id=user.pk, is_staff=user.is_staff, is_superuser=user.is_superuser)


def build(job: Job, wish: Wish) -> None:
    """Scan, open, convert, compare and seal; ends the job well. Raises DeskError, and then nothing is left."""
    progress = Progress(job)
    with ExitStack() as held:
        files = _copies(progress, wish.source, held)
        scans = _scanned(progress, wish.source, files, held)
        environment = _environment(progress, scans)
        payload = {
            "files": _listed(wish.source, scans),
            "order": list(wish.request.chain),
            "runtime": wish.request.runtime,
            "code": [scan["package"] for scan in scans if scan.get("package")],
            "columns": scans[0].get("archive", {}).get("columns", []),
        }
        result = held.enter_context(_opened(progress, files, payload, environment))
        reply = believed(result)
        progress.begin("seal")
        stored = _stored(reply, wish.source, files["source"] if "archive" in scans[0] else None)
        try:
            _seal(progress, wish, _Outcome(reply, result, scans, environment), stored)
        except BaseException:
            _let_go(stored, wish.source)
            raise


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What all steps before the seal made."""

    reply: BuildReply
    result: SandboxResult
    scans: Sequence[Mapping[str, Any]]
    environment: Environment | None


def _let_go(stored: Stored, source: Source) -> None:
    """Delete what no version came to hold. A connection that broke at the commit does not tell; the rows do."""
    if stored.key == source.key:
        return
    try:
        held = retried(lambda: ModelVersion.objects.filter(artifact_key=stored.key).exists())
    except DatabaseError:
        return
    if not held:
        repository.delete(stored.key)


def _copies(progress: Progress, source: Source, held: ExitStack) -> dict[str, Path]:
    """The stored bytes as files for the sandbox, for as long as ``held`` is open."""
    progress.begin("store")
    files = {
        in_sandbox(place): held.enter_context(repository.local_copy(file.key, file.sha256))
        for place, file in enumerate(sources.stored_files(source))
    }
    if source.sample_key:
        files["sample"] = held.enter_context(repository.local_copy(source.sample_key, None))
    if source.code_key:
        files["code"] = held.enter_context(repository.local_copy(source.code_key, source.code_sha256))
        jobs.add_log(progress.job, code_packages.sentence(source))
    stored: list[Source | SourceFile] = [source, *source.files.order_by("place")]
    progress.done(
        "; ".join(f"{one.filename}: {one.size:,} bytes, SHA-256 {one.sha256[:16]}…" for one in stored)
    )
    return files


def _listed(source: Source, scans: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The files of a unit with the formats that were found, which their rows learn too."""
    files = list(source.files.order_by("place"))
    for file, scan in zip(files, scans[1:], strict=True):
        file.format = scan["format"]
        file.save(update_fields=["format"])
    names = [file.name for file in sources.stored_files(source)]
    return listed(list(zip(names, [scan["format"] for scan in scans], strict=True)))


def _scanned(
    progress: Progress, source: Source, files: dict[str, Path], held: ExitStack
) -> list[dict[str, Any]]:
    """What the files say of themselves, read by the site's own Python without opening them. Raises BadModelFile.

    The model of an archive takes its place in ``files`` for as long as ``held`` is open, and so does its sample when
    none was given.
    """
    progress.begin("scan")
    result = held.enter_context(
        sandbox.run(
            "scan",
            {
                "files": [name for name in files if name not in ("sample", "code")],
                "main_module": source.code_main_module,
            },
            files={name: path for name, path in files.items() if name != "sample"},
            limits=build_limits(),
            on_event=progress.hear,
            should_stop=progress.should_stop,
        )
    )
    progress.leave_sandbox()
    scans = scans_believed(result)
    if "archive" in scans[0]:
        if "source.model" not in result.files:
            raise unreadable()
        files["source"] = result.files["source.model"]
        if "source.sample" in result.files:
            files.setdefault("sample", result.files["source.sample"])
    return scans


def _environment(progress: Progress, scans: Sequence[Mapping[str, Any]]) -> Environment | None:
    """The environment that the file was made with; None for the site's own, which ONNX graphs need no other than."""
    opened = [scan for scan in scans if scan["format"] not in ("onnx", "json")]
    if not opened:
        return None
    needs = needs_of(opened)
    if environments.suits(needs):
        return None
    progress.begin("environment")
    with progress.beating():
        row = environments.ensure(
            needs,
            say=lambda words: jobs.add_log(progress.job, words),
            should_stop=progress.should_stop,
        )
    if row is not None:
        progress.done(
            f"Made with {needs.in_words()}: opened with scikit-learn {row.sklearn} on Python {row.python}."
        )
    return row


def _opened(
    progress: Progress,
    files: Mapping[str, Path],
    payload: Mapping[str, Any],
    environment: Environment | None,
) -> SandboxResult:
    """Run the sandbox on the stored bytes. The result is the caller's to close."""
    progress.begin("open")
    result = sandbox.run(
        "build",
        payload,
        files=files,
        limits=build_limits(),
        on_event=progress.hear,
        should_stop=progress.should_stop,
        python=None if environment is None else environments.python_of(environment),
    )
    try:
        progress.leave_sandbox()
        jobs.add_log(progress.job, result.report.sentence())
    except BaseException:
        result.close()
        raise
    return result


def _stored(reply: BuildReply, source: Source, unpacked: Path | None) -> Stored:
    """Where the artifact's bytes are: new ones for ONNX and what lay in an archive, else the source's own."""
    artifact = reply.artifact or unpacked
    if artifact is None:
        return Stored(source.key, source.sha256, source.size)
    with artifact.open("rb") as stream:
        return repository.store(stream, kind="artifacts", max_bytes=settings.SANDBOX_FILE_BYTES)


def _seal(progress: Progress, wish: Wish, outcome: _Outcome, stored: Stored) -> None:
    job, reply, result = progress.job, outcome.reply, outcome.result
    built = Built(
        signature=reply.signature,
        runtime=reply.runtime,
        plan=reply.plan,
        artifact=stored,
        file_format=outcome.scans[0]["format"],
        environment=outcome.environment,
        report={
            **reply.report,
            "scan": dict(outcome.scans[0]),
            "scans": [dict(scan) for scan in outcome.scans[1:]],
            "order": list(wish.request.chain),
            "environment": _described(outcome.environment),
            "notes": [*_notes_beside(wish.source, outcome.scans[0]), *reply.notes],
            "guards": dict(result.guards),
            "sandbox": {
                "seconds": result.report.seconds,
                "cpu_seconds": result.report.cpu_seconds,
                "peak_bytes": result.report.peak_bytes,
            },
            "steps": job.steps,
        },
        libraries=reply.libraries,
        metrics=list(wish.metrics),
    )
    progress.check()
    with transaction.atomic():
        version = seal(
            built=built, source=wish.source, request=wish.request, actor=wish.actor, slug=wish.slug
        )
        progress.done(_sealed_in_words(version, wish.request, is_live=_is_live(version)))
        jobs.succeed(job, ml_model=version.ml_model, version=version)


def _notes_beside(source: Source, scan: Mapping[str, Any]) -> list[str]:
    """What came with the file, in sentences: an archive's choice, and own code with who allowed it."""
    allowed = code_packages.sentence(source)
    return [*([allowed] if allowed else []), *scan.get("archive", {}).get("notes", [])]


def _described(environment: Environment | None) -> dict[str, str] | None:
    if environment is None:
        return None
    return {
        "checksum": environment.checksum,
        "python": environment.python,
        "sklearn": environment.sklearn,
        "lock": environment.lock,
    }


def _is_live(version: ModelVersion) -> bool:
    live = ml_models.live_version(version.ml_model)
    return live is not None and live.pk == version.pk


def _sealed_in_words(version: ModelVersion, request: BuildRequest, *, is_live: bool) -> str:
    sealed = f"Version {version.number} of {version.ml_model.name} is sealed"
    failed = proofs.failed_checks(version.report)
    if failed:
        so_far = ", but not live" if request.go_live else ""
        return f"{sealed}{so_far}: it failed its proof ({proofs.in_words(failed)})."
    if is_live:
        return f"{sealed} and live."
    so_far = ", but not live: the layer of the version before does not fit it" if request.go_live else ""
    return f"{sealed}{so_far}."
