"""What scan reports ask an environment for, and what in them is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from predictions.environments import Needs, minor_of, needs_of
from predictions.environments.needs import LIBRARIES, distribution_of, is_final, numbers_of
from predictions.ml import scan_lists


def report(**columns: Any) -> dict[str, Any]:
    return {"format": "joblib", "sklearn_versions": ["1.3.2"], "libraries": [], "numpy": "1", **columns}


def test_one_file_needs_what_it_was_made_with() -> None:
    found = needs_of(
        [report(libraries=["joblib", "numpy", "pandas", "xgboost"], library_versions={"xgboost": "2.0.3"})]
    )
    assert found == Needs(sklearn="1.3.2", numpy="1", libraries={"xgboost": "2.0.3"})
    assert found.in_words() == "scikit-learn 1.3.2 with xgboost 2.0.3"


def test_files_of_one_unit_get_the_newest_that_one_of_them_names() -> None:
    scaler, estimator = (
        report(sklearn_versions=["1.2.2"], numpy=""),
        report(sklearn_versions=["1.10.0", "1.9.1"]),
    )
    found = needs_of([scaler, estimator])
    assert (found.sklearn, found.older, found.numpy) == ("1.10.0", ("1.9.1", "1.2.2"), "1")
    assert "1.2.2" in found.in_words()


def test_a_file_that_names_no_version_says_so() -> None:
    found = needs_of([report(sklearn_versions=[], libraries=["catboost"])])
    assert (found.sklearn, found.libraries) == ("", {"catboost": ""})
    assert "does not name" in found.in_words()


@pytest.mark.parametrize(
    "text",
    [
        *[
            "1.3.2\n--index-url http://evil.example/",
            "1.3.2 @ http://evil.example/x.whl",
            "1.3.*",
            "1.3.2;",
            " 1.3.2",
        ],
        *["1.3.2\n", "--pre", "", "1", "1.3.2+local", "\uff11.\uff13.\uff12", "1.3.2\x00", "9" * 40],
    ],
)
def test_what_is_no_release_never_becomes_something_to_install(text: str) -> None:
    found = needs_of(
        [report(sklearn_versions=[text], libraries=["xgboost"], library_versions={"xgboost": text})]
    )
    assert (found.sklearn, found.libraries) == ("", {"xgboost": ""})


@pytest.mark.parametrize("versions", [None, 7, {}, ["2.0"]])
def test_library_versions_of_another_shape_are_none(versions: Any) -> None:
    found = needs_of([report(libraries=["xgboost"], library_versions={"xgboost": versions})])
    assert found.libraries == {"xgboost": ""}


def test_a_developers_library_is_left_to_its_time() -> None:
    found = needs_of([report(libraries=["xgboost"], library_versions={"xgboost": "2.1.0.dev0"})])
    assert found.libraries == {"xgboost": ""}


def test_the_libraries_are_those_that_the_scan_lets_pass() -> None:
    always_there = {"sklearn", "numpy", "scipy", "pandas", "joblib"}
    assert set(LIBRARIES) == set(scan_lists.LIBRARIES) - always_there
    assert [distribution_of(name) for name in ("imblearn", "xgboost")] == ["imbalanced-learn", "xgboost"]


def test_releases_as_numbers() -> None:
    assert minor_of("1.3.2") == (1, 3)
    assert minor_of("later") is None
    assert numbers_of("0.22.2.post1") == (0, 22, 2)
    assert numbers_of("1.10.0") > numbers_of("1.9.1")
    assert is_final("0.22.2.post1")
    assert not is_final("1.4.dev0")
