"""How each peer is started with its best settings, and how it is asked."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environments, http_calls
from benchmarks.cases import Row, Subject
from benchmarks.contestants import Answer, Contestant, by_probability, rows_under
from benchmarks.folders import BENCH, HERE
from benchmarks.processes import check_alive, family_of, running

BATCH_ROWS, BATCH_SECONDS = 32, 0.005
CORES = os.cpu_count() or 1

Prepare = Callable[[Path, Subject, Path, int], None]
"""Writes what the server needs: its programs, the subject, its working folder, its port."""


@dataclass(frozen=True)
class Peer:
    """One product. ``command`` may hold {port}, {folder}, {here}, {subject} and {workers}; the first is a program."""

    name: str
    package: str
    settings: str
    command: Sequence[str]
    path: str
    body_of: Callable[[Sequence[Row]], bytes]
    answers_in: Callable[[Any], list[Answer]]
    prepare: Prepare | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def requirements(self) -> Path:
        """The file with its pinned packages."""
        return HERE / "peers" / self.name / "requirements.txt"

    @property
    def version(self) -> str:
        """Which release is pinned."""
        lines = self.requirements.read_text().splitlines()
        return next(line for line in lines if line.startswith(f"{self.package}==")).partition("==")[2]


def _inference_body(rows: Sequence[Row]) -> bytes:
    data = [value for row in rows for value in row]
    tensor = {"name": "x", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": data}
    return json.dumps({"inputs": [tensor], "outputs": [{"name": "predict_proba"}]}).encode()


def _inference_answers(said: Any) -> list[Answer]:
    (tensor,) = said["outputs"]
    count, width = tensor["shape"]
    data = tensor["data"]
    return by_probability([data[place * width : (place + 1) * width] for place in range(count)])


def _mlserver_files(programs: Path, subject: Subject, folder: Path, port: int) -> None:
    del programs
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    ml_model = {
        "name": "subject",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "max_batch_size": BATCH_ROWS,
        "max_batch_time": BATCH_SECONDS,
        "parameters": {"uri": str(subject.file)},
    }
    (folder / "settings.json").write_text(json.dumps({**settings, "debug": False}))
    (folder / "model-settings.json").write_text(json.dumps(ml_model))


def _mlflow_files(programs: Path, subject: Subject, folder: Path, port: int) -> None:
    del port
    script = HERE / "peers" / "mlflow" / "save.py"
    environments.run([str(programs / "python"), str(script), str(subject.file), str(folder / "saved")])


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            name="mlserver",
            package="mlserver",
            settings=f"max_batch_size={BATCH_ROWS}, max_batch_time={BATCH_SECONDS}",
            command=["mlserver", "start", "{folder}"],
            path="/v2/models/subject/infer",
            body_of=_inference_body,
            answers_in=_inference_answers,
            prepare=_mlserver_files,
        ),
        Peer(
            name="bentoml",
            package="bentoml",
            settings="batchable=True",
            command=[
                *("bentoml", "serve", "service:Subject", "--working-dir", "{here}"),
                *("--host", "127.0.0.1", "--port", "{port}"),
            ],
            path="/predict",
            body_of=rows_under("inputs"),
            answers_in=by_probability,
            environment={"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{folder}"},
        ),
        Peer(
            name="mlflow",
            package="mlflow",
            settings=f"models serve, {CORES} workers",
            command=[
                *("mlflow", "models", "serve", "--model-uri", "{folder}/saved", "--host", "127.0.0.1"),
                *("--port", "{port}", "--env-manager", "local", "--workers", "{workers}"),
            ],
            path="/invocations",
            body_of=rows_under("inputs"),
            answers_in=lambda said: by_probability(said["predictions"]),
            prepare=_mlflow_files,
            environment={"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        ),
        Peer(
            name="litserve",
            package="litserve",
            settings=f"max_batch_size={BATCH_ROWS}, batch_timeout={BATCH_SECONDS}",
            command=["python", "{here}/server.py", "{port}", str(BATCH_ROWS), str(BATCH_SECONDS)],
            path="/predict",
            body_of=rows_under("inputs"),
            answers_in=lambda said: by_probability(said["probabilities"]),
        ),
        Peer(
            name="fastapi",
            package="fastapi",
            settings=f"hand-written, async, {CORES} workers",
            command=[
                *(
                    "uvicorn",
                    "app:app",
                    "--app-dir",
                    "{here}",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    "{port}",
                    "--workers",
                    "{workers}",
                ),
                *("--log-level", "warning", "--no-access-log"),
            ],
            path="/predict",
            body_of=rows_under("inputs"),
            answers_in=lambda said: by_probability(said["probabilities"]),
        ),
    )
}


@contextmanager
def serving(peer: Peer, subject: Subject) -> Iterator[Contestant]:
    """The peer with one estimator, answering, for the length of the block."""
    programs = environments.ensure(peer.name, peer.requirements)
    port = free_port()
    folder = BENCH / peer.name / subject.name
    folder.mkdir(parents=True, exist_ok=True)
    if peer.prepare is not None:
        peer.prepare(programs, subject, folder, port)
    here = HERE / "peers" / peer.name
    places = {"port": port, "folder": folder, "here": here, "subject": subject.file, "workers": CORES}
    program, *arguments = [part.format(**places) for part in peer.command]
    environment = {
        **{name: value.format(**places) for name, value in peer.environment.items()},
        "SUBJECT_FILE": str(subject.file),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "",
        "OMP_NUM_THREADS": "1",
    }
    log = folder / "server.log"
    begun = time.monotonic()
    with running(
        [str(programs / program), *arguments], cwd=folder, environment=environment, log=log
    ) as process:
        contestant = Contestant(
            name=peer.name,
            url=f"http://127.0.0.1:{port}{peer.path}",
            settings=peer.settings,
            body_of=peer.body_of,
            answers_in=peer.answers_in,
            processes=lambda: {"all": family_of(process)},
            start_seconds=0.0,
        )
        http_calls.first_answer(contestant, subject.rows[0], lambda: check_alive(process, log))
        yield contestant.started_in(time.monotonic() - begun)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
