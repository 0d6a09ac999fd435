"""What the site takes in memory with small ml_models loaded: `python -m benchmarks.memory`, from the checkout.

Starts a site of its own as shipped, deploys ten kinds of small estimator (``--count 30``: several of each), asks each
of them for one case and for many, and prints the proportional set size of every part. ``--bound MB`` starts the
workers with that bound on loaded runtimes; everybody is asked twice, and must answer the same when it comes back.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import psutil
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelPropagation
from sklearn.svm import SVC

from benchmarks import environments, http_calls
from benchmarks.cases import Subject
from benchmarks.folders import MODELS, SITE
from benchmarks.http_calls import Caller
from benchmarks.processes import proportional_bytes
from benchmarks.site import Site
from deploy_site import embedded

MANY = 64
MEGABYTE = 1_000_000


def estimators(seed: int) -> dict[str, Any]:
    """Ten small kinds by name, not fitted. The last has no ONNX form and is served by a process of its own."""
    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "ridge": Ridge(),
        "forest": RandomForestClassifier(20, random_state=seed),
        "trees": ExtraTreesClassifier(20, random_state=seed),
        "boosting": HistGradientBoostingClassifier(max_iter=50, random_state=seed),
        "regression": GradientBoostingRegressor(n_estimators=50, random_state=seed),
        "neighbors": KNeighborsClassifier(3 + seed % 5),
        "network": make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=300, random_state=seed)),
        "vectors": make_pipeline(StandardScaler(), SVC(random_state=seed)),
        "spread": make_pipeline(StandardScaler(), LabelPropagation(gamma=0.1 + seed / 100)),
    }


def train(folder: Path, count: int) -> list[Subject]:
    """Fit ``count`` estimators and write their files."""
    folder.mkdir(parents=True, exist_ok=True)
    data = load_breast_cancer(as_frame=True)
    rows = tuple(tuple(row) for row in data.data.to_numpy().tolist())
    sample = folder / "rows.csv"
    data.data[:100].to_csv(sample, index=False)
    subjects: list[Subject] = []
    for place in range(count):
        kinds = list(estimators(place).items())
        kind, estimator = kinds[place % len(kinds)]
        name = f"{kind}-{place // len(kinds) + 1}"
        joblib.dump(estimator.fit(data.data, data.target), folder / f"{name}.joblib")
        subjects.append(
            Subject(name, folder / f"{name}.joblib", sample, tuple(data.data.columns), rows, (), ())
        )
    return subjects


@contextmanager
def running(subjects: Sequence[Subject], bound: int | None) -> Iterator[Site]:
    """A fresh site with all of them live, its workers started with nothing loaded."""
    embedded.stop(SITE)
    shutil.rmtree(SITE, ignore_errors=True)
    with embedded.hold(SITE) as servers:
        site = Site(servers)
        site.environment["REGISTRY_MAX_RUNTIMES"] = str(max(len(subjects), 64))
        if bound:
            site.environment["REGISTRY_MAX_MB"] = str(bound)
        try:
            site.prepare()
            site.start()
            deploy(site, subjects)
            yield site
        finally:
            site.stop()


def deploy(site: Site, subjects: Sequence[Subject]) -> None:
    """Bring all files as an owner does, by one process for all of them."""
    options = ["--visibility", "members", "--live"]
    commands = [
        ["deploy", str(one.file), "--name", one.name, "--sample", str(one.sample), *options]
        for one in subjects
    ]
    environments.run(
        [sys.executable, "-m", "deploy_site.steps", json.dumps(commands)],
        environment=site.environment,
        seconds=60.0 * len(subjects),
    )


def ask(site: Site, subject: Subject) -> list[dict[str, Any]]:
    """Its answers to one case and to many, without what is new each time."""
    contestant = site.contestant(subject)
    caller = Caller(contestant)
    try:
        answers = [
            json.loads(caller.post(contestant.body_of(rows)))["predictions"]
            for rows in (subject.rows[:1], subject.rows[:MANY])
        ]
    finally:
        caller.close()
    return [
        {key: one[key] for key in one if key not in {"id", "created_at", "links"}}
        for part in answers
        for one in part
    ]


def memory_of(site: Site) -> list[list[str]]:
    """Rows of the table: part, processes, megabytes together, megabytes of the largest."""
    parts = site.processes()
    native = [one for one in parts["interactive"] if "launcher.py" in " ".join(one.cmdline())]
    parts["interactive"] = [one for one in parts["interactive"] if one not in native]
    parts = {**parts, "native runtimes": native}
    return [row(name, processes) for name, processes in parts.items()]


def row(name: str, processes: Sequence[psutil.Process]) -> list[str]:
    """One part."""
    sizes = [proportional_bytes([one]) / MEGABYTE for one in processes]
    return [name, str(len(sizes)), f"{sum(sizes):.0f}", f"{max(sizes, default=0):.0f}"]


def table(rows: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    lines = [["part", "processes", "MB (PSS)", "the largest"], ["---"] * 4, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="ml_models to load (default 10)")
    parser.add_argument(
        "--bound", type=int, help="MB that loaded runtimes may take (default: the site's own)"
    )
    options = parser.parse_args()
    subjects = train(MODELS / "memory", options.count)
    with running(subjects, options.bound) as site:
        http_calls.first_answer(site.contestant(subjects[1]), subjects[1].rows[0], site.check_alive)
        empty = memory_of(site)
        first = [ask(site, one) for one in subjects]
        changed = [one.name for one, before in zip(subjects, first, strict=True) if ask(site, one) != before]
        loaded = memory_of(site)
    print(f"\nOne ml_model loaded:\n\n{table(empty)}")
    print(f"\n{len(subjects)} ml_models asked twice:\n\n{table(loaded)}")
    if changed:
        sys.exit(f"Another answer the second time: {', '.join(changed)}")


if __name__ == "__main__":
    main()
