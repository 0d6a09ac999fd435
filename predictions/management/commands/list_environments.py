"""``manage list_environments``: what is there, how large, and who uses it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from predictions.selectors import environments
from predictions.services import environments as environment_services


class Command(BaseCommand):
    """One line for each environment, and the Pythons that others could be made on."""

    help = "List the environments of other scikit-learn releases, and the Pythons of this machine."

    def handle(self, *args: Any, **options: Any) -> None:
        """Reads only."""
        for row in environments.all_of_them():
            size = "removed" if row.removed_at else f"{row.size / 1e6:,.0f} MB"
            libraries = "".join(f", {name}" for name in environment_services.libraries_of(row))
            self.stdout.write(f"{row.checksum}  {row}{libraries}: {size}, {row.uses} versions")
        pythons = ", ".join(one.named for one in sorted(environment_services.interpreters()))
        self.stdout.write(f"Pythons of this machine: {pythons}.")
