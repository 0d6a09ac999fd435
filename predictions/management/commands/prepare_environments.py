"""``manage prepare_environments 1.2 1.5 --with xgboost``: make environments before a file needs them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.errors import DeskError
from predictions.services import environments


class Command(BaseCommand):
    """For sites that will be without the package index, and to spare the first file of a release the wait."""

    help = (
        "Make the environments of these scikit-learn releases ahead. What this machine has no Python for is said, and the "
        "others are made all the same."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Releases, ``--all`` and ``--with``."""
        parser.add_argument(
            "releases", nargs="*", metavar="RELEASE", help="1.3 for its last patch, or 1.3.0 for that one"
        )
        parser.add_argument("--all", action="store_true", help="1.1 and all after it, nine in ten files")
        parser.add_argument(
            "--with",
            nargs="+",
            default=[],
            dest="libraries",
            metavar="LIBRARY",
            help="xgboost, lightgbm, catboost, imblearn, category_encoders",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError when nothing was named, or when one of them could not be made."""
        releases = options["releases"] or (environments.usual_releases() if options["all"] else [])
        if not releases:
            raise CommandError(
                f"Name releases, or --all. Known are {', '.join(environments.known_releases())}."
            )
        failed = [release for release in releases if not self._made(release, options["libraries"])]
        if failed:
            raise CommandError(f"Not made: {', '.join(failed)}. The reasons are above.")

    def _made(self, release: str, libraries: list[str]) -> bool:
        try:
            rows = environments.prepare([release], libraries, say=self.stdout.write)
        except DeskError as error:
            self.stderr.write(f"{release}: {error.message}")
            return False
        for row in rows:
            self.stdout.write(f"{release}: {row} is ready, {row.size / 1e6:,.0f} MB ({row.checksum}).")
        if not rows:
            self.stdout.write(f"{release}: the site's own environment will do.")
        return True
