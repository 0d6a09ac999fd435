"""The site on one machine, from its checkout: what `script/server` and `script/manage` run.

They take every setting from the environment, as everywhere; what is absent gets a value that makes sense on a
laptop: the embedded servers, a secret made once, plain HTTP on the loopback address.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.core.management import execute_from_command_line

from deploy_site import embedded

ROOT = Path(__file__).resolve().parent.parent
VAR_DIR = ROOT / "var"


@contextmanager
def site_environment(var_dir: Path = VAR_DIR) -> Iterator[None]:
    """Complete the environment for the length of the block, with servers behind its addresses."""
    given = os.environ
    with_postgres = not (given.get("DATABASE_URL") or given.get("DATABASE_URL_FILE"))
    with_redis = not (given.get("REDIS_URL") or given.get("REDIS_URL_FILE"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy_site.settings")
    os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
    os.environ.setdefault("HTTPS", "0")
    if not os.environ.get("PORT"):
        os.environ["PORT"] = last_port(var_dir)
    os.environ.setdefault("COOKIE_PREFIX", f"modeldesk_{os.environ['PORT']}")
    if not (given.get("SECRET_KEY") or given.get("SECRET_KEY_FILE")):
        os.environ["SECRET_KEY_FILE"] = str(secret_key_file(var_dir))
    if not (with_postgres or with_redis):
        yield
        return
    with embedded.hold(var_dir, with_postgres=with_postgres, with_redis=with_redis) as servers:
        if servers.database_url:
            os.environ["DATABASE_URL"] = servers.database_url
        if servers.redis_url:
            os.environ["REDIS_URL"] = servers.redis_url
        yield


def last_port(var_dir: Path) -> str:
    """The port this checkout's site was last started on, so that commands name addresses that answer."""
    file = var_dir / "port"
    return file.read_text().strip() if file.exists() else "8000"


def note_port(port: int, var_dir: Path) -> None:
    """Say to this process, its children and later commands which port the site is on."""
    os.environ["PORT"] = str(port)
    var_dir.mkdir(parents=True, exist_ok=True)
    (var_dir / "port").write_text(f"{port}\n")


def secret_key_file(var_dir: Path) -> Path:
    """Return the file with this checkout's secret key, making it the first time."""
    file = var_dir / "secret_key"
    if not file.exists():
        var_dir.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"secret_key.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(50))
        try:
            os.link(draft, file)  # fails rather than replaces, so two starting at once agree on one key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file


def manage(arguments: Sequence[str]) -> None:
    """Run one `manage.py` command against this checkout's site."""
    with site_environment():
        execute_from_command_line(["script/manage", *arguments])


if __name__ == "__main__":
    try:
        manage(sys.argv[1:])
    except embedded.EmbeddedServerError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
