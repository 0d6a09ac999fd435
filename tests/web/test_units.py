"""Several files on the pages: brought together, and shown for what they became."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.urls import reverse

from predictions.models import Job, Source, SourceFile
from predictions.templatetags.unit import unit_beside, unit_chain
from tests import factories

REPORT = {
    "chain": [
        {
            "file": "scaler.pkl",
            "key": "",
            "role": "transformer",
            "class": "StandardScaler",
            "inputs": 8,
            "outputs": 8,
        },
        {
            "file": "bundle.pkl",
            "key": "prep.pca",
            "role": "transformer",
            "class": "PCA",
            "inputs": None,
            "outputs": 2,
        },
        {
            "file": "bundle.pkl",
            "key": "model",
            "role": "predictor",
            "class": "SVC",
            "inputs": 1,
            "outputs": None,
        },
    ],
    "beside": [
        {"file": "cols.json", "key": "", "role": "names", "class": "list", "used": True},
        {"file": "bundle.pkl", "key": "cutoff", "role": "threshold", "class": "float", "used": True},
        {"file": "bundle.pkl", "key": "scores", "role": "other", "class": "dict", "used": False},
    ],
}


def test_a_chain_reads_as_what_where_and_how_wide() -> None:
    assert [tuple(link.values()) for link in unit_chain(REPORT)] == [
        ("StandardScaler", "scaler.pkl", "8 → 8 columns"),
        ("PCA", "prep.pca in bundle.pkl", "gives 2 columns"),
        ("SVC", "model in bundle.pkl", "1 column"),
    ]


def test_what_lies_beside_it_says_what_became_of_it() -> None:
    assert [tuple(part.values()) for part in unit_beside(REPORT)] == [
        ("cols.json", "names of columns", "used"),
        ("cutoff in bundle.pkl", "a threshold", "kept as a note, not applied"),
        ("scores in bundle.pkl", "dict", "not needed"),
    ]


@pytest.mark.parametrize(
    "report",
    [None, "", [], {}, {"chain": 3, "beside": "x"}, {"chain": [3, None], "beside": [[]]}, {"chain": [{}]}],
)
def test_a_report_of_any_shape_is_survived(report: Any) -> None:
    assert len(unit_chain(report)) <= 1
    assert unit_beside(report) == []


@pytest.fixture
def owner(client):
    account = factories.user(is_staff=True)
    client.force_login(account)
    return account


def _files(**contents: bytes) -> list[io.BytesIO]:
    files = []
    for name, content in contents.items():
        file = io.BytesIO(content)
        file.name = name.replace("__", ".")
        files.append(file)
    return files


def _bring(client, files, **fields):
    return client.post(reverse("upload"), {"file": files, "name": "Thing", "visibility": "private", **fields})


@pytest.mark.django_db
def test_files_are_brought_together_and_their_rows_found_among_them(client, owner, artifacts_dir):
    files = _files(rows__csv=b"a,b\n1,2\n", model__pkl=b"\x80model", scaler__pkl=b"\x80scaler")
    answer = _bring(client, files, chain="scaler.pkl")
    job = Job.objects.get()
    assert answer.url == reverse("job", args=[job.pk])
    assert job.request["chain"] == ["scaler.pkl"]
    assert (job.source.filename, job.source.sample_filename) == ("model.pkl", "rows.csv")
    assert [file.filename for file in job.source.files.all()] == ["scaler.pkl"]
    page = client.get(answer.url).content.decode()
    for name in ("model.pkl", "scaler.pkl", "rows.csv"):
        assert name in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({}, "Choose the file that holds the trained estimator."),
        ({"a__csv": b"a\n1\n", "b__csv": b"a\n1\n"}, "a.csv and b.csv are tables"),
        ({"a__pkl": b"\x80", "b__pkl": b""}, "b.pkl is empty"),
        ({f"m{number}__pkl": b"\x80" for number in range(11)}, "11 files were brought"),
    ],
)
def test_files_that_make_no_unit_are_refused_at_their_field(client, owner, artifacts_dir, contents, words):
    answer = _bring(client, _files(**contents))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert words in page
    assert 'class="field files invalid"' in page
    assert not Source.objects.exists()


@pytest.mark.django_db
def test_the_order_somebody_gave_is_still_there_after_a_mistake(client, owner, artifacts_dir):
    page = _bring(client, [], chain="b.pkl, a.pkl").content.decode()
    assert 'value="b.pkl, a.pkl"' in page
    assert "<details open>" in page


@pytest.mark.django_db
def test_a_version_shows_its_files_and_its_chain(client, owner):
    version = factories.version(owner=owner)
    version.report = {**version.report, **REPORT}
    version.save(update_fields=["report"])
    SourceFile.objects.create(
        source=version.source, place=1, filename="<b>cols.json</b>", size=3, sha256="c" * 64, format="json"
    )
    page = client.get(reverse("version", args=[version.ml_model.slug, version.number])).content.decode()
    assert "Put together" in page
    assert "8 → 8 columns" in page
    assert "kept as a note, not applied" in page
    assert "&lt;b&gt;cols.json&lt;/b&gt;" in page
    assert "<b>cols.json</b>" not in page
    (told,) = client.get(f"/api/v1/models/{version.ml_model.slug}/versions").json()["results"]
    assert told["files"] == [
        {"filename": "<b>cols.json</b>", "format": "json", "sha256": "c" * 64, "size": 3}
    ]


@pytest.mark.django_db
def test_a_version_of_one_file_has_no_such_part(client, owner):
    version = factories.version(owner=owner)
    page = client.get(reverse("version", args=[version.ml_model.slug, version.number])).content.decode()
    assert "Put together" not in page
    assert "Together with" not in page
