"""``POST /predict``"""

from __future__ import annotations

import math
from typing import Any

import pytest

from predictions.api.article import tidy
from predictions.models import MLModel, Prediction
from tests.api.conftest import People, Shelf, problem

pytestmark = pytest.mark.usefixtures("answering")


def test_one_row_gets_one_number(people: People, shelf: Shelf) -> None:
    response = people.anonymous.post("/predict", {"input": [1, 2, 1]})
    assert response.content == b'{"prediction":[4]}'
    assert Prediction.objects.get().face == "article"


def test_several_rows_get_one_number_each(people: People, shelf: Shelf) -> None:
    response = people.anonymous.post("/predict", {"input": [[1, 2, 1], [2, 3, 2.5]]})
    assert response.json() == {"prediction": [4, 7.5]}


def test_a_row_by_name_is_read_too(people: People, shelf: Shelf) -> None:
    response = people.anonymous.post("/predict", {"input": {"x1": 1, "x2": 2, "x3": 1}})
    assert response.json() == {"prediction": [4]}


def test_a_classifier_answers_its_label(people: People, shelf: Shelf) -> None:
    MLModel.objects.update(is_default=False)
    MLModel.objects.filter(slug="loan").update(is_default=True)
    body = {"input": {"age": 40, "purpose": "car"}}
    assert people.key.post("/predict", body).json() == {"prediction": ["good"]}


@pytest.mark.parametrize("body", [{}, {"inputs": [1, 2, 3]}, [1, 2, 3], 4])
def test_a_body_without_input_says_what_to_send(people: People, shelf: Shelf, body: Any) -> None:
    assert '"input"' in problem(people.anonymous.post("/predict", body), 400, "invalid_request")["detail"]


def test_wrong_values_are_told_as_everywhere(people: People, shelf: Shelf) -> None:
    document = problem(people.anonymous.post("/predict", {"input": [1, 2]}), 422, "invalid_rows")
    assert document["errors"][0]["code"] == "wrong_length"


def test_without_a_default_it_points_to_the_list(people: People) -> None:
    assert (
        "/api/v1/models"
        in problem(people.anonymous.post("/predict", {"input": [1]}), 404, "not_found")["detail"]
    )


def test_a_default_one_may_not_see_is_not_there(people: People, shelf: Shelf) -> None:
    MLModel.objects.filter(is_default=True).update(visibility="private")
    problem(people.anonymous.post("/predict", {"input": [1, 2, 3]}), 404, "not_found")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.9999999999999996, 4),
        (4.0000000009, 4),
        (4.00000001, 4.00000001),
        (-0.0, 0),
        (1 / 3, 0.3333333333),
        (2.5, 2.5),
        (1e300, 1e300),
        ("yes", "yes"),
        (True, True),
        ([1.0, 0.1 + 0.2], [1, 0.3]),
        (None, None),
    ],
)
def test_numbers_are_written_as_people_write_them(value: Any, shown: Any) -> None:
    assert tidy(value) == shown
    assert type(tidy(value)) is type(shown)


def test_what_is_no_number_stays_so() -> None:
    assert math.isnan(tidy(math.nan))
