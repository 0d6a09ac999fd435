"""Where a benchmark finds and leaves things; everything is below ``var/bench``, or BENCH_DIR for a second run beside it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
BENCH = Path(os.environ.get("BENCH_DIR") or ROOT / "var" / "bench")
SITE = BENCH / "site"
MODELS = BENCH / "models"
RESULTS = BENCH / "results"
PUBLISHED = ROOT / "docs" / "benchmarks"
