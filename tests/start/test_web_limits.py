"""The web server may hold the connections that its command lets it hold."""

from __future__ import annotations

import re
import subprocess
import sys

from deploy_site import procfile
from deploy_site.web import OPEN_FILES

LOOK = """
import resource
from deploy_site.web import allow_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
allow_open_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limits_after(soft: int, hard: int) -> tuple[int, ...]:
    """What a process that began with these limits has then."""
    code = LOOK.format(soft=soft, hard=hard)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return tuple(int(number) for number in said.split())


def test_every_connection_may_be_open_at_once() -> None:
    found = re.search(r"--backpressure (\d+)", procfile.commands()["web"])
    assert found is not None
    assert int(found[1]) + 1024 <= OPEN_FILES


def test_a_low_limit_of_open_files_is_raised() -> None:
    assert limits_after(1024, OPEN_FILES + 100) == (OPEN_FILES, OPEN_FILES + 100)


def test_no_more_than_the_system_allows_is_asked_for() -> None:
    assert limits_after(1024, 4096) == (4096, 4096)


def test_a_high_limit_is_left_alone() -> None:
    assert limits_after(OPEN_FILES + 5, OPEN_FILES + 50) == (OPEN_FILES + 5, OPEN_FILES + 50)
