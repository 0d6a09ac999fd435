"""A CSV of a million rows scored to a CSV, beside a bare script that reads, predicts and writes.

``var/venv/bin/python -m benchmarks.file_scoring`` (``--rows 100000`` for a first look). Every answer is looked at: it
equals the bare script's, and PostgreSQL holds as many cases as were answered, each under the id in the result.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from benchmarks import cases, environments, machine
from benchmarks.cases import Subject
from benchmarks.folders import BENCH, MODELS, RESULTS, ROOT, SITE
from benchmarks.processes import cpu_seconds, family_of, proportional_bytes
from benchmarks.site import Site
from deploy_site import embedded
from deploy_site.embedded.process import processes_in
from deploy_site.supervisor import Supervisor

FOLDER = BENCH / "files"
CHECKED_IDS = 200
TOLERANCE = 1e-5
"""ONNX Runtime computes in float32 what scikit-learn computes in float64."""

_STORED = """
import json, sys
from predictions.models import Prediction
from predictions.selectors import blocks
rows = list(Prediction.objects.filter(pk__in={ids!r}))
blocks.fill(rows)
print(json.dumps({{str(row.pk): [row.inputs, row.outputs] for row in rows}}))
"""


class DifferenceError(Exception):
    """The two did not answer the same, or a row is missing."""


def make_rows(subject: Subject, count: int, digits: int) -> Path:
    """``count`` cases like the training data, each value moved by about a twentieth; ``digits`` significant digits."""
    file = FOLDER / f"rows-{count}-{digits}.csv"
    if not file.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(0)
        known = np.array(subject.rows)
        temporary = file.with_suffix(".part")
        for begin in range(0, count, 100_000):
            some = known[random.integers(len(known), size=min(100_000, count - begin))]
            moved = pd.DataFrame(some * random.normal(1, 0.05, size=some.shape), columns=subject.features)
            moved.to_csv(temporary, mode="a", index=False, header=not begin, float_format=f"%.{digits}g")
        temporary.replace(file)
    return file


def run_bare(subject: Subject, rows: Path) -> dict[str, float]:
    """Seconds by part of the bare script."""
    answers = FOLDER / f"bare-{subject.name}.csv"
    said = environments.run(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "bare_score.py"),
            str(subject.file),
            str(rows),
            str(answers),
        ]
    )
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


class Memory:
    """The most memory (PSS) that one process, and all of them together, had while the block ran."""

    def __init__(self, root: psutil.Process) -> None:
        self._root = root
        self._done = threading.Event()
        self.one = self.all = 0

    def _look(self) -> None:
        while not self._done.wait(0.25):
            used = [proportional_bytes([process]) for process in family_of(self._root)]
            self.one, self.all = max([self.one, *used]), max(self.all, sum(used))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look four times a second."""
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()


def run_ours(site: Site, subject: Subject, rows: Path, hands: int) -> dict[str, Any]:
    """Score the file with ``hands`` worker processes; seconds of the whole command and of the job, memory, rows."""
    answers = FOLDER / f"ours-{subject.name}.csv"
    environment = {**site.environment, "BACKGROUND_CONCURRENCY": str(hands)}
    worker = Supervisor(["background"], SITE / "log", environment)
    worker.start()
    try:
        _warm_up(site, subject, rows)
        family = psutil.Process(worker.processes[0].group)
        before = site.count_rows()
        memory = Memory(family)
        used, database = cpu_seconds(family_of(family)), _database_seconds()
        begun = time.perf_counter()
        with memory.watched():
            said = site.manage("score", subject.name, str(rows), "--output", str(answers))
        seconds = time.perf_counter() - begun
        return {
            "command": seconds,
            "job": _job_seconds(site),
            "worker_cpu": cpu_seconds(family_of(family)) - used,
            "database_cpu": _database_seconds() - database,
            "peak_one": memory.one,
            "peak_all": memory.all,
            "stored": site.count_rows() - before,
            "said": said.splitlines()[-6:],
        }
    finally:
        worker.stop()


def _warm_up(site: Site, subject: Subject, rows: Path) -> None:
    """A small file first: the worker imports its libraries and loads the version once in its life."""
    small = FOLDER / "warm-up.csv"
    with rows.open() as source, small.open("w") as target:
        for _ in range(2_000):
            target.write(source.readline())
    site.manage("score", subject.name, str(small), "--output", str(FOLDER / "warm-up-answers.csv"))


def _database_seconds() -> float:
    return cpu_seconds(processes_in(SITE / "postgres" / "data"))


def _job_seconds(site: Site) -> float:
    code = (
        "from predictions.models import Job; job = Job.objects.filter(kind='score').latest('created_at'); "
        "print((job.finished_at - job.created_at).total_seconds())"
    )
    return float(site.manage("shell", "--no-imports", "--command", code).splitlines()[-1])


def check(site: Site, subject: Subject, stored: int) -> int:
    """Compare every answer with the bare script's, and find some of the cases by their ids. Returns the rows.

    Raises DifferenceError.
    """
    ours = pd.read_csv(FOLDER / f"ours-{subject.name}.csv")
    bare = pd.read_csv(FOLDER / f"bare-{subject.name}.csv.only")
    if len(ours) != len(bare) or ours["error"].notna().any():
        raise DifferenceError(f"{len(ours):,} rows came back for {len(bare):,}, or some with errors.")
    if stored != len(ours) or ours["prediction_id"].nunique() != len(ours):
        raise DifferenceError(f"{stored:,} rows are stored for {len(ours):,} answers.")
    names = [name for name in bare.columns if name.startswith("probability.")]
    worst = float(np.abs(ours[names].to_numpy() - bare[names].to_numpy()).max())
    if worst > TOLERANCE:
        raise DifferenceError(f"A probability differs by {worst:g}.")
    _find(site, subject, ours.sample(min(CHECKED_IDS, len(ours)), random_state=1))
    return len(ours)


def _find(site: Site, subject: Subject, some: pd.DataFrame) -> None:
    ids = some["prediction_id"].tolist()
    code = _STORED.format(ids=ids)
    stored = json.loads(site.manage("shell", "--no-imports", "--command", code).splitlines()[-1])
    for row in some.to_dict("records"):
        inputs, outputs = stored[row["prediction_id"]]
        given = [float(row[name]) for name in subject.features]
        if inputs != given or outputs["label"] != row["outcome"]:
            raise DifferenceError(f"The case {row['prediction_id']} is stored with other values.")


def table(results: list[dict[str, Any]]) -> str:
    """The outcome as a Markdown table."""
    lines = [
        "| | bare script: rows and answers | bare: answers alone | ours, processes | seconds | rows/s | × bare | "
        "× bare (answers alone) | most memory of one process | worker CPU s | database CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for found in results:
        bare = found["bare"]
        whole = bare["read"] + bare["predict"] + bare["write"]
        alone = bare["read"] + bare["predict"] + bare["write_answers_only"]
        for ours in found["ours"]:
            lines.append(
                f"| {found['title']}, {found['rows']:,} rows | {whole:.1f} s | {alone:.1f} s | {ours['hands']} | "
                f"{ours['job']:.1f} | {found['rows'] / ours['job']:,.0f} | {ours['job'] / whole:.2f} | "
                f"{ours['job'] / alone:.2f} | {ours['peak_one'] / 1e6:.0f} MB | {ours['worker_cpu']:.1f} | "
                f"{ours['database_cpu']:.1f} |"
            )
    return "\n".join(lines)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run everything; the content of the JSON file."""
    subjects = cases.train(MODELS)
    results = []
    embedded.stop(SITE)
    shutil.rmtree(SITE, ignore_errors=True)
    with embedded.hold(SITE) as servers:
        site = Site(servers)
        site.environment["SCORE_RESULT_DAYS"] = "1"
        site.prepare()
        site.start()
        for name in options.subject:
            site.deploy(subjects[name])
        site.stop()
        for name in options.subject:
            results.append(_measured(site, subjects[name], options))
        database = site.database_version()
    return {
        "machine": machine.describe(),
        "postgresql": database,
        "digits": options.digits,
        "results": results,
    }


def _measured(site: Site, subject: Subject, options: argparse.Namespace) -> dict[str, Any]:
    rows = make_rows(subject, options.rows, options.digits)
    print(f"{subject.title}: {rows.stat().st_size / 1e6:,.0f} MB", flush=True)
    found: dict[str, Any] = {"title": subject.title, "rows": options.rows, "bytes": rows.stat().st_size}
    found["bare"] = run_bare(subject, rows)
    print(f"  bare {json.dumps({key: round(value, 2) for key, value in found['bare'].items()})}", flush=True)
    found["ours"] = []
    for hands in options.processes:
        ours = {"hands": hands, **run_ours(site, subject, rows, hands)}
        check(site, subject, ours["stored"])
        print(f"  ours, {hands}: {ours['job']:.1f} s, every answer equal and stored", flush=True)
        found["ours"].append(ours)
    return found


def main() -> None:
    """Exit code 0 with a result in ``var/bench/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.file_scoring", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--digits", type=int, default=7, help="significant digits of each number (17 is all)")
    parser.add_argument("--subject", nargs="+", choices=list(cases.TITLES), default=["logistic", "forest"])
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2], help="of the background worker")
    options = parser.parse_args()
    run = measure(options)
    folder = RESULTS / datetime.now(UTC).strftime("files-%Y-%m-%d-%H%M%S")
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(run, indent=1) + "\n")
    (folder / "result.md").write_text(table(run["results"]) + "\n")
    print(f"\n{table(run['results'])}\n\nThe result is in {folder}")


if __name__ == "__main__":
    try:
        main()
    except (DifferenceError, environments.SetupError, subprocess.SubprocessError) as error:
        sys.exit(f"No result: {error}")
