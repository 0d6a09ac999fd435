"""The site's launcher, but for one thing: the confined process runs its "source" as Python instead of opening it.

That is what a malicious pickle comes to, without waiting for scikit-learn to load. The code sees ``orders`` and
leaves what it found out in ``found``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).resolve().parents[2] / "predictions"


def main() -> None:
    for name, folder in (("predictions", PACKAGE), ("predictions.sandbox", PACKAGE / "sandbox")):
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    from predictions.sandbox import operations, supervisor  # noqa: PLC0415

    def run_source(orders: Any, payload: dict[str, Any]) -> dict[str, Any]:
        names: dict[str, Any] = {"orders": orders, "payload": payload, "found": {}}
        exec((orders.scratch / "in" / "source").read_text(), names)
        found: dict[str, Any] = names["found"]
        return found

    for operation in list(operations.OPERATIONS):
        operations.OPERATIONS[operation] = run_source
    supervisor.main(sys.argv[1])


if __name__ == "__main__":
    main()
