"""Make the groups that staff accounts are usually put into."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from predictions.services import roles


class Command(BaseCommand):
    """``manage make_roles``: safe to run again; permissions that an admin added stay."""

    help = "Make the groups Reviewers, Model owners and Operators with their permissions. Running it again is harmless."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing and say so."""
        for name, added in roles.make().items():
            said = f"{added} permissions added" if added else "complete"
            if options["verbosity"]:
                self.stdout.write(f"{name}: {said}.")
