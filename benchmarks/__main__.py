"""``benchmarks/run``: the command line, and the order of things."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from benchmarks import cases, comparing, environments, machine, peer_servers, tables
from benchmarks.agreement import DisagreementError
from benchmarks.folders import HERE, MODELS, PUBLISHED, RESULTS
from benchmarks.http_calls import RefusedError
from benchmarks.load import LoadError
from benchmarks.peer_servers import PEERS, Peer
from benchmarks.processes import ProgramEndedError
from benchmarks.rounds import LostRowsError, Plan
from benchmarks.site import Site, opened
from deploy_site.embedded import EmbeddedServerError
from deploy_site.supervisor import ProcessDiedError

FULL = Plan(rounds=3, seconds=10, warm_up=5)
QUICK = Plan(rounds=2, seconds=3, warm_up=1)
OUR_PACKAGES = ("Django", "djangorestframework", "celery", "granian", "onnxruntime", "scikit-learn")
EXPECTED = (
    DisagreementError,
    EmbeddedServerError,
    LoadError,
    LostRowsError,
    ProcessDiedError,
    ProgramEndedError,
    RefusedError,
    environments.SetupError,
)


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    found = argparse.ArgumentParser(
        prog="benchmarks/run", description="Model Desk and its peers under the same load, in turn."
    )
    found.add_argument(
        "--peer",
        action="append",
        choices=[*PEERS, "all"],
        help="beside whom (again for more; default: mlserver)",
    )
    found.add_argument(
        "--subject", action="append", choices=list(cases.TITLES), help="only this estimator (default: both)"
    )
    found.add_argument(
        "--quick", action="store_true", help="windows of 3 s: shows that it works, not how fast"
    )
    found.add_argument(
        "--seconds",
        type=int,
        default=FULL.seconds,
        help=f"length of a window (default: {FULL.seconds}; from 6 on)",
    )
    found.add_argument("--publish", action="store_true", help="copy the result into docs/benchmarks as well")
    return found


def measure(peers: Sequence[Peer], wanted: Sequence[str], plan: Plan, folder: Path) -> dict[str, Any]:
    """Run everything; the content of the JSON file."""
    print("Training the estimators ...", flush=True)
    subjects = {name: subject for name, subject in cases.train(MODELS).items() if name in wanted}
    for peer in peers:
        environments.ensure(peer.name, peer.requirements)
    reports = []
    with ExitStack() as stack:
        print("Starting a site of its own and bringing the files ...", flush=True)
        site, start_seconds = stack.enter_context(opened(subjects))
        for peer in peers:
            for subject in subjects.values():
                print(f"{subject.title}, beside {peer.name}:", flush=True)
                with peer_servers.serving(peer, subject) as rival:
                    ours = site.contestant(subject, start_seconds)
                    reports.append(comparing.compare(site, ours, rival, subject, plan, folder))
        versions = versions_of(site, peers)
    return {
        "machine": machine.describe(),
        "versions": versions,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "is_quick": plan.is_quick,
        "settings": {peer.name: peer.settings for peer in peers},
        "reports": reports,
    }


def versions_of(site: Site, peers: Sequence[Peer]) -> dict[str, str]:
    """Releases of what took part."""
    found = {name: version(name) for name in OUR_PACKAGES}
    return {**found, "PostgreSQL": site.database_version(), **{peer.package: peer.version for peer in peers}}


def write(run: dict[str, Any], folder: Path) -> None:
    """``result.json``, ``result.md`` and ``throughput.svg``."""
    source = folder / "result.json"
    source.write_text(json.dumps(run, indent=1) + "\n")
    (folder / "result.md").write_text(tables.document(run))
    programs = environments.ensure("picture", HERE / "picture" / "requirements.txt")
    script = HERE / "picture" / "draw.py"
    environments.run([str(programs / "python"), str(script), str(source), str(folder / "throughput.svg")])


def publish(folder: Path) -> None:
    """Put the newest result where the documentation shows it."""
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    for name in ("result.json", "result.md", "throughput.svg"):
        shutil.copyfile(folder / name, PUBLISHED / name)


def main(arguments: Sequence[str]) -> None:
    """Exit code 0 with a result, 1 with a sentence."""
    known = parser()
    options = known.parse_args(arguments)
    if options.publish and options.quick:
        known.error("a quick run is nothing to publish; leave out --quick or --publish")
    if options.seconds < 6:
        known.error("windows shorter than 6 s say nothing; use --quick to see that it works")
    names = options.peer or ["mlserver"]
    peers = list(PEERS.values()) if "all" in names else [PEERS[name] for name in dict.fromkeys(names)]
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    now = datetime.now(UTC)
    folder = RESULTS / now.strftime("%Y-%m-%d-%H%M%S")
    folder.mkdir(parents=True)
    wanted = options.subject or list(cases.TITLES)
    plan = QUICK if options.quick else replace(FULL, seconds=options.seconds)
    run = measure(peers, wanted, plan, folder)
    shown = " ".join(["benchmarks/run", *arguments])
    write({"date": now.strftime("%Y-%m-%d %H:%M UTC"), "command": shown, **run}, folder)
    if options.publish:
        publish(folder)
    print("\n".join(["", *tables.ratios(run["reports"]), "", f"The result is in {folder}"]))


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("Stopped; there is no result.")
    except EXPECTED as error:
        sys.exit(f"No result: {error}")
