"""``manage purge_history --before 2025-11``: remove whole months of answers."""

from __future__ import annotations

import sys
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.errors import DeskError
from predictions.services import purging
from predictions.services.purging import Purge
from predictions.values import Actor


class Command(BaseCommand):
    """Says what would go, asks, and writes down on whose word it went."""

    help = "Remove all answers from before a month, with the reviews of them, for good. Answering goes on meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        """``--before``, ``--dry-run``, ``--by`` and ``--no-input``."""
        parser.add_argument(
            "--before", required=True, metavar="YYYY-MM", help="the first month that stays (UTC)"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")
        parser.add_argument(
            "--by", metavar="USERNAME", help="the admin on whose word; needed where there are several"
        )
        parser.add_argument(
            "--no-input", "--noinput", action="store_false", dest="interactive", help="do not ask back"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for a month that cannot go, nobody on whose word, or a no."""
        try:
            before = purging.month_of(options["before"])
            wanted = purging.plan(before)
            self._show(wanted)
            if options["dry_run"] or not (wanted.going or wanted.reviews):
                return
            actor = _admin(options["by"])
            if options["interactive"]:
                self._ask()
            done = purging.purge(before=before, actor=actor, say=self._say)
        except DeskError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"Done: {done.answers:,} answers and {done.reviews:,} reviews of them are gone.")

    def _show(self, wanted: Purge) -> None:
        if not (wanted.going or wanted.reviews):
            self.stdout.write(f"There is nothing from before {wanted.before:%B %Y}.")
            return
        for one in wanted.going:
            self.stdout.write(f"{one.title}: {one.answers:,} answers" + ("" if one.whole else ", row by row"))
        self.stdout.write(
            f"In all {wanted.answers:,} answers from before {wanted.before:%B %Y} and {wanted.reviews:,} reviews of them."
        )

    def _ask(self) -> None:
        if not sys.stdin.isatty():
            raise CommandError("Nobody is here to ask. Add --no-input to remove them without a question.")
        if input("They cannot be brought back. Type yes to remove them: ").strip().lower() != "yes":
            raise CommandError("Nothing was removed.")

    def _say(self, text: str) -> None:
        self.stdout.write(f"  {text}")


def _admin(name: str | None) -> Actor:
    admins = User.objects.filter(is_superuser=True, is_active=True)
    found = list((admins.filter(username=name) if name else admins)[:2])
    if len(found) != 1:
        raise CommandError(
            f"“{name}” is no admin of this site."
            if name
            else "Say on whose word: --by USERNAME, the name of an admin."
        )
    return Actor(user_id=found[0].pk, is_staff=True, is_superuser=True)
