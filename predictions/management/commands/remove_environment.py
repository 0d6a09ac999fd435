"""``manage remove_environment CHECKSUM``: free the room of an environment."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.errors import DeskError
from predictions.selectors import environments
from predictions.services import environments as environment_services


class Command(BaseCommand):
    """What versions were made in it comes back when one of them is asked."""

    help = "Remove environments by their checksums (the beginning is enough), or all that no version was made in."

    def add_arguments(self, parser: CommandParser) -> None:
        """Checksums, or ``--unused``."""
        parser.add_argument(
            "checksums", nargs="*", metavar="CHECKSUM", help="as manage list_environments says"
        )
        parser.add_argument("--unused", action="store_true", help="those that no version was made in")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for an unknown checksum, or none."""
        try:
            rows = [environments.get(name) for name in options["checksums"]]
        except DeskError as error:
            raise CommandError(error.message) from None
        if options["unused"]:
            rows += [row for row in environments.all_of_them() if not row.uses]
        elif not rows:
            raise CommandError("Name a checksum, or --unused.")
        for row in {row.pk: row for row in rows}.values():
            name = str(row)
            environment_services.remove(row)
            self.stdout.write(f"{name} is removed.")
