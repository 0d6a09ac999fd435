"""Files of cases on the worker's side, one step after the other in this process."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import joblib
import pytest
from django.db.models import F
from django.utils import timezone
from sklearn.datasets import load_iris
from sklearn.semi_supervised import LabelPropagation

from predictions.errors import ModelFailed
from predictions.ml.runtimes import OnnxRuntime
from predictions.models import Job, Prediction, ScoreFile, ScorePiece
from predictions.selectors import jobs as job_rows
from predictions.selectors.targets import Target
from predictions.services import (
    builds,
    jobs,
    score_claims,
    score_files,
    score_storing,
    scoring,
    uploads,
)
from predictions.services.inference import registry
from predictions.signature.fields import ClassName
from predictions.values import Actor, BuildRequest, ids_of
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def target() -> Target:
    return factories.target(factories.sign_version(slug="sign"))


@pytest.fixture
def actor() -> Actor:
    return factories.actor_for(factories.user())


def brought(actor: Actor, target: Target, content: str | bytes) -> Job:
    data = content if isinstance(content, bytes) else content.encode()
    return score_files.receive(actor=actor, target=target, stream=io.BytesIO(data), filename="rows.csv")


def scored(actor: Actor, target: Target, content: str | bytes) -> Job:
    job = brought(actor, target, content)
    scoring.run(job.pk)
    return job_rows.get(actor, job.pk)


def result_of(job: Job) -> bytes:
    _file, chunks = score_files.result_chunks(job)
    return b"".join(chunks)


def rows_of(job: Job) -> list[dict[str, Any]]:
    assert job.status == "succeeded", (job.error_message, job.log)
    return list(csv.DictReader(io.StringIO(result_of(job).decode("utf-8-sig"), newline="")))


def test_every_row_comes_back_with_its_answer_and_its_id(actor: Actor, target: Target) -> None:
    job = scored(actor, target, "b,name,a\n1,first,1\n-5.5,second,2\n")
    first, second = rows_of(job)
    assert (first["b"], first["name"], first["a"]) == ("1", "first", "1")
    assert first["outcome"] == "above"
    assert second["outcome"] == "below"
    row = Prediction.objects.get(pk=second["prediction_id"])
    assert row.inputs == [2.0, -5.5]
    assert row.outputs["label"] == "below"
    assert row.outputs["probabilities"]["below"] == float(second["probability.below"])
    assert (row.face, row.user_id, row.outcome) == ("file", actor.user_id, "below")
    file = ScoreFile.objects.get(job=job)
    assert (file.rows, file.answered, file.faulty, file.key) == (2, 2, 0, "")


def test_faulty_rows_do_not_stop_the_others_and_say_why(actor: Actor, target: Target) -> None:
    job = scored(actor, target, "a,b\n1,1\n,1\n500,x\n1,2,3\n-1\n-1,-1\n")
    rows = rows_of(job)
    assert [row["error"] for row in rows] == [
        "",
        "Give a value for a.",
        'a must be between -100 and 100 mm; 500 mm was given. b must be a number; "x" is not.',
        "This line has 3 cells where the header has 2; check its separators and quotes.",
        "This line has 1 cell where the header has 2; check its separators and quotes.",
        "",
    ]
    assert [bool(row["prediction_id"]) for row in rows] == [True, False, False, False, False, True]
    assert [(row["a"], row["b"]) for row in rows[3:5]] == [("1", "2,3"), ("-1", "")]
    file = ScoreFile.objects.get(job=job)
    assert (file.answered, file.faulty, Prediction.objects.count()) == (2, 4, 2)


def test_warnings_stand_beside_the_answer_and_in_the_row(actor: Actor) -> None:
    target = factories.target(factories.version(slug="line"))
    job = scored(actor, target, "x\n2\n100\n3\n")
    first, second, _third = rows_of(job)
    assert first["value"] == "4.0"
    assert first["warnings"] == ""
    assert second["warnings"] == "x is 100; the training data went from 1 to 4."
    row = Prediction.objects.get(pk=second["prediction_id"])
    assert [item["code"] for item in row.warnings] == ["above_training_range"]
    assert row.warned
    assert not Prediction.objects.get(pk=first["prediction_id"]).warned
    assert ScoreFile.objects.get(job=job).warned == 1


def test_the_files_own_bytes_come_back_untouched(actor: Actor, target: Target) -> None:
    head = '\ufeffnote;"b";a\r\n'.encode()
    rows = ['"a ""quoted""\r\nnote";1.50;+1\r\n', "é;  2;1e0\r\n", ";0x;1\r\n"]
    result = result_of(scored(actor, target, head + "\r\n".join([*rows[:2], rows[2]]).encode()))
    assert result.startswith(head[:-2] + b";outcome;")
    for row in rows:
        assert row.removesuffix("\r\n").encode() + b";" in result
    assert b"\r\n\r\n" not in result
    assert result.count(b"\r\n") == result.count(b"\n") == 5


def test_answer_columns_give_way_to_names_that_are_taken(actor: Actor, target: Target) -> None:
    result = result_of(scored(actor, target, "a,b,outcome,error,answer.error\n1,1,x,y,z\n"))
    assert result.splitlines()[0].decode().split(",")[5:] == [
        "answer.outcome",
        "probability.below",
        "probability.above",
        "warnings",
        "prediction_id",
        "answer.answer.error",
    ]


def test_a_piece_whose_worker_died_gets_the_same_ids_again(
    actor: Actor, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = brought(actor, target, "a,b\n1,1\n2,2\n")
    seen: list[Any] = []

    def die(_job: Job, piece: ScorePiece, **_counts: int) -> None:
        seen.append(piece.first_id)
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(score_claims, "finish", die)
        with pytest.raises(SystemExit):
            scoring.run(job.pk)
    assert not Prediction.objects.exists()
    assert scoring.run(job.pk) == 0
    assert not Prediction.objects.exists()

    long_ago = timezone.now() - timedelta(days=1)
    ScorePiece.objects.update(claimed_at=long_ago)
    Job.objects.update(heartbeat_at=long_ago, sent_at=long_ago)
    assert [stale.pk for stale in jobs.stale()] == [job.pk]
    scoring.run(job.pk)
    rows = rows_of(job_rows.get(actor, job.pk))
    assert [row["prediction_id"] for row in rows] == [str(one) for one in ids_of(seen[0], 2)]
    assert Prediction.objects.count() == 2


def test_a_worker_that_was_taken_for_dead_writes_nothing(
    actor: Actor, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = brought(actor, target, "a,b\n1,1\n")
    write = score_storing.write

    def slowly(*given: Any, **named: Any) -> None:
        monkeypatch.setattr(score_storing, "write", write)
        ScorePiece.objects.update(attempts=F("attempts") + 1)
        write(*given, **named)

    monkeypatch.setattr(score_storing, "write", slowly)
    scoring.run(job.pk)
    assert not Prediction.objects.exists()
    assert ScoreFile.objects.get().answered == 0


def test_rows_that_kill_workers_again_and_again_fail_the_job(actor: Actor, target: Target) -> None:
    job = brought(actor, target, "a,b\n1,1\n")
    file = ScoreFile.objects.get(job=job)
    long_ago = timezone.now() - timedelta(days=1)
    ScorePiece.objects.create(
        file=file, number=0, begin=4, end=8, rows=1, attempts=jobs.MAX_ATTEMPTS, claimed_at=long_ago
    )
    ScoreFile.objects.update(rows=1)
    Job.objects.update(status="running", heartbeat_at=timezone.now(), attempts=1)
    scoring.run(job.pk)
    found = Job.objects.get()
    assert (found.status, found.error_code) == ("failed", "worker_lost")
    assert ScoreFile.objects.get().key == ""


def test_a_file_that_turns_out_unreadable_fails_in_words(actor: Actor, target: Target) -> None:
    job = scored(actor, target, "a,b\n" + "1,1\n" * 300_000 + '"open,1\n')
    assert (job.status, job.error_code) == ("failed", "open_quote")
    assert "line 300,002" in job.error_message
    assert not Prediction.objects.exists()


def test_a_row_that_the_estimator_fails_on_costs_its_neighbors_nothing(
    actor: Actor, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = OnnxRuntime._computed

    def picky(self: OnnxRuntime, rows: Any) -> Any:
        if any(row[0] == 13 for row in rows):
            raise ModelFailed("This version could not answer these values; check the inputs.")
        return computed(self, rows)

    monkeypatch.setattr(OnnxRuntime, "_computed", picky)
    lines = "".join(f"{number},1\n" for number in range(40))
    job = scored(actor, target, "a,b\n" + lines)
    rows = rows_of(job)
    assert [row["a"] for row in rows if row["error"]] == ["13"]
    assert rows[13]["prediction_id"] == ""
    for row in rows[:13] + rows[14:]:
        assert Prediction.objects.get(pk=row["prediction_id"]).inputs == [float(row["a"]), 1.0]


def test_a_version_that_stays_with_its_library_scores_files_too(actor: Actor) -> None:
    rows, kinds = load_iris(return_X_y=True)
    estimator = LabelPropagation().fit(rows, kinds)
    owner = factories.actor_for(factories.user(is_staff=True))
    stream = io.BytesIO()
    joblib.dump(estimator, stream)
    stream.seek(0)
    source = uploads.receive(actor=owner, stream=stream, filename="spread.joblib")
    request = BuildRequest(name="Spread", go_live=True, visibility="public")
    build = jobs.create(kind=Job.Kind.BUILD, name="Spread", request=request, source=source, actor=owner)
    builds.run(build.pk)
    build.refresh_from_db()
    assert build.version is not None, build.error_message
    assert build.version.runtime == "native"
    target = factories.target(build.version)
    text = ",".join(target.signature.names) + "\n"
    text += "".join(",".join(map(str, row)) + "\n" for row in rows.tolist())
    try:
        found = rows_of(scored(actor, target, text))
    finally:
        registry().close()
    assert [int(row["outcome"]) for row in found] == estimator.predict(rows).tolist()
    assert Prediction.objects.count() == len(rows)


def test_the_cells_of_an_outcome_are_no_formulas(actor: Actor) -> None:
    signature = factories.sign_signature()
    output = replace(signature.main_output, classes=(ClassName(0, "=1+1"), ClassName(1, "plus, or so")))
    version = factories.version(
        slug="odd",
        signature=replace(signature, outputs=(output,)),
        onnx=factories.sign_onnx(),
        plan=factories.sign_plan(),
    )
    rows = rows_of(scored(actor, factories.target(version), "a,b\n-1,-1\n1,1\n"))
    assert [row["outcome"] for row in rows] == ["'=1+1", "plus, or so"]
    assert set(Prediction.objects.values_list("outcome", flat=True)) == {"=1+1", "plus, or so"}
