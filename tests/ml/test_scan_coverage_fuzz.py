"""A short run of the coverage-guided fuzzer finds nothing; ``tests/ml/fuzz_scan.py`` runs as long as one likes."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 20


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("atheris") is None, reason="atheris has no build for this Python (3.13 and newer)"
)
def test_twenty_seconds_of_fuzzing_find_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.ml.fuzz_scan",
            str(tmp_path / "corpus"),
            f"-max_total_time={SECONDS}",
            "-seed=7",
            "-max_len=4096",
            "-timeout=60",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={tmp_path}/",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    coverage = re.findall(r"cov: (\d+)", done.stderr)
    assert runs is not None, done.stderr[-3000:]
    assert int(runs[1]) > 200
    assert int(coverage[-1]) > int(coverage[0]) > 500
    sys.stdout.write(f"{runs[1]} runs, {coverage[-1]} edges\n")
