"""``manage score NAME rows.csv -o answers.csv``: have the workers answer every row of a file."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions import dispatch
from predictions.errors import DeskError
from predictions.management.following import Follower
from predictions.models import Job
from predictions.selectors import jobs
from predictions.selectors.targets import Target, live_target
from predictions.services import jobs as job_services
from predictions.services import naming, score_files
from predictions.values import Actor

POLL_SECONDS = 0.2
TOLD_SECONDS = 2.0
INTERRUPTED = 130


class Command(BaseCommand):
    """Exit code 0 when the result was written, 1 with the reason when not."""

    help = "Answer every row of a CSV file with an ML model's live version; each answer is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """The ml_model, the file, and where its result goes."""
        parser.add_argument("name", help="name or address of the ML model")
        parser.add_argument("file", metavar="ROWS.CSV", help="cases with a header; - reads standard input")
        parser.add_argument(
            "-o", "--output", required=True, metavar="ANSWERS.CSV", help="where the rows with answers go"
        )
        parser.add_argument(
            "--user",
            metavar="USERNAME",
            help="in whose history they are stored (default: the only superuser)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with what to do differently."""
        output = Path(options["output"])
        if output.is_dir() or not output.absolute().parent.is_dir():
            raise CommandError(f"{output} cannot be written; give a file in a folder that is there.")
        actor = _actor(options["user"])
        try:
            target = _target(actor, options["name"])
            job = self._start(actor, target, options["file"])
        except DeskError as error:
            raise CommandError(error.message) from None
        try:
            job = self._follow(actor, job)
        except KeyboardInterrupt:
            job_services.request_cancel(job, actor)
            self.stderr.write("\nCancelled; answers given before stay in the history.")
            raise SystemExit(INTERRUPTED) from None
        if job.status == Job.Status.CANCELLED:
            raise CommandError("Somebody cancelled it.")
        if job.status == Job.Status.FAILED:
            raise CommandError(job.error_message)
        _write(job, output)
        self.stdout.write(f"The answers are in {output}.")

    def _start(self, actor: Actor, target: Target, name: str) -> Job:
        if name == "-":
            return dispatch.score(actor=actor, target=target, stream=sys.stdin.buffer, filename="rows.csv")
        path = Path(name)
        with _opened(path) as stream:
            return dispatch.score(
                actor=actor,
                target=target,
                stream=stream,
                filename=path.name,
                declared_size=path.stat().st_size,
            )

    def _follow(self, actor: Actor, job: Job) -> Job:
        follower = Follower(self.stdout.write, queue="batch")
        told = time.monotonic()
        while True:
            found = jobs.get(actor, job.pk)
            follower.look(found, time.monotonic())
            if found.is_over:
                return found
            file = found.score_file
            if file.rows is not None and time.monotonic() - told > TOLD_SECONDS:
                told = time.monotonic()
                self.stdout.write(f"    {file.done_rows:,} of {file.rows:,} rows")
            time.sleep(POLL_SECONDS)


def _target(actor: Actor, name: str) -> Target:
    ml_model = naming.find(name)
    if ml_model is None:
        raise CommandError(f"There is no ML model “{name}”.")
    return live_target(actor, ml_model.slug, fresh=True)


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except FileNotFoundError:
        raise CommandError(f"There is no file {file}.") from None
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None


def _actor(name: str | None) -> Actor:
    accounts = User.objects.filter(is_active=True)
    if name is not None:
        found = list(accounts.filter(username=name))
        if not found:
            raise CommandError(f"There is no open account “{name}”.")
    else:
        found = list(accounts.filter(is_superuser=True)[:2])
        if len(found) != 1:
            raise CommandError("Say in whose history the answers are stored: --user USERNAME.")
    (account,) = found
    return Actor(user_id=account.pk, is_staff=account.is_staff, is_superuser=account.is_superuser)


def _write(job: Job, output: Path) -> None:
    """The whole result or no file: it takes the name once it is complete."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        _file, chunks = score_files.result_chunks(job)
        with temporary.open("wb") as target:
            for chunk in chunks:
                target.write(chunk)
        temporary.replace(output)
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
    except DeskError as error:
        raise CommandError(error.message) from None
    finally:
        temporary.unlink(missing_ok=True)
