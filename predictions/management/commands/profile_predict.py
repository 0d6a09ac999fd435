"""``manage profile_predict``: where the time of answers goes."""

from __future__ import annotations

import random
import time
from statistics import median
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.errors import DeskError
from predictions.management.driving import Drive, bodies_for, drive
from predictions.models import MLModel
from predictions.selectors import health, metrics
from predictions.selectors.targets import Target, live_target
from predictions.services import naming, trials
from predictions.timings import profile
from predictions.timings.sums import Sums
from predictions.values import Actor

WARM_UP = 5
NOTED_SECONDS = 5.0
"""A process writes what it recorded about once a second."""
FACE = "api"
EVERYTHING = Actor(is_superuser=True)

STAGE_WORDS = {
    "admit": "who asks, may they, how often",
    "parse": "from the body to values",
    "validate": "by the signature",
    "queue": "until a worker begins",
    "infer": "in the worker: the model, and names for its answers",
    "insert": "into the database, with the commit",
    "reply": "from the commit until the caller goes on",
    "render": "from answers to the body",
    "other": "between the stages",
    "total": "in the web process, from the request to its body",
}


class Command(BaseCommand):
    """The figures are those that the site records of every answer anyway; this command only asks and reads."""

    help = (
        "Show where the time of answers goes: of requests that this command sends to the running site and whose "
        "answers it removes again, or with --recorded of all answers since the site was started."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Of which ml_model, and of which requests."""
        parser.add_argument(
            "ml_model",
            nargs="?",
            help="name or address of the ML model (default: the one that answers /predict)",
        )
        parser.add_argument(
            "--recorded", action="store_true", help="send nothing; show what was recorded since the start"
        )
        parser.add_argument("--requests", type=int, default=200, help="how many to send (default: 200)")
        parser.add_argument("--rows", type=int, default=1, help="cases in each of them (default: 1)")
        parser.add_argument(
            "--concurrency", type=int, default=1, help="how many to send at the same time (default: 1)"
        )
        parser.add_argument("--url", default="", help="the site's address (default: this machine's)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with what to do differently."""
        for name in ("requests", "rows", "concurrency"):
            if options[name] < 1:
                raise CommandError(f"--{name} must be at least 1.")
        try:
            if options["recorded"]:
                self._recorded(options["ml_model"])
            else:
                self._of_trial(options)
        except DeskError as error:
            raise CommandError(error.message) from None

    def _recorded(self, name: str | None) -> None:
        slug = _found(name).slug if name else ""
        lines = profile.lines(metrics.recorded(), ml_model=slug)
        if not lines:
            raise CommandError(
                "Nothing was recorded since the site was started; ask it something, or leave out --recorded."
            )
        self.stdout.write(f"All answers of {slug or 'every ML model'} since the site was started:\n\n")
        self._show(lines)

    def _of_trial(self, options: dict[str, Any]) -> None:
        target = _target(options["ml_model"])
        if options["rows"] > settings.MAX_ROWS_PER_REQUEST:
            raise CommandError(f"This site takes at most {settings.MAX_ROWS_PER_REQUEST} cases per request.")
        trial = trials.begin(MLModel.objects.get(pk=target.ml_model_id))
        try:
            before, driven = self._send(target, trial.text, options)
            now = _settled(before, target.slug, len(driven.seconds))
        finally:
            removed = trials.end(trial)
        self._say_what_was_sent(target, driven, removed, options)
        lines = profile.lines(now, ml_model=target.slug, face=FACE, before=before)
        if not lines:
            raise CommandError(
                "The site answered, but recorded it elsewhere. Run this command where the web server runs, "
                "with the same METRICS_DIR."
            )
        self._show(lines)
        others = lines[-1].count - len(driven.seconds)
        if others > 0:
            self.stdout.write(f"\n{others} requests of others came meanwhile and are in these figures.")
        elif others < 0:
            self.stdout.write(f"\n{-others} requests were answered by web hosts that record for themselves.")

    def _send(self, target: Target, key: str, options: dict[str, Any]) -> tuple[Sums, Drive]:
        """What was recorded before, and what came of the requests."""
        chance = random.Random()  # noqa: S311 - cases near the example, not secrets
        url = f"{_address(options['url'])}/api/v1/models/{quote(target.slug)}/predict"
        headers = _headers(key, options["url"])
        wanted = options["concurrency"]
        warm_up = bodies_for(target, rows=options["rows"], count=max(WARM_UP, wanted), chance=chance)
        _check(drive(url, warm_up, headers=headers, concurrency=wanted))
        # What the first ones recorded is written by now, and then it is no part of the difference.
        time.sleep(2.0)
        bodies = bodies_for(target, rows=options["rows"], count=options["requests"], chance=chance)
        before = metrics.recorded()
        driven = drive(url, bodies, headers=headers, concurrency=wanted)
        _check(driven)
        return before, driven

    def _say_what_was_sent(
        self, target: Target, driven: Drive, removed: int, options: dict[str, Any]
    ) -> None:
        answered = len(driven.seconds)
        self.stdout.write(
            f"{target.name}: {answered} requests of {options['rows']} case(s) over {options['concurrency']} "
            f"connection(s), {answered / driven.took:,.0f} a second. Their caller waited "
            f"{_ms(median(driven.seconds))} ms (median)."
        )
        if refused := sum(driven.statuses.values()) - answered:
            codes = ", ".join(
                f"{count} × {status}" for status, count in sorted(driven.statuses.items()) if status != 200
            )
            self.stdout.write(f"{refused} were refused and are not in the table: {codes}.")
        self.stdout.write(f"{removed} answers were removed from the history again.\n\n")

    def _show(self, lines: list[profile.Line]) -> None:
        self.stdout.write(f"{'stage':10}{'count':>10}{'mean ms':>11}{'p50 ms':>11}{'p99 ms':>11}{'share':>8}")
        for line in lines:
            p50, p99 = (_ms(value) if value is not None else "-" for value in (line.p50, line.p99))
            self.stdout.write(
                f"{line.stage:10}{line.count:>10}{_ms(line.mean):>11}{p50:>11}{p99:>11}{line.share:>8.1%}"
                f"  {STAGE_WORDS[line.stage]}"
            )


def _found(name: str) -> MLModel:
    ml_model = naming.find(name)
    if ml_model is None:
        raise CommandError(f"There is no ML model “{name}”.")
    return ml_model


def _target(name: str | None) -> Target:
    """Raises CommandError, TryLater when nothing is live."""
    if name:
        return live_target(EVERYTHING, _found(name).slug, fresh=True)
    target = health.target_to_probe()
    if target is None:
        raise CommandError("This site has no live ML model to ask.")
    return target


def _address(given: str) -> str:
    return given.rstrip("/") or f"http://127.0.0.1:{settings.PORT}"


def _headers(key: str, given_url: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if not given_url:
        names = [name.lstrip(".") for name in settings.ALLOWED_HOSTS if name.strip(".*")]
        headers["Host"] = names[0] if names else "localhost"
        if settings.TRUST_PROXY_HEADERS:  # as the proxy in front would say
            headers["X-Forwarded-Proto"] = "https"
    return headers


def _check(driven: Drive) -> None:
    if driven.seconds:
        return
    status = next(iter(driven.statuses))
    if 300 <= status < 400:
        raise CommandError("The site answers over HTTPS only; give its address with --url https://….")
    raise CommandError(f"The site refused every request with {status}; look into its logs.")


def _settled(before: Sums, slug: str, answered: int) -> Sums:
    """What was recorded once all answers are in it, or when that takes too long."""
    until = time.monotonic() + NOTED_SECONDS
    wanted = profile.requests(before, ml_model=slug, face=FACE) + answered
    while True:
        now = metrics.recorded()
        if profile.requests(now, ml_model=slug, face=FACE) >= wanted or time.monotonic() > until:
            return now
        time.sleep(0.2)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.3f}"
