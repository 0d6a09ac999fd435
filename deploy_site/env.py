"""Typed readers for the environment; nothing else in the project reads settings from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_POSTGRES_SCHEMES = {"postgres", "postgresql"}
_REDIS_SCHEMES = {"redis", "rediss", "unix"}


def text(name: str, default: str | None = None) -> str:
    """Return the value of `name`; without a default, an absent or empty one is an error."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. Set it in the environment (see .env.example).")
    return default


def flag(name: str, *, default: bool) -> bool:
    """Return a yes/no value."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0 (also true/false, yes/no, on/off).")


def integer(name: str, default: int, *, minimum: int = 0) -> int:
    """Return a whole number not below `minimum`; underscores are allowed, as in 500_000_000."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number.") from None
    if number < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}.")
    return number


def csv(name: str, default: list[str] | None = None) -> list[str]:
    """Return a comma-separated list; without a default, an absent or empty one is an error."""
    if default is not None and not os.environ.get(name, "").strip():
        return default
    parts = [part.strip() for part in text(name).split(",")]
    return [part for part in parts if part]


def path(name: str, default: Path) -> Path:
    """Return an absolute path; a relative one counts from the working directory."""
    value = os.environ.get(name, "").strip()
    return Path(value).expanduser().resolve() if value else default


def secret(name: str, default: str | None = None) -> str:
    """Return the value of `name`, or what the file named by `name`_FILE holds."""
    file_name = os.environ.get(f"{name}_FILE", "").strip()
    if os.environ.get(name, "").strip() or not file_name:
        try:
            return text(name, default)
        except ImproperlyConfigured:
            raise ImproperlyConfigured(
                f"{name} is not set. Set {name}, or {name}_FILE to the path of a file that holds it"
                " (see .env.example)."
            ) from None
    try:
        value = Path(file_name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from None
    if not value:
        raise ImproperlyConfigured(f"The file that {name}_FILE names is empty.")
    return value


def database_url(name: str, default: str | None = None) -> dict[str, Any]:
    """Return Django's DATABASES entry for a PostgreSQL address.

    The query part goes to the driver (`sslmode=require`); `host=/folder` there means a unix socket.
    """
    try:
        parts = urlsplit(secret(name, default))
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} has a port or host that cannot be read.") from None
    database = unquote(parts.path.lstrip("/"))
    if parts.scheme not in _POSTGRES_SCHEMES or not database:
        raise ImproperlyConfigured(f"{name} must look like postgresql://user:password@host:5432/database.")
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", "") or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or options.pop("port", "")),
        "OPTIONS": options,
    }


def redis_url(name: str, default: str | None = None) -> str:
    """Return a Redis address: redis://, rediss:// or unix:///path/to/socket?db=0."""
    url = secret(name, default)
    parts = urlsplit(url)
    if parts.scheme not in _REDIS_SCHEMES or not (parts.netloc or parts.path):
        raise ImproperlyConfigured(
            f"{name} must look like redis://host:6379/0 or unix:///path/to/socket?db=0."
        )
    if parts.scheme != "unix" and parts.path.strip("/") and not parts.path.strip("/").isdigit():
        raise ImproperlyConfigured(f"{name} must end in a database number, as in redis://host:6379/0.")
    return url


def limit_numeric_threads() -> None:
    """Give numeric libraries one thread each, unless the environment says otherwise.

    Workers run side by side; a thread pool per worker and library makes all of them slower. The libraries
    read these variables once, while they load.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def keep_libraries_quiet() -> None:
    """Keep ONNX Runtime from reporting how it is used to its maker, unless the environment says otherwise.

    Its official builds send events over the network by default and read this variable once, while they load.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
