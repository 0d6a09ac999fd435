"""`first_run`: on a new site, make the local admin and print the one-time link that opens it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from django.core.management.base import BaseCommand, CommandParser
from django.urls import reverse

from predictions.services import first_run


class Command(BaseCommand):
    help = "On a new site, make the local admin and print a one-time link for setting its password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--base-url", default="http://localhost:8000", help="where the site is reached")

    def handle(self, *args: Any, **options: Any) -> None:
        admin = first_run.unopened_admin()
        if admin is None:
            return
        path = reverse("welcome", args=[first_run.link_token(admin)])
        link = urljoin(options["base_url"].rstrip("/") + "/", path.lstrip("/"))
        self.stdout.write(
            f"Set the password of the local admin “{admin.get_username()}” here "
            f"(works once, within {first_run.LINK_HOURS} hours):\n  {link}"
        )
