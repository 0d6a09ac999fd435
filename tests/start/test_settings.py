"""The settings refuse to start half-configured, and `.env.example` tells the whole truth about them."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT

COMPLETE = {
    "SECRET_KEY": "long enough for this test, which is about names and not about keys 0123456789",
    "ALLOWED_HOSTS": "desk.example.org",
    "DATABASE_URL": "postgresql://me@127.0.0.1:1/desk",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
# Read by the scripts and by docker-compose.yml, not by settings.py.
ELSEWHERE = {"PYTHON", "CHROMIUM", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}

_DUMP = """
import json
from deploy_site import settings
print(json.dumps({name: repr(value).partition(" object at ")[0] for name, value in vars(settings).items() if name.isupper()}))
"""


def _settings(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run([sys.executable, "-c", _DUMP], cwd=ROOT, env=clean, capture_output=True, text=True)


def _read_in_settings() -> set[str]:
    tree = ast.parse((ROOT / "deploy_site" / "settings.py").read_text())
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    readers = (
        c for c in calls if isinstance(c.func, ast.Attribute) and ast.unparse(c.func).startswith("env.")
    )
    return {ast.literal_eval(call.args[0]) for call in readers}


def _read_in_shell(file: str) -> set[str]:
    return set(re.findall(r"\$\{([A-Z_]+)", (ROOT / file).read_text()))


def _documented() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", "\n".join(lines), flags=re.MULTILINE))


def test_settings_load_when_everything_is_given() -> None:
    assert _settings(COMPLETE).returncode == 0


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_a_missing_variable_is_named_in_a_sentence(name: str) -> None:
    done = _settings({key: value for key, value in COMPLETE.items() if key != name})
    assert done.returncode != 0
    assert f"ImproperlyConfigured: {name} is not set." in done.stderr.splitlines()[-1]


def test_debugging_needs_nothing() -> None:
    assert _settings({"DEBUG": "1"}).returncode == 0


def test_production_is_https_only_and_a_flag_says_otherwise() -> None:
    secure = json.loads(_settings(COMPLETE).stdout)
    plain = json.loads(_settings({**COMPLETE, "HTTPS": "0"}).stdout)
    for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT"):
        assert (secure[name], plain[name]) == ("True", "False")
    assert "SECURE_PROXY_SSL_HEADER" not in secure


def test_env_example_names_exactly_what_is_read() -> None:
    read = _read_in_settings() | _read_in_shell("Procfile") | _read_in_shell("docker-compose.yml") | ELSEWHERE
    assert set(_documented()) == read


def test_env_example_shows_the_real_defaults() -> None:
    documented = {name: value for name, value in _documented().items() if value}
    assert _settings({**COMPLETE, **documented}).stdout == _settings(COMPLETE).stdout


def test_nothing_else_reads_settings_from_the_environment() -> None:
    rooms = [*(ROOT / "predictions").rglob("*.py"), ROOT / "deploy_site" / "settings.py"]
    # They make the environment of other programs.
    allowed = {ROOT / "predictions" / "sandbox", ROOT / "predictions" / "environments"}
    readers = [str(file) for file in rooms if _touches_environment(file) and not allowed & {*file.parents}]
    assert readers == []


def _touches_environment(file: Path) -> bool:
    return bool(re.search(r"\bos\.(environ|getenv)\b", file.read_text()))
