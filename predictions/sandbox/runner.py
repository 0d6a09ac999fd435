"""The confined process: one operation, its reply as JSON, and an exit code when even that cannot be written.

Everything here runs after the locks are shut; what it says is data to the caller and believed by nobody.
"""

from __future__ import annotations

import errno
import json
import os
import traceback
from collections.abc import Iterator
from typing import Any

from predictions.errors import DeskError
from predictions.sandbox import operations
from predictions.sandbox.orders import Orders

EXIT_MEMORY = 71
EXIT_DISK = 72
REPLY = "reply.json"
PAYLOAD = "payload.json"
_MAX_FRAMES = 12


def main(orders: Orders) -> int:
    """Do ``orders.operation`` and leave its reply in the folder. Returns the exit code."""
    try:
        (orders.scratch / REPLY).write_text(_reply(orders), encoding="utf-8")
    except MemoryError:
        return EXIT_MEMORY
    except OSError as error:
        return EXIT_MEMORY if error.errno == errno.ENOMEM else EXIT_DISK
    return 0


def _reply(orders: Orders) -> str:
    try:
        payload = json.loads((orders.scratch / PAYLOAD).read_text(encoding="utf-8"))
        return json.dumps({"value": operations.OPERATIONS[orders.operation](orders, payload)})
    except BaseException as error:
        scarce = next(filter(_is_scarcity, _chain(error)), None)
        if scarce is not None:
            raise scarce from None
        return json.dumps({"error": _described(error)})


def _is_scarcity(error: BaseException) -> bool:
    full = isinstance(error, OSError) and error.errno in (errno.EFBIG, errno.ENOSPC, errno.ENOMEM)
    return full or isinstance(error, MemoryError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen and len(seen) < 20:
        seen.append(current)
        yield current
        current = current.__cause__ or current.__context__


def _described(error: BaseException) -> dict[str, Any]:
    """Code and message of our own errors; of others only where they arose, because messages can hold data."""
    if isinstance(error, DeskError):
        return {"code": error.code, "message": error.message}
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    where = [f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]  # noqa: PTH119
    return {"unexpected": type(error).__name__, "where": where}
