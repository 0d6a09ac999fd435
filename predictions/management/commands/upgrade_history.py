"""``manage upgrade_history``: bring old rows of the history into the present form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.services import upgrading

SAY_EVERY = 50


class Command(BaseCommand):
    """Exit code 0 when all rows are in the present form."""

    help = (
        "Bring answers stored by the first version of the site into the present form, in small steps while the site "
        "goes on. Nothing is wrong before it is done; it can be stopped and started again at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to go on, and how hard to work."""
        parser.add_argument("--after", default="", metavar="ID", help="go on where an earlier run stopped")
        parser.add_argument(
            "--share",
            type=int,
            default=round(upgrading.SHARE_OF_TIME * 100),
            metavar="PERCENT",
            help="of the time to spend at work (default %(default)s); 100 is as fast as it goes",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for options that cannot be meant."""
        if not 1 <= options["share"] <= 100:
            raise CommandError("Give --share as a number of percent from 1 to 100.")
        step = None
        steps = upgrading.upgrade(_id(options["after"]), share_of_time=options["share"] / 100)
        try:
            for number, step in enumerate(steps):
                if number % SAY_EVERY == SAY_EVERY - 1 and options["verbosity"]:
                    self.stdout.write(f"{step.changed:,} of {step.seen:,} answers upgraded; at {step.after}")
        except KeyboardInterrupt:
            where = f" --after {step.after}" if step else ""
            self.stdout.write(f"\nStopped. Go on with: manage upgrade_history{where}")
            raise SystemExit(130) from None
        if options["verbosity"]:
            changed = step.changed if step else 0
            self.stdout.write(f"Done: {changed:,} answers upgraded.")


def _id(text: str) -> UUID:
    try:
        return UUID(text) if text else upgrading.BEGINNING
    except ValueError:
        raise CommandError("Give --after the id that the earlier run named.") from None
