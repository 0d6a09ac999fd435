"""A proof is independent of what breaks in it, done in time, part of a build, and free of case data."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from predictions.ml import building, proving
from predictions.ml.generated_rows import check_rows
from predictions.ml.inspection import inspect_closely
from predictions.ml.proving import proof_in_words, prove
from predictions.ml.proving_answers import Subject
from predictions.portable import RawAnswer
from predictions.signature.fields import ClassName, Field, Output, Signature
from tests.ml.estimators import (
    IRIS,
    IRIS_TARGET,
    LOYAL,
    PEOPLE,
    Built,
    columns,
    sample_of,
)
from tests.ml.proofs import iris_sample, proof_of, verdicts


def test_a_check_that_raises_fails_with_words_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("/srv/secret")

    checks_before = proving.CHECKS
    monkeypatch.setattr(
        proving,
        "CHECKS",
        tuple((code, broken if code == "finite" else check) for code, check in checks_before),
    )
    checks = proof_of(LogisticRegression(max_iter=500).fit(IRIS, IRIS_TARGET))
    assert verdicts(checks)["finite"] == "failed"
    assert "secret" not in json.dumps(checks)
    assert verdicts(checks)["determinism"] == "passed"


def test_a_slow_one_is_asked_less() -> None:
    class Slow:
        asked = 0

        def predict(self, rows: Any) -> list[RawAnswer]:
            Slow.asked += len(rows)
            until = time.perf_counter() + 0.002 * len(rows)
            while time.perf_counter() < until:
                pass
            return [RawAnswer(class_index=int(row[0] > 0)) for row in rows]

        def close(self) -> None:
            pass

    signature = Signature(
        task="classification",
        inputs=(Field(name="x", kind="number", soft_minimum=-1, soft_maximum=1, example=0.5),),
        outputs=(Output(name="y", kind="class", classes=(ClassName(0), ClassName(1))),),
    )
    estimator = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    columns_ = inspect_closely(estimator).columns
    rows = check_rows(signature, columns_)
    document = prove(Subject(signature=signature, served=Slow, rows=rows), seconds=0.4)
    assert document["seconds"] < 2
    assert 60 < document["rows"] < len(rows)
    kinds = {check["code"]: check["verdict"] for check in document["checks"]}
    assert kinds["classes"] == kinds["determinism"] == kinds["constant"] == "passed"


def test_the_words_count_what_was_tried(tmp_path: Any) -> None:
    random = DummyClassifier(strategy="uniform").fit(IRIS, IRIS_TARGET)
    built = Built(random, tmp_path)
    words = proof_in_words(built.report["proof"])
    assert words.endswith("failed: determinism.")
    assert built.said[-1] == ("prove", words)


def test_a_build_proves_what_will_answer_and_the_original(tmp_path: Any) -> None:
    built = Built(
        HistGradientBoostingClassifier(max_iter=5).fit(IRIS, IRIS_TARGET), tmp_path, iris_sample(tmp_path)
    )
    assert built.document["runtime"] == "onnx"
    checks = {check["code"]: check for check in built.report["proof"]["checks"]}
    assert [code for code, check in checks.items() if check["verdict"] in ("failed", "warned")] == []
    assert checks["accuracy"]["measured"]["rows"] == 150


def test_the_proof_holds_no_case_data(tmp_path: Any) -> None:
    table = PEOPLE.assign(city="Secretville", loyal=LOYAL)
    estimator = make_pipeline(columns(StandardScaler(), OrdinalEncoder()), LogisticRegression())
    estimator.fit(table.drop(columns="loyal"), LOYAL)
    built = Built(estimator, tmp_path, sample_of(table, tmp_path))
    proof = built.report["proof"]
    assert {check["code"]: check for check in proof["checks"]}["accuracy"]["measured"]["column"] == "loyal"
    assert "Secretville" not in json.dumps(proof)


def test_a_graph_is_proven_as_well(tmp_path: Any) -> None:
    built = Built(make_pipeline(StandardScaler(), LogisticRegression()).fit(IRIS, IRIS_TARGET), tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    document = proving_build(tmp_path / "model.onnx", out, iris_sample(tmp_path))
    checks = {check["code"]: check for check in document["report"]["proof"]["checks"]}
    assert [code for code, check in checks.items() if check["verdict"] == "failed"] == []
    assert checks["accuracy"]["verdict"] == "passed"
    assert checks["accuracy"]["measured"]["accuracy"] > 0.9
    assert built.document["runtime"] == "onnx"


def proving_build(source: Any, out: Any, sample: Any) -> dict[str, Any]:
    return building.build_from_file(
        source=source, file_format="onnx", sample=sample, out=out, say=lambda step, message: None
    )
