"""Real people's model files through a running site: ``python -m benchmarks.wild FOLDER``.

Starts a site of its own, deploys each case below FOLDER in one step (``manage deploy FILE … --live``), posts its rows to
the API and compares the answers with the native ones. A line for each case, totals for each class, and how long it took
from the upload to the live version, with environments made anew and (``--again``) kept from before.

right: deployed, answered every row, and all answers agree. wrong: an answer differs. refused: the build or a row was
refused; the message is printed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks import environments, wild_cases
from benchmarks.contestants import Contestant
from benchmarks.environments import SetupError
from benchmarks.folders import BENCH, RESULTS, ROOT, SITE
from benchmarks.http_calls import Caller, RefusedError
from benchmarks.site import Site
from benchmarks.wild_cases import Case
from deploy_site import embedded

BUILD_SECONDS = 900.0


@dataclass
class Outcome:
    """What became of one case. ``seconds`` from the job's row to its end; ``cached`` when no environment was made."""

    case: str
    kind: str
    made_with: str
    verdict: str = "refused"
    runtime: str = ""
    seconds: float = 0.0
    environment_seconds: float = 0.0
    again_seconds: float | None = None
    right_rows: int = 0
    rows: int = 0
    questions: list[str] = field(default_factory=list)
    message: str = ""


class Desk:
    """The running site as an owner and a partner see it."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def deploy(self, case: Case, name: str) -> str:
        """What the command said. Raises SetupError with what it said when it failed."""
        sample = ("--sample", str(case.sample)) if case.sample else ()
        return environments.run(
            [
                *(sys.executable, str(ROOT / "manage.py"), "deploy"),
                *(str(file) for file in case.files),
                *("--name", name, "--visibility", "members", "--live"),
                *sample,
            ],
            environment=self.site.environment,
            seconds=BUILD_SECONDS,
        )

    def job(self, name: str) -> dict[str, Any]:
        """The newest job of that name: seconds, steps, runtime and questions of its version."""
        with closing(psycopg2.connect(self.site.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM j.finished_at - j.created_at), j.steps, v.runtime, v.report "
                "FROM predictions_job j LEFT JOIN predictions_modelversion v ON v.id = j.version_id "
                "WHERE j.name = %s ORDER BY j.id DESC LIMIT 1",
                [name],
            )
            row = cursor.fetchone()
        if row is None:
            return {"seconds": 0.0, "steps": [], "runtime": "", "report": {}}
        return {
            "seconds": float(row[0] or 0),
            "steps": row[1],
            "runtime": row[2] or "",
            "report": row[3] or {},
        }

    def answers(self, slug: str, rows: Sequence[Any]) -> list[dict[str, Any] | str]:
        """For each row what the API said of it: an answer, or in words why there is none."""
        contestant = Contestant(
            name="Model Desk",
            url=f"http://127.0.0.1:{self.site.port}/api/v1/models/{slug}/predict",
            settings="",
            body_of=lambda cases: json.dumps({"inputs": list(cases)}).encode(),
            answers_in=lambda said: said["predictions"],
            processes=self.site.processes,
            start_seconds=0.0,
            headers={"Authorization": f"Bearer {self.site.key}"},
        )
        caller = Caller(contestant)
        found: list[dict[str, Any] | str] = []
        try:
            for row in rows:
                try:
                    said = json.loads(caller.post(contestant.body_of([row])))
                    found.append(said["predictions"][0])
                except RefusedError as error:
                    found.append(str(error))
        finally:
            caller.close()
        return found


def run_case(desk: Desk, case: Case, *, again: bool) -> Outcome:
    """Deploy, ask and compare."""
    outcome = Outcome(case.name, case.kind, case.made_with, rows=len(case.rows))
    try:
        desk.deploy(case, case.name)
    except SetupError as error:
        outcome.message = str(error).strip().splitlines()[-1]
        outcome.seconds = desk.job(case.name)["seconds"]
        return outcome
    job = desk.job(case.name)
    outcome.seconds = job["seconds"]
    outcome.environment_seconds = _seconds_of(job["steps"], "environment")
    outcome.runtime = job["runtime"]
    outcome.questions = [str(item.get("code", "")) for item in job["report"].get("questions", [])]
    _compare(desk, case, outcome)
    if again:
        desk.deploy(case, f"{case.name} again")
        outcome.again_seconds = desk.job(f"{case.name} again")["seconds"]
    return outcome


def _seconds_of(steps: Sequence[Mapping[str, Any]], name: str) -> float:
    for step in steps:
        if step.get("name") == name and step.get("started_at") and step.get("finished_at"):
            begun, ended = (datetime.fromisoformat(step[key]) for key in ("started_at", "finished_at"))
            return (ended - begun).total_seconds()
    return 0.0


def _compare(desk: Desk, case: Case, outcome: Outcome) -> None:
    answers = desk.answers(case.name, case.rows)
    refused = [answer for answer in answers if isinstance(answer, str)]
    wrong: list[str] = []
    for place, answer in enumerate(answers):
        if isinstance(answer, str):
            continue
        found = wild_cases.faults(case, place, answer)
        if found:
            wrong.append(f"row {place}: {', '.join(found)}")
        else:
            outcome.right_rows += 1
    if wrong:
        outcome.verdict, outcome.message = "wrong", "; ".join(wrong[:3])
    elif refused:
        outcome.message = f"{len(refused)} rows refused, the first: {refused[0][:200]}"
    else:
        outcome.verdict = "right"


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each case, then totals, as Markdown."""
    lines = [
        "| case | class | made with | verdict | rows right | runtime | upload to live, s | of it environment, s | again, s | questions | message |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in outcomes:
        again = "" if one.again_seconds is None else f"{one.again_seconds:.1f}"
        message = one.message.replace("|", "/").replace("\n", " ")[:240]
        lines.append(
            f"| {one.case} | {one.kind} | {one.made_with} | {one.verdict} | {one.right_rows} of {one.rows} | {one.runtime} "
            f"| {one.seconds:.1f} | {one.environment_seconds:.1f} | {again} | {', '.join(one.questions)} | {message} |"
        )
    return [*lines, "", *totals(outcomes)]


def totals(outcomes: Sequence[Outcome]) -> list[str]:
    """By class and together: how many are right, wrong and refused."""
    lines = ["| class | units | right | wrong | refused |", "|---|---|---|---|---|"]
    for kind in [*sorted({one.kind for one in outcomes}), ""]:
        found = [one for one in outcomes if not kind or one.kind == kind]
        counts = Counter(one.verdict for one in found)
        share = f" ({counts['right'] / len(found):.0%})" if found else ""
        lines.append(
            f"| {kind or 'all'} | {len(found)} | {counts['right']}{share} | {counts['wrong']} | {counts['refused']} |"
        )
    return lines


def times(outcomes: Sequence[Outcome]) -> list[str]:
    """Median and 90th percentile of upload to live, by whether an environment had to be made."""
    built = [one for one in outcomes if one.runtime]
    anew = [one.seconds for one in built if one.environment_seconds > 1.0]
    kept = [one.seconds for one in built if one.environment_seconds <= 1.0]
    again = [one.again_seconds for one in built if one.again_seconds is not None]
    lines = ["| environment | builds | median, s | 90 %, s |", "|---|---|---|---|"]
    for name, seconds in (
        ("made for it", anew),
        ("there already", kept),
        ("second time, all there", again),
    ):
        if seconds:
            lines.append(
                f"| {name} | {len(seconds)} | {statistics.median(seconds):.1f} | {_percentile(seconds, 0.9):.1f} |"
            )
    return lines


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextmanager
def running(*, keep_environments: bool) -> Iterator[Site]:
    """A fresh site; its environments are made anew unless they are to be kept."""
    embedded.stop(SITE)
    shutil.rmtree(SITE, ignore_errors=True)
    home = BENCH / "environments"
    if not keep_environments:
        shutil.rmtree(home, ignore_errors=True)
    with embedded.hold(SITE) as servers:
        site = Site(servers)
        site.environment["ENVIRONMENTS_DIR"] = str(home)
        try:
            site.prepare()
            site.start()
            yield site
        finally:
            site.stop()


def main(arguments: Sequence[str]) -> None:
    """Prints both tables and leaves them as JSON; the exit code says whether any answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wild", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="names of cases, with commas")
    parser.add_argument(
        "--again", action="store_true", help="deploy each a second time, for the time it takes then"
    )
    parser.add_argument("--keep-environments", action="store_true", help="use those of the last run")
    options = parser.parse_args(arguments)
    cases = wild_cases.found_in(options.folder, [name for name in options.only.split(",") if name])
    if not cases:
        sys.exit(f"No case below {options.folder}.")
    outcomes = []
    with running(keep_environments=options.keep_environments) as site:
        desk = Desk(site)
        for case in cases:
            outcomes.append(run_case(desk, case, again=options.again))
            one = outcomes[-1]
            print(
                f"{one.case} {one.kind} {one.made_with}: {one.verdict} {one.runtime} {one.message}",
                flush=True,
            )
    print("\n".join(["", *table(outcomes), "", *times(outcomes)]))
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "wild.json").write_text(json.dumps([asdict(one) for one in outcomes], indent=1))
    sys.exit(1 if any(one.verdict == "wrong" for one in outcomes) else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
