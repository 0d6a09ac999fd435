"""Several stored files become one version that answers as its steps do one after the other, whatever serves it."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from django.contrib.auth.models import User
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import LabelEncoder, StandardScaler

from predictions.models import Job, MLModel, ModelVersion, Source
from predictions.services import builds, inference, jobs, uploads
from predictions.services.sorting import Upload
from predictions.signature.fields import Signature
from predictions.values import Actor, BuildRequest

pytestmark = pytest.mark.django_db
NAMES = ["age", "dose", "weight"]
ROWS = np.random.default_rng(5).normal([40, 300, 70], [9, 90, 12], (120, 3))
TEXTS = np.where(ROWS @ [9, 1, 0] > 650, "much", "little")


@pytest.fixture
def parts() -> dict[str, Any]:
    scaler, encoder = StandardScaler().fit(ROWS), LabelEncoder().fit(TEXTS)
    model = LogisticRegression().fit(scaler.transform(ROWS), encoder.transform(TEXTS))
    return {"scaler": scaler, "labels": encoder, "model": model}


def _bytes(found: Any) -> bytes:
    stream = io.BytesIO()
    joblib.dump(found, stream)
    return stream.getvalue()


def _built(contents: dict[str, bytes], **wish: Any) -> Job:
    actor = Actor(user_id=User.objects.create_user("owner", is_staff=True).pk, is_staff=True)
    (name, first), *more = contents.items()
    source = uploads.receive(
        actor=actor,
        stream=io.BytesIO(first),
        filename=name,
        more=[Upload(io.BytesIO(content), name) for name, content in more],
    )
    request = BuildRequest(name="Doses", **wish)
    job = jobs.create(kind=Job.Kind.BUILD, name="Doses", request=request, source=source, actor=actor)
    builds.run(job.pk)
    job.refresh_from_db()
    return job


def _columns(kind: str) -> tuple[str, bytes]:
    return ("cols.json", json.dumps(NAMES).encode()) if kind == "json" else ("cols.pkl", pickle.dumps(NAMES))


@pytest.mark.parametrize("runtime", ["auto", "native"])
@pytest.mark.parametrize("kind", ["json", "pickle"])
def test_lists_and_labels_beside_a_chain_build_and_answer_with_it(
    parts: dict[str, Any], artifacts_dir: Path, kind: str, runtime: str
) -> None:
    name, content = _columns(kind)
    files = {name: content, **{f"{part}.pkl": _bytes(found) for part, found in parts.items()}}
    job = _built(files, runtime=runtime)
    assert job.status == Job.Status.SUCCEEDED, job.error_message
    version = ModelVersion.objects.select_related("current_revision").get()
    assert version.current_revision is not None
    assert version.runtime == {"auto": "onnx"}.get(runtime, runtime)
    signature = Signature.from_document(version.current_revision.document)
    assert list(signature.names) == NAMES
    assert [one.shown for one in signature.main_output.classes] == ["little", "much"]
    assert [part["file"] for part in version.report["chain"]] == ["scaler.pkl", "model.pkl"]
    told = {part["file"]: (part["role"], part["used"]) for part in version.report["beside"]}
    assert told == {name: ("names", True), "labels.pkl": ("labels", True)}
    served = inference._load(version.pk)
    try:
        answers = served.predict([tuple(row) for row in ROWS[:20].tolist()])
    finally:
        served.close()
    shares = parts["model"].predict_proba(parts["scaler"].transform(ROWS[:20]))
    np.testing.assert_allclose([list(answer.probabilities or ()) for answer in answers], shares, atol=1e-5)


def test_a_unit_that_cannot_be_put_together_leaves_nothing(
    parts: dict[str, Any], artifacts_dir: Path
) -> None:
    narrow = StandardScaler().fit(ROWS[:, :2])
    job = _built(
        {
            "cols.json": json.dumps(NAMES).encode(),
            "narrow.pkl": _bytes(narrow),
            "model.pkl": _bytes(parts["model"]),
        }
    )
    assert (job.status, job.error_code) == (Job.Status.FAILED, "partial_transformer")
    assert "narrow.pkl gives 2 columns and model.pkl takes 3 columns" in job.error_message
    assert not [path for path in artifacts_dir.rglob("*") if path.is_file()]
    assert not MLModel.objects.exists()
    assert {file.key for file in Source.objects.get().files.all()} == {""}
