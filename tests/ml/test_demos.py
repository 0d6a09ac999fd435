"""Demos train from what is on the machine, are as good as they say, and fit the signature they describe."""

from __future__ import annotations

import json
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from predictions.ml.building import build_from_file
from predictions.ml.demos import DemoRecipe, TrainedDemo, recipes
from predictions.ml.demos.german_credit import CSV, TARGET, read_cases
from predictions.ml.demos.line import equation_of
from predictions.ml.plan import Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.ml.scan import require_acceptable, scan_file
from predictions.signature.editing import apply_edits
from predictions.signature.fields import Signature
from predictions.signature.validation import Validator

SLUGS = ("sequence", "line", "breast-cancer", "diabetes-progression", "german-credit", "digits")
BY_SLUG = {recipe.slug: recipe for recipe in recipes()}


def trained_without_network(recipe: DemoRecipe) -> TrainedDemo:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a demo must not use the network")

    with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
        patch.setattr(socket.socket, "connect", refuse)
        return recipe.train()


@pytest.fixture(scope="module")
def trained() -> dict[str, TrainedDemo]:
    return {slug: trained_without_network(BY_SLUG[slug]) for slug in SLUGS}


@pytest.fixture(scope="module")
def built(
    trained: dict[str, TrainedDemo], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Signature, Any]]:
    """Signature with the recipe's edits and the runtime that serves it, by the site's own build."""
    found = {}
    for slug, demo in trained.items():
        folder = tmp_path_factory.mktemp(slug)
        joblib.dump(demo.estimator, folder / "source")
        demo.sample.to_csv(folder / "sample.csv", index=False)
        require_acceptable(scan_file(folder / "source"))
        document = build_from_file(
            source=folder / "source",
            file_format="joblib",
            sample=folder / "sample.csv",
            out=folder,
            say=lambda *_: None,
        )
        assert document["runtime"] == "onnx"
        signature = apply_edits(Signature.from_document(document["signature"]), BY_SLUG[slug].signature_edits)
        data = (folder / document["artifact"]).read_bytes()
        found[slug] = (signature, OnnxRuntime(data, Plan.from_document(document["plan"]), signature))
    return found


def metric(demo: TrainedDemo, name: str) -> float:
    return next(metric.value for metric in demo.metrics if metric.name == name)


def test_these_are_the_demos_and_one_is_the_default() -> None:
    assert tuple(recipe.slug for recipe in recipes()) == SLUGS
    assert [recipe.slug for recipe in recipes() if recipe.is_default] == ["sequence"]
    assert {recipe.visibility for recipe in recipes()} == {"public"}


@pytest.mark.parametrize("slug", SLUGS)
def test_every_card_says_source_licence_and_use_and_is_json(
    slug: str, trained: dict[str, TrainedDemo]
) -> None:
    card = BY_SLUG[slug].card_with(trained[slug])
    assert all(card[key] for key in ("source", "licence", "licence_url", "intended_use", "note", "metrics"))
    assert all(item["on"] and isinstance(item["value"], float) for item in card["metrics"])
    assert json.loads(json.dumps(card)) == card


@pytest.mark.parametrize(
    ("slug", "name", "floor"),
    [
        ("breast-cancer", "Accuracy", 0.96),
        ("breast-cancer", "Area under the ROC curve", 0.99),
        ("german-credit", "Accuracy", 0.73),
        ("german-credit", "Area under the ROC curve", 0.76),
        ("diabetes-progression", "R²", 0.45),
        ("digits", "Accuracy", 0.96),
    ],
)
def test_demos_are_as_good_as_such_data_allows(
    slug: str, name: str, floor: float, trained: dict[str, TrainedDemo]
) -> None:
    assert floor <= metric(trained[slug], name) < 1


def test_demos_beat_the_plain_guess(trained: dict[str, TrainedDemo]) -> None:
    for slug in ("breast-cancer", "german-credit"):
        assert metric(trained[slug], "Accuracy") > metric(
            trained[slug], "Accuracy of always naming the larger class"
        )
    diabetes = trained["diabetes-progression"]
    plain = metric(diabetes, "Mean absolute error of always answering the median")
    assert metric(diabetes, "Mean absolute error") < plain


def test_the_measured_accuracy_is_that_of_rows_not_fitted_on(trained: dict[str, TrainedDemo]) -> None:
    rows = read_cases()
    seen = trained["german-credit"].estimator.score(rows.drop(columns=TARGET), rows[TARGET])
    assert metric(trained["german-credit"], "Accuracy") < seen


@pytest.mark.parametrize("slug", SLUGS)
def test_training_again_gives_the_same(slug: str, trained: dict[str, TrainedDemo]) -> None:
    again = trained_without_network(BY_SLUG[slug])
    first = trained[slug]
    assert again.metrics == first.metrics
    method = "predict_proba" if hasattr(first.estimator, "predict_proba") else "predict"
    rows = first.sample.head(50)
    np.testing.assert_allclose(
        getattr(again.estimator, method)(rows), getattr(first.estimator, method)(rows), rtol=1e-9
    )


@pytest.mark.parametrize("slug", SLUGS)
def test_the_words_fit_the_signature(slug: str, built: dict[str, tuple[Signature, Any]]) -> None:
    signature, _ = built[slug]
    edits = BY_SLUG[slug].signature_edits
    assert set(edits["inputs"]) == set(signature.names)
    assert all(field.label for field in signature.inputs)
    assert signature.main_output.label
    assert len({field.order for field in signature.inputs}) == len(signature.inputs)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_site_answers_as_the_estimator_does(
    slug: str, built: dict[str, tuple[Signature, Any]], trained: dict[str, TrainedDemo]
) -> None:
    signature, runtime = built[slug]
    demo = trained[slug]
    rows = demo.sample.head(200)
    given = runtime.predict(rows.to_numpy(dtype=object).tolist())
    if signature.task == "regression":
        np.testing.assert_allclose(
            [answer.value for answer in given], demo.estimator.predict(rows), rtol=1e-5, atol=1e-5
        )
        return
    assert [name.value for name in signature.main_output.classes] == demo.estimator.classes_.tolist()
    shares = demo.estimator.predict_proba(rows)
    np.testing.assert_allclose([answer.probabilities for answer in given], shares, atol=1e-5)
    assert [answer.class_index for answer in given] == shares.argmax(axis=1).tolist()


@pytest.mark.parametrize("slug", SLUGS)
def test_the_example_is_accepted_and_answered(slug: str, built: dict[str, tuple[Signature, Any]]) -> None:
    signature, runtime = built[slug]
    row = Validator(signature).check_row({field.name: field.example for field in signature.inputs})
    assert len(runtime.predict([row.values])) == 1


def test_the_sequence_goes_on(built: dict[str, tuple[Signature, Any]]) -> None:
    _, runtime = built["sequence"]
    given = runtime.predict([(1, 2, 3), (5, 10, 15), (0.5, 1.0, 1.5), (9, 9, 9)])
    assert [answer.value for answer in given] == pytest.approx([4, 20, 2, 9], abs=1e-6)


def test_the_line_is_found_exactly(
    built: dict[str, tuple[Signature, Any]], trained: dict[str, TrainedDemo]
) -> None:
    assert trained["line"].equation == "y = 2x + 0"
    assert BY_SLUG["line"].card_with(trained["line"])["equation"] == "y = 2x + 0"
    assert built["line"][1].predict([(5,)])[0].value == pytest.approx(10, abs=1e-6)


def test_an_equation_is_written_as_people_write_it() -> None:
    class Fitted:
        coef_, intercept_ = np.array([-0.3333333333]), -1e-15

    assert equation_of(Fitted()) == "y = -0.333333x + 0"
    Fitted.intercept_ = -2.5
    assert equation_of(Fitted()) == "y = -0.333333x - 2.5"


def test_five_lies_outside_the_line_s_points(built: dict[str, tuple[Signature, Any]]) -> None:
    row = Validator(built["line"][0]).check_row({"x": 5})
    assert [warning.field for warning in row.warnings] == ["x"]


def test_digits_are_drawn(built: dict[str, tuple[Signature, Any]]) -> None:
    signature, _ = built["digits"]
    assert signature.drawing is not None
    assert (signature.drawing.rows, signature.drawing.columns, signature.drawing.maximum) == (8, 8, 16)
    dark = Validator(signature).check_row(dict.fromkeys(signature.names, 16))
    assert dark.warnings == ()


def test_breast_cancer_is_in_three_groups_of_ten(built: dict[str, tuple[Signature, Any]]) -> None:
    groups = Counter(field.group for field in built["breast-cancer"][0].inputs)
    assert groups == {"Mean": 10, "Standard error": 10, "Worst": 10}


def test_diabetes_has_units_and_coded_sex(built: dict[str, tuple[Signature, Any]]) -> None:
    signature, _ = built["diabetes-progression"]
    assert [(name, signature.input(name).unit) for name in ("age", "bmi", "blood_pressure", "ldl")] == [
        ("age", "years"),
        ("bmi", "kg/m²"),
        ("blood_pressure", "mmHg"),
        ("ldl", "mg/dl"),
    ]
    assert [choice.value for choice in signature.input("sex").choices] == [1, 2]


def test_german_credit_asks_for_every_fact_and_never_for_sex_or_origin(
    built: dict[str, tuple[Signature, Any]],
) -> None:
    signature, _ = built["german-credit"]
    assert all(field.required and not field.nullable for field in signature.inputs)
    assert not {"sex", "personal_status_and_sex", "foreign_worker"} & set(signature.names)
    assert signature.input("credit_amount").unit == "DM"


def test_the_german_credit_table_is_whole() -> None:
    cases = read_cases()
    assert cases.shape == (1000, 19)
    assert Counter(cases[TARGET]) == {"good": 700, "bad": 300}
    assert not cases.isna().any().any()
    assert not (cases == "").any().any()
    numbers = cases.select_dtypes("number")
    limits = {name: (int(numbers[name].min()), int(numbers[name].max())) for name in numbers}
    assert limits == {
        "duration": (4, 72),
        "credit_amount": (250, 18424),
        "installment_rate": (1, 4),
        "residence_since": (1, 4),
        "age": (19, 75),
        "existing_credits": (1, 4),
        "dependents": (1, 2),
    }


def test_the_german_credit_texts_are_readable_and_few() -> None:
    text = CSV.read_text(encoding="utf-8")
    assert "..." not in text
    assert "\r" not in text
    words = read_cases().select_dtypes(exclude="number")
    assert all(2 <= words[name].nunique() <= 10 for name in words)
    assert not {value.lower() for name in words for value in words[name]} & {"none", "na", "null", "nan"}


def test_no_german_credit_column_is_sorted() -> None:
    """A copy of this table has a sorted column, whose values do not belong to their rows."""
    cases = read_cases()
    changes = {name: int((cases[name] != cases[name].shift()).sum()) for name in cases}
    assert min(changes.values()) > 100


def test_the_german_credit_table_is_attributed() -> None:
    text = (Path(CSV).parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert all(word in text for word in ("Hans Hofmann", "10.24432/C5NC77", "Attribution 4.0", "Changes"))
