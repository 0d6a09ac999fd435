"""Where a benchmark finds and leaves things; everything is below ``var/bench``."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
BENCH = ROOT / "var" / "bench"
SITE = BENCH / "site"
MODELS = BENCH / "models"
RESULTS = BENCH / "results"
PUBLISHED = ROOT / "docs" / "benchmarks"
