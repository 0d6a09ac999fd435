"""``manage.py load_demos``: have the workers train and build the demo ml_models, and wait for them."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions import dispatch
from predictions.models import Job
from predictions.selectors import demos
from predictions.values import Actor

POLL_SECONDS = 0.3


class Command(BaseCommand):
    """Idempotent: a demo that is live already is left alone."""

    help = "Train and build the demo ML models that are not there yet."

    def add_arguments(self, parser: CommandParser) -> None:
        """``--timeout`` in seconds."""
        parser.add_argument("--timeout", type=float, default=300.0, help="seconds to wait (default 300)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send the missing ones and follow them. Raises CommandError naming those that failed."""
        owner = User.objects.filter(is_superuser=True).order_by("pk").first()
        actor = Actor(user_id=owner.pk if owner else None, is_staff=True, is_superuser=True)
        waiting = [
            demos.under_way(slug) or dispatch.demo(slug=slug, name=name, actor=actor)
            for slug, name in demos.missing()
        ]
        if not waiting:
            self.stdout.write("The demo ML models are there.")
            return
        self._follow(waiting, time.monotonic() + options["timeout"])

    def _follow(self, waiting: list[Job], until: float) -> None:
        left = {job.pk for job in waiting}
        failed = []
        while left and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            for job in Job.objects.filter(pk__in=left):
                if job.is_over:
                    left.discard(job.pk)
                    self.stdout.write(f"  {job.name}: {job.get_status_display()}")
                    if job.status != Job.Status.SUCCEEDED:
                        failed.append(f"{job.name}: {job.error_message}")
        if left:
            raise CommandError(
                "Some demos are still being built; the start page shows them when they are ready."
            )
        if failed:
            raise CommandError("\n".join(failed))
