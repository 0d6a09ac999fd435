"""A small ml_model of the kind that needs what only its author's app did: codes, dummies, a product, bins, a logarithm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression

from predictions.ml.plan import Feed, Plan
from predictions.signature.fields import Choice, Field, Output, Signature
from predictions.signature.layer import Bins, Expression, Layer, Made, OneHot, Standardise, Take, ValueMap
from predictions.values import Value

SMOKES = {"yes": 1, "no": 0}
REGIONS = ("north", "south", "west")
COLUMNS = ("age", "smoker", "age_smoker", "bmi", "bmi_class", "region_south", "region_west", "weekend")
CASES: list[dict[str, Value]] = [
    {"age": 19, "smoker": "yes", "height": 1.7, "weight": 60.5, "region": "north", "since": "2024-05-04"},
    {"age": 64, "smoker": "no", "height": 1.62, "weight": 98.0, "region": "west", "since": "2024-05-06"},
    {"age": 40, "smoker": "no", "height": 1.9, "weight": 90.25, "region": "south", "since": "2024-05-05"},
    {"age": 33, "smoker": "yes", "height": 1.55, "weight": 44.0, "region": "west", "since": "2023-12-31"},
]


def authors_columns(case: dict[str, Any]) -> list[float]:
    """What the author's app does before it asks the estimator."""
    bmi = case["weight"] / case["height"] ** 2
    smoker = SMOKES[case["smoker"]]
    bmi_class = 0 if bmi < 18.5 else 1 if bmi < 25 else 2
    day = np.datetime64(case["since"]).astype("datetime64[D]").view("int64")
    return [
        case["age"],
        smoker,
        case["age"] * smoker,
        (bmi - 26.0) / 5.5,
        bmi_class,
        int(case["region"] == "south"),
        int(case["region"] == "west"),
        int((day + 3) % 7 >= 5),
    ]


def estimator() -> LinearRegression:
    """Fitted on the logarithm of a charge."""
    draw = np.random.default_rng(4)
    table = draw.normal(size=(300, len(COLUMNS)))
    return LinearRegression().fit(table, table @ np.arange(1, 9) / 40 + 0.3)


def authors_answer(case: dict[str, Any]) -> float:
    """What the author's app shows."""
    return math.expm1(float(estimator().predict([authors_columns(case)])[0])) * 0.8


def signature() -> Signature:
    """The same said in a layer."""
    return Signature(
        task="regression",
        inputs=(
            Field(name="age", kind="integer", label="Age", minimum=0, maximum=120, example=30),
            Field(
                name="smoker",
                kind="choice",
                label="Smoker",
                choices=(Choice("yes", "Smokes"), Choice("no", "Does not smoke")),
            ),
            Field(name="height", kind="number", label="Height", unit="m", example=1.7),
            Field(name="weight", kind="number", label="Weight", unit="kg", example=70.0),
            Field(name="region", kind="choice", choices=tuple(Choice(name) for name in REGIONS)),
            Field(name="since", kind="text", label="Insured since", example="2024-05-04"),
        ),
        outputs=(Output(name="charge", kind="number", unit="$", transform="expm1", factor=0.8),),
        layer=Layer(
            model_inputs=tuple(Field(name=name, kind="number") for name in COLUMNS),
            columns=(
                Made("age", Take("age")),
                Made("smoker", ValueMap("smoker", tuple(SMOKES.items()))),
                Made("age_smoker", Expression("age if smoker == 'yes' else 0")),
                Made("bmi", Standardise("raw_bmi", 26.0, 5.5)),
                Made("bmi_class", Bins("raw_bmi", (None, 18.5, 25.0, None), (0, 1, 2), right_closed=False)),
                Made("region_south", OneHot("region", ("south",))),
                Made("region_west", OneHot("region", ("west",))),
                Made("weekend", Expression("weekday(since) >= 5")),
            ),
            derived=(Made("raw_bmi", Expression("weight / height ** 2")),),
        ),
    )


def onnx() -> bytes:
    """The estimator as a graph in float64."""
    return to_onnx(estimator(), np.zeros((1, len(COLUMNS)))).SerializeToString()


def plan() -> Plan:
    """Feeds ``onnx``."""
    columns = tuple(range(len(COLUMNS)))
    return Plan(
        feeds=(Feed("X", "float64", "matrix", columns),), value_output="variable", outputs=("variable",)
    )
