"""One Redis address in the three spellings its readers want: redis-py, Celery and Django's cache.

Addresses of unix sockets are put together by hand: urlunsplit drops an empty host and two of the three slashes.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


def database_number(url: str) -> int:
    """Return the database number inside a Redis address; 0 when it names none."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return int(dict(parse_qsl(parts.query)).get("db", "0"))
    return int(parts.path.strip("/") or "0")


def with_database(url: str, number: int) -> str:
    """Return the same server's address with another database number."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        query = {**dict(parse_qsl(parts.query)), "db": str(number)}
        return f"unix://{parts.netloc}{parts.path}?{urlencode(query)}"
    return urlunsplit(parts._replace(path=f"/{number}"))


def for_celery(url: str) -> str:
    """Return the address as Celery's transport spells it; only unix sockets differ."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    query = dict(parse_qsl(parts.query))
    query["virtual_host"] = query.pop("db", "0")
    return f"redis+socket://{parts.netloc}{parts.path}?{urlencode(query)}"
