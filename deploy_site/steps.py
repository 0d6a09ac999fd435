"""Several management commands in one process: `python -m deploy_site.steps '[["migrate"], ["load_demos"]]'`.

`["note", FILE, TEXT]` writes a file once everything before it is done.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import django
from django.core.management import CommandError, call_command
from django.db import DatabaseError

if __name__ == "__main__":
    django.setup()
    for name, *arguments in json.loads(sys.argv[1]):
        try:
            if name == "note":
                Path(arguments[0]).write_text(arguments[1])
            else:
                call_command(name, *arguments)
        except (CommandError, DatabaseError) as error:
            sys.exit(f"{name}: {error}")
