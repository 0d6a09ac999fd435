"""What happens to recorded answers when something they refer to is deleted: it is not."""

from __future__ import annotations

from typing import Any

from django.db import models

SHOWN = 10


def keep(collector: Any, field: models.Field[Any, Any], sub_objs: Any, using: str) -> None:
    """Like ``models.PROTECT``, but looks at ten answers and not at all of them, of which there may be millions.

    Raises django.db.models.ProtectedError.
    """
    found = list(sub_objs[:SHOWN])
    if found:
        raise models.ProtectedError("Recorded answers refer to it.", set(found))


keep.lazy_sub_objs = True  # type: ignore[attr-defined] # so that Django does not fetch them all before it asks
