"""Becomes an ordinary user who can read the code, runs hostile code in the sandbox, and prints what came of it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USER = 12_345


def become_ordinary(folder: Path) -> None:
    from predictions.sandbox import kernel, strangers  # noqa: PLC0415

    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    strangers.open_the_way(folder)
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    kernel.prctl(4, 1)  # PR_SET_DUMPABLE, as after an ordinary login: /proc/self is one's own


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from predictions.sandbox import children, process  # noqa: PLC0415
    from predictions.sandbox.limits import Limits  # noqa: PLC0415

    folder = Path(sys.argv[1])
    if os.geteuid() == 0:
        os.chown(folder, USER, USER)
        become_ordinary(folder)
    tempfile.tempdir = str(folder)
    source = folder / "source.py"
    source.write_text(sys.stdin.read())
    children.LAUNCHER = ROOT / "tests" / "sandbox" / "hostile_launcher.py"
    limits = Limits(memory_bytes=1 << 30, cpu_seconds=10, wall_seconds=10, file_bytes=1 << 20, processes=16)
    with process.run("build", {}, files={"source": source}, limits=limits) as result:
        print(json.dumps({"guards": dict(result.guards), "found": result.value}))  # noqa: T201


if __name__ == "__main__":
    main()
