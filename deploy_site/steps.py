"""Several management commands in one process: `python -m deploy_site.steps '[["migrate"], ["load_demos"]]'`."""

from __future__ import annotations

import json
import sys

import django
from django.core.management import CommandError, call_command
from django.db import DatabaseError

if __name__ == "__main__":
    django.setup()
    for name, *arguments in json.loads(sys.argv[1]):
        try:
            call_command(name, *arguments)
        except (CommandError, DatabaseError) as error:
            sys.exit(f"{name}: {error}")
