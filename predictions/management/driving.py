"""Asking a running site over HTTP, as a program would."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from predictions.errors import InvalidRows, TryLater
from predictions.selectors.targets import Target
from predictions.signature.fields import Field
from predictions.signature.schema import example_row
from predictions.values import Value

TIMEOUT_SECONDS = 60.0
NUDGE = 1e-3


@dataclass(slots=True)
class Drive:
    """What came of the calls: ``statuses`` by HTTP status, ``seconds`` of those answered 200, as their caller saw it."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    took: float = 0.0


def bodies_for(target: Target, *, rows: int, count: int, chance: random.Random) -> list[bytes]:
    """``count`` bodies with ``rows`` cases each, all near the example but no two alike, so that none is remembered."""
    example = example_row(target.signature)
    made = []
    for _ in range(count):
        cases = [_varied(target, example, chance) for _ in range(rows)]
        made.append(json.dumps({"inputs": cases}).encode())
    return made


def drive(url: str, bodies: Sequence[bytes], *, headers: dict[str, str], concurrency: int) -> Drive:
    """POST all bodies to ``url`` over so many connections that are kept open. Raises TryLater when nobody answers."""
    drive, waiting, lock = Drive(), iter(bodies), threading.Lock()
    failures: list[Exception] = []

    def go_on() -> None:
        try:
            _follow(url, headers, waiting, lock, drive)
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)

    begun = time.perf_counter()
    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drive.took = time.perf_counter() - begun
    if failures and not drive.statuses:
        raise TryLater(f"Nobody answers at {_origin(url)}. Start the site, or give its address with --url.")
    return drive


def _follow(url: str, headers: dict[str, str], waiting: Any, lock: threading.Lock, drive: Drive) -> None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                return
            begun = time.perf_counter()
            connection.request("POST", parts.path, body, headers)
            response = connection.getresponse()
            response.read()
            took = time.perf_counter() - begun
            with lock:
                drive.statuses[response.status] += 1
                if response.status == http.client.OK:
                    drive.seconds.append(took)
    finally:
        connection.close()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _varied(target: Target, example: dict[str, Value], chance: random.Random) -> dict[str, Value]:
    varied = {
        item.name: _near(item, example[item.name], chance)
        for item in target.signature.inputs
        if item.name in example
    }
    try:
        target.validator.check_payload([varied], max_rows=1)
    except InvalidRows:
        return example
    return varied


def _near(item: Field, value: Value, chance: random.Random) -> Value:
    if item.kind == "number" and isinstance(value, float | int):
        return float(value) * (1.0 + NUDGE * chance.random()) if value else NUDGE * chance.random()
    if item.kind == "choice" and item.choices:
        return chance.choice(item.choices).value
    return value
