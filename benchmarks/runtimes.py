"""The same file served by ONNX Runtime and by its own library: ``python -m benchmarks.runtimes --help``.

Both are ml_models of one site, asked in turn over 1, 16 and 64 connections; every answer is a row. wrk must be there.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import cases, environments, http_calls, load
from benchmarks.cases import Subject
from benchmarks.contestants import Contestant
from benchmarks.folders import MODELS
from benchmarks.load import LoadError
from benchmarks.overload import save
from benchmarks.rounds import CONNECTIONS, LostRowsError, Plan, alternate, summary
from benchmarks.site import Site, opened

EXPECTED = (LoadError, LostRowsError, http_calls.RefusedError, environments.SetupError)


def deploy_native(site: Site, subject: Subject) -> Contestant:
    """The same file once more, answered by its own library. Raises SetupError."""
    name = f"{subject.name}-native"
    site.manage(
        *("deploy", str(subject.file), "--name", name, "--sample", str(subject.sample)),
        *("--visibility", "members", "--live", "--runtime", "native"),
    )
    found = site.contestant(dataclasses.replace(subject, name=name))
    return dataclasses.replace(found, name="its own library")


def pair(site: Site, subject: Subject, folder: Path, plan: Plan) -> list[dict[str, object]]:
    """Both runtimes of one file in turn. Raises LostRowsError, LoadError, RefusedError, SetupError."""
    onnx = dataclasses.replace(site.contestant(subject), name="ONNX Runtime")
    native = deploy_native(site, subject)
    http_calls.first_answer(native, subject.rows[0], site.check_alive)
    bodies = {
        one.name: load.write_bodies([one.body_of([row]) for row in subject.rows], folder / f"{place}.bodies")
        for place, one in enumerate((onnx, native))
    }
    found = []
    for connections in CONNECTIONS:
        windows = list(alternate([onnx, native], bodies, connections, plan))
        for name in bodies:
            these = [window for window in windows if window.contestant == name]
            found.append({"subject": subject.name, **summary(these)})
            print(f"  {subject.name}, {name}, {connections} connections", flush=True)
    return found


def table(rows: Sequence[dict[str, object]]) -> list[str]:
    """Markdown."""
    lines = ["| file | runtime | connections | answers/s | p50 ms | p99 ms |", "|---|---|---|---|---|---|"]
    return lines + [
        f"| {one['subject']} | {one['contestant']} | {one['connections']} | {one['rate']:,.0f} | {one['p50']:.1f} | {one['p99']:.1f} |"
        for one in rows
    ]


def main(arguments: Sequence[str]) -> None:
    """Prints a table and leaves it as JSON in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtimes", description=__doc__)
    parser.add_argument("--seconds", type=int, default=6, help="of each window (6)")
    parser.add_argument("--rounds", type=int, default=3, help="windows of each (3)")
    parser.add_argument("--subject", choices=[*cases.TITLES, "all"], default="all")
    options = parser.parse_args(arguments)
    load.require_wrk()
    plan = Plan(rounds=options.rounds, seconds=options.seconds, warm_up=2)
    subjects = cases.train(MODELS)
    if options.subject != "all":
        subjects = {options.subject: subjects[options.subject]}
    with opened(subjects) as (site, _):
        rows = [row for subject in subjects.values() for row in pair(site, subject, MODELS, plan)]
    save("runtimes", rows)
    print("\n".join(["", *table(rows)]))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except EXPECTED as error:
        sys.exit(f"No result: {error}")
