"""``manage create_api_key NAME``: a key for a program, shown once."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.errors import DeskError
from predictions.services import api_keys


class Command(BaseCommand):
    """The key goes to standard output alone, so that a script can take it; the words go to standard error."""

    help = "Make an API key and print it. It is shown once; the site keeps only a hash."

    def add_arguments(self, parser: CommandParser) -> None:
        """``NAME`` and ``--user``."""
        parser.add_argument("name", help="who or what uses it, for the list of keys")
        parser.add_argument(
            "--user",
            metavar="USERNAME",
            help="let the key act for this account: with its rights, and its history",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for an unknown account or an empty name."""
        user = _account(options["user"]) if options["user"] else None
        try:
            row, text = api_keys.create(name=options["name"], user=user, created_by=user)
        except DeskError as error:
            raise CommandError(error.message) from None
        acts = f", acts for {user.get_username()}" if user else ""
        self.stderr.write(f"API key “{row.name}”{acts}. Keep it now: it cannot be shown again.")
        self.stdout.write(text)


def _account(name: str) -> User:
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is no account “{name}”. Make it in the admin, or leave out --user.")
    if not found.is_active:
        raise CommandError(f"The account “{name}” is closed; open it in the admin first.")
    return found
