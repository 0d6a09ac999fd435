"""Forms that are not a list of fields: the box for a whole case, and the pad to draw on."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from predictions.models import Prediction
from predictions.signature.fields import Choice, Drawing, Field, Output, Signature
from predictions.values import RawAnswer
from tests.support.ml_models import SUM, make_ml_model
from tests.web.conftest import FakeGateway

pytestmark = pytest.mark.django_db


def page(client: Client, path: str) -> str:
    return client.get(path).content.decode()


class TestManyFields:
    @pytest.fixture(autouse=True)
    def _genes(self) -> None:
        fields = tuple(Field(name=f"g{n}", kind="number") for n in range(300))
        make_ml_model("genes", SUM.with_inputs(fields))

    def test_one_box_takes_the_place_of_the_inputs(self, client: Client) -> None:
        text = page(client, "/m/genes/")
        assert '<textarea class="code" id="case"' in text
        assert "in-g0" not in text

    @pytest.mark.parametrize(
        "box",
        [
            json.dumps({f"g{n}": n for n in range(300)}),
            json.dumps(list(range(300))),
            ",".join(str(n) for n in range(300)),
            ",".join(f"g{n}" for n in range(300)) + "\n" + ",".join(str(n) for n in range(300)),
        ],
    )
    def test_the_box_takes_json_and_csv(self, client: Client, answers: FakeGateway, box: str) -> None:
        answers.raw = RawAnswer(value=1.0)
        assert client.post("/m/genes/", {"case": box}).status_code == 302
        assert answers.calls[0][0].values == tuple(float(n) for n in range(300))

    @pytest.mark.parametrize(
        ("box", "words"),
        [
            ("", "Paste one case first"),
            ("{", "not readable JSON"),
            ("[" * 100_000, "not readable JSON"),
            ("1,2,3", "3 values were pasted where this ML model takes 300"),
            ('{"h0": 1}', "“h0” is not an input"),
            ("1,2\n3,4\n5,6", "one case at a time"),
        ],
    )
    def test_what_cannot_be_read_is_told_and_kept(
        self, client: Client, answers: FakeGateway, box: str, words: str
    ) -> None:
        response = client.post("/m/genes/", {"case": box})
        assert response.status_code == 422
        assert words in response.content.decode()
        assert box[:3].replace('"', "&quot;") in response.content.decode()
        assert answers.calls == []

    def test_the_example_fills_the_box(self, client: Client, answers: FakeGateway) -> None:
        answers.raw = RawAnswer(value=1.0)
        box = re.search(r"<textarea[^>]*>(.*?)</textarea>", page(client, "/m/genes/?example=1"), re.DOTALL)
        assert box
        given = json.loads(box.group(1).replace("&quot;", '"'))
        assert len(given) == 300


def test_a_picture_has_a_pad_and_a_grid_of_numbers(client: Client) -> None:
    cells = tuple(Field(name=f"p{n}", kind="number", minimum=0, maximum=16) for n in range(6))
    signature = Signature(
        task="regression",
        inputs=cells,
        outputs=(Output(name="y", kind="number"),),
        drawing=Drawing(rows=2, columns=3, maximum=16),
    )
    make_ml_model("digits", signature)
    text = page(client, "/m/digits/")
    assert 'data-rows="2" data-columns="3" data-maximum="16"' in text
    assert text.count("data-cell=") == 6
    assert text.count("<tr>") == 2


def test_a_drawn_case_is_shown_as_a_picture(client: Client, answers: FakeGateway) -> None:
    cells = tuple(Field(name=f"p{n}", kind="number", minimum=0, maximum=16) for n in range(4))
    signature = Signature(
        task="regression",
        inputs=cells,
        outputs=(Output(name="y", kind="number"),),
        drawing=Drawing(rows=2, columns=2, maximum=16),
    )
    make_ml_model("digits", signature)
    answers.raw = RawAnswer(value=1.0)
    client.post("/m/digits/", {"in-p0": "0", "in-p1": "4", "in-p2": "0", "in-p3": "16"})
    text = page(client, f"/predictions/{Prediction.objects.get().pk}/")
    assert 'viewBox="0 0 2 2"' in text
    assert '<rect x="1" y="0" width="1" height="1" fill-opacity="0.250"/>' in text
    assert '<rect x="1" y="1" width="1" height="1" fill-opacity="1.000"/>' in text
    assert text.count("<rect x=") == 2


class TestOpenChoices:
    """Choices that the estimator knows, where another value is accepted with a warning."""

    @pytest.fixture(autouse=True)
    def _towns(self) -> None:
        town = Field(name="town", kind="choice", choices=(Choice("Ulm"), Choice("Bonn")), unseen="warn")
        make_ml_model("towns", SUM.with_inputs((town,)))

    def test_known_values_are_chosen_from_a_list(self, client: Client, answers: FakeGateway) -> None:
        assert '<option value="Ulm">Ulm</option>' in page(client, "/m/towns/")
        answers.raw = RawAnswer(value=1.0)
        client.post("/m/towns/", {"in-town": "Bonn"})
        assert answers.calls[0][0].values == ("Bonn",)

    def test_another_value_counts_and_is_kept(self, client: Client, answers: FakeGateway) -> None:
        answers.raw = RawAnswer(value=1.0)
        moved = client.post("/m/towns/", {"in-town": "", "other-in-town": "Köln"})
        assert answers.calls[0][0].values == ("Köln",)
        assert answers.calls[0][0].warnings[0].code == "unseen_category"
        text = client.get(moved["Location"]).content.decode()
        assert 'name="other-in-town" value="Köln"' in text
        assert '<details class="other" open>' in text
