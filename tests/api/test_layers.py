"""``/api/v1/models/{slug}/versions/{number}/layer``"""

from __future__ import annotations

from typing import Any

import pytest

from predictions.models import ModelVersion, SignatureRevision
from tests.api.conftest import People, Shelf, problem

PATH = "models/sum/versions/1/layer"
LAYER: dict[str, Any] = {
    "format": 1,
    "fields": {
        "length": {"kind": "number", "label": "Length", "unit": "m", "example": 2.0},
        "x2": {"label": "Second"},
        "x3": {},
    },
    "columns": {"x1": {"expression": "length * 100"}, "x2": {"take": "x2"}, "x3": {"take": "x3"}},
    "outputs": {"y": {"factor": 2.0, "unit": "kg"}},
}


def test_a_version_that_nobody_edited_has_an_empty_layer(people: People, shelf: Shelf) -> None:
    assert people.staff.get(PATH).json() == {"revision": 1, "layer": {"format": 1}}


def test_what_is_put_is_what_is_got(people: People, shelf: Shelf) -> None:
    done = people.staff.put(PATH, {"layer": LAYER, "revision": 1})
    assert done.status_code == 200, done.content
    assert done.json() == {"revision": 2, "layer": LAYER} == people.staff_key.get(PATH).json()
    about = people.root.get("models/sum").json()
    assert [field["name"] for field in about["inputs"]] == ["length", "x2", "x3"]
    assert people.root.put(PATH, {"layer": LAYER}).json()["revision"] == 2
    changes = SignatureRevision.objects.get(number=2).changes
    assert "x1: made as length * 100." in changes


def test_an_empty_layer_is_as_it_was_built(people: People, shelf: Shelf) -> None:
    people.staff.put(PATH, {"layer": LAYER})
    assert people.staff.put(PATH, {"layer": {}}).json() == {"revision": 3, "layer": {"format": 1}}
    first, last = (
        ModelVersion.objects.get(ml_model=shelf.public).revisions.filter(number__in=(1, 3)).order_by("number")
    )
    assert first.document == last.document


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ([], 400, "invalid_request"),
        (b"{", 400, "invalid_json"),
        ({"layer": {}, "more": 1}, 400, "invalid_request"),
        ({"layer": {}, "revision": "1"}, 400, "invalid_request"),
        ({"layer": 3}, 422, "invalid_signature"),
        ({"layer": {"columns": {"x1": "x1 +"}}}, 422, "invalid_signature"),
        ({"layer": {"columns": {"nine": "x2"}}}, 422, "invalid_signature"),
        ({"layer": {}, "revision": 9}, 409, "conflict"),
    ],
)
def test_what_is_wrong_changes_nothing(
    people: People, shelf: Shelf, body: Any, status: int, code: str
) -> None:
    problem(people.staff.put(PATH, body), status, code)
    assert SignatureRevision.objects.filter(number__gt=1).count() == 0


@pytest.mark.parametrize(
    ("caller", "slug", "status", "code"),
    [
        ("anonymous", "sum", 401, "not_authenticated"),
        ("user", "sum", 403, "not_allowed"),
        ("key", "sum", 403, "not_allowed"),
        ("user", "secret", 404, "not_found"),
    ],
)
def test_others_neither_see_nor_change_it(
    people: People, shelf: Shelf, caller: str, slug: str, status: int, code: str
) -> None:
    api = people.all()[caller]
    problem(api.get(f"models/{slug}/versions/1/layer"), status, code)
    problem(api.put(f"models/{slug}/versions/1/layer", {"layer": {}}), status, code)


def test_a_version_that_is_none_has_no_layer(people: People, shelf: Shelf) -> None:
    problem(people.root.get("models/sum/versions/9/layer"), 404, "not_found")
