"""Which Python and which releases a file gets: the table, without any machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from predictions.environments import Interpreter, Needs, recipe_for, recipes_for
from predictions.environments.eras import ERAS, FIRST_PATCH, NEWEST_PATCH
from predictions.environments.recipes import Recipe, pythons_for
from predictions.errors import BadModelFile


def pythons(*minors: int) -> tuple[Interpreter, ...]:
    """Installed ones, the site's own first."""
    return tuple(Interpreter((3, minor, 1), Path(f"/opt/python3.{minor}")) for minor in minors)


ALL = pythons(11, 7, 8, 9, 10, 12, 13)


def chosen(release: str, installed: tuple[Interpreter, ...] = ALL, **needs: object) -> Recipe:
    return recipe_for(Needs(sklearn=release, **needs), installed, default="1.9.1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("release", "python"),
    [
        *[("1.9.0", "3.11"), ("1.8.0", "3.11"), ("1.5.1", "3.11"), ("1.2.0", "3.11"), ("1.1.3", "3.11")],
        *[("1.1.2", "3.10"), ("1.1.0", "3.10"), ("1.0.2", "3.10"), ("1.0.1", "3.9"), ("0.24.2", "3.9")],
        *[("0.23.1", "3.8"), ("0.22.2.post1", "3.8"), ("0.21.3", "3.7"), ("0.20.4", "3.7")],
    ],
)
def test_the_sites_own_python_where_wheels_exist_else_the_newest_that_has_some(
    release: str, python: str
) -> None:
    found = chosen(release)
    assert (found.python, found.sklearn) == (python, release)
    assert f"scikit-learn=={release}" in found.requirements


@pytest.mark.parametrize(
    ("own", "release", "python"),
    [(12, "1.3.2", "3.12"), (12, "1.3.0", "3.11"), (13, "1.5.2", "3.13"), (13, "1.5.1", "3.12")],
)
def test_newer_pythons_begin_with_a_patch(own: int, release: str, python: str) -> None:
    assert chosen(release, pythons(own, 11, 12)).python == python


def test_where_no_python_has_the_exact_patch_the_next_one_stands_in() -> None:
    assert [one.sklearn for one in recipes_for(Needs(sklearn="1.5.1"), pythons(13), default="")] == [
        "1.5.2"
    ] * 2
    # What 1.1.2 saved, 1.1.3 does not open.
    with pytest.raises(BadModelFile) as caught:
        chosen("1.1.2", pythons(11))
    assert caught.value.code == "no_interpreter"
    assert "Python 3.10 or 3.9 or 3.8" in caught.value.message


@pytest.mark.parametrize(("release", "named"), [("0.24.1", "3.9"), ("0.21.3", "3.7")])
def test_a_python_that_lacks_is_named_with_what_to_do(release: str, named: str) -> None:
    with pytest.raises(BadModelFile) as caught:
        chosen(release, pythons(11, 12))
    assert caught.value.code == "no_interpreter"
    for words in (release, f"Python {named}", "Ask the operator to install", "ONNX"):
        assert words in caught.value.message


def test_older_than_any_is_refused_and_newer_than_any_is_tried() -> None:
    with pytest.raises(BadModelFile) as caught:
        chosen("0.18.1")
    assert caught.value.code == "unknown_version"
    assert "scikit-learn==1.10.0" in chosen("1.10.0").requirements


def test_a_candidate_is_opened_by_the_release_that_came_of_it() -> None:
    assert chosen("1.6.0rc1").sklearn == "1.6.1"
    assert chosen("1.4.dev0").sklearn == "1.4.2"


@pytest.mark.parametrize(
    ("release", "generation", "bound"),
    [
        *[("1.6.1", "1", "numpy<2"), ("1.6.1", "2", "numpy<2.3"), ("1.6.1", "", "numpy<2.3")],
        *[("1.4.2", "2", "numpy>=2,<2.2"), ("1.4.0", "2", "numpy<2"), ("1.4.2", "", "numpy<2")],
        *[("1.3.2", "1", "numpy<2"), ("1.2.2", "1", "numpy<1.25"), ("0.24.2", "1", "numpy<1.20")],
        *[("1.9.0", "2", "numpy"), ("1.9.0", "1", "numpy<2")],
    ],
)
def test_numpy_is_of_the_generation_that_the_file_names(release: str, generation: str, bound: str) -> None:
    asked = [item for item in chosen(release, numpy=generation).requirements if item.startswith("numpy")]
    assert asked == [bound]


def test_libraries_come_as_the_file_says_then_as_of_its_time() -> None:
    exact = Needs(sklearn="1.2.2", libraries={"xgboost": "1.6.2", "imblearn": ""})
    found = recipes_for(exact, pythons(11), default="")
    assert [one for one in found[0].requirements if one[:3] in ("xgb", "imb")] == [
        "imbalanced-learn<0.11",
        "xgboost==1.6.2",
    ]
    assert "xgboost<1.8" in found[-1].requirements
    assert "setuptools<81" in found[0].requirements
    # What makes ONNX of boosters, where it can be made at all.
    assert "onnxmltools" in found[0].requirements
    assert "onnxmltools" not in found[1].requirements


def test_a_file_without_a_version_gets_the_sites_own_release() -> None:
    assert "scikit-learn==1.9.1" in chosen("", libraries={"catboost": ""}).requirements


def test_everything_an_answer_needs_is_in_every_recipe() -> None:
    for release in NEWEST_PATCH.values():
        found = chosen(release)
        names = {item.split("<")[0].split("=")[0].split(">")[0] for item in found.requirements}
        assert {"scikit-learn", "numpy", "scipy", "pandas", "joblib", "threadpoolctl", "msgpack"} <= names
        converts = found.interpreter.minor >= (3, 10) and release >= "1.1"
        assert ("skl2onnx" in names) == converts, release


def test_the_key_is_of_what_is_installed_on_which_python() -> None:
    assert chosen("1.6.1").key == chosen("1.6.1", numpy="2").key
    keys = {chosen("1.6.1").key, chosen("1.6.0").key, chosen("1.6.1", pythons(12)).key}
    assert len(keys) == 3


def test_every_release_of_the_table_has_a_python() -> None:
    assert [era.since for era in ERAS] == sorted((era.since for era in ERAS), reverse=True)
    for minor, release in NEWEST_PATCH.items():
        assert set(FIRST_PATCH.get(minor, {})) <= set(pythons_for(release))
        assert pythons_for(release)
