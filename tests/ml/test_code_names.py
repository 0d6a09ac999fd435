"""Which own classes a package lifts the refusal for, told without running any of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from predictions.errors import BadModelFile
from predictions.ml.code_names import admitted
from predictions.ml.scan import ScanReport, scan_file
from tests.ml.uploads import raw, written
from tests.support.own_code import TWICE, WHEEL, file_of, package_of

NEEDS = file_of("features.steps")[0]
SCRIPTED = file_of("__main__")[0]


def tried(
    tmp_path: Path, data: bytes, files: dict[str, str], main_module: str = ""
) -> tuple[ScanReport, dict[str, Any] | None, str]:
    report = scan_file(written(tmp_path, data, "source"))
    package = written(tmp_path, package_of(files), "code.zip")
    return admitted(report, package, tmp_path / "code", main_module)


def missing(tmp_path: Path, *arguments: Any) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        tried(tmp_path, *arguments)
    return caught.value


@pytest.mark.parametrize(
    ("files", "root"),
    [
        (WHEEL, ""),
        ({"features/steps/__init__.py": TWICE}, ""),
        ({"features/steps.py": TWICE}, ""),
        ({"repo-main/src/features/steps.py": TWICE, "repo-main/tests/steps.py": ""}, "repo-main/src"),
    ],
)
def test_a_package_with_the_module_lifts_the_refusal(
    files: dict[str, str], root: str, tmp_path: Path
) -> None:
    report, document, said = tried(tmp_path, NEEDS, files)
    assert (report.verdict, report.code, report.message) == ("accept", "", "")
    assert document == {
        "root": root,
        "tops": ["features"],
        "main_module": "",
        "main_names": [],
        "classes": ["features.steps.Twice"],
    }
    assert said == "The code package brings what the file needs: features.steps.Twice."


def test_nothing_of_the_package_is_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    files = {"features/__init__.py": f"open({str(made)!r}, 'w')", "features/steps.py": TWICE}
    assert tried(tmp_path, NEEDS, files)[0].verdict == "accept"
    assert not made.exists()


def test_a_package_without_the_module_is_told_which(tmp_path: Path) -> None:
    error = missing(tmp_path, NEEDS, {"other/steps.py": TWICE})
    assert (error.code, error.field) == ("own_code_missing", "code")
    assert "features.steps.Twice" in error.message


def test_classes_of_a_script_are_found_in_the_only_module_that_defines_them(tmp_path: Path) -> None:
    report, document, _ = tried(tmp_path, SCRIPTED, {"app.py": TWICE, "other.py": "x = 1"})
    assert report.verdict == "accept"
    assert document is not None
    assert (document["main_module"], document["main_names"], document["tops"]) == ("app", ["Twice"], ["app"])


def test_of_two_modules_the_owner_names_one(tmp_path: Path) -> None:
    files = {"app.py": TWICE, "copy.py": TWICE}
    error = missing(tmp_path, SCRIPTED, files)
    assert "--main-module" in error.message
    again = tmp_path / "again"
    again.mkdir()
    document = tried(again, SCRIPTED, files, "app")[1]
    assert document is not None
    assert document["main_module"] == "app"


def test_the_named_module_has_to_hold_the_class(tmp_path: Path) -> None:
    assert "app" in missing(tmp_path, SCRIPTED, {"app.py": "x = 1"}, "app").message
    again = tmp_path / "again"
    again.mkdir()
    assert tried(again, SCRIPTED, {"app.py": "from steps import Twice", "steps.py": TWICE}, "app")[1]


@pytest.mark.parametrize(
    "data",
    [
        raw("os", "system", b"(X\x04\0\0\0truetR."),
        raw("cloudpickle.cloudpickle", "_make_function", b"."),
        raw("builtins", "eval", b"(X\x01\0\0\x001tR."),
    ],
)
def test_what_is_dangerous_or_carried_stays_refused(data: bytes, tmp_path: Path) -> None:
    before = scan_file(written(tmp_path, data, "before"))
    report, document, _ = tried(tmp_path, data, WHEEL)
    assert report == before
    assert (report.verdict, document) == ("refuse", None)


def test_a_name_off_the_list_is_not_lifted_with_the_own_classes(tmp_path: Path) -> None:
    both = raw("features.steps", "Twice", b"0cnumpy\nfromregex\n.")
    report, _, _ = tried(tmp_path, both, WHEEL)
    assert (report.verdict, report.code) in (("refuse", "unknown_code"), ("refuse", "dangerous_code"))


def test_a_file_without_own_code_does_not_use_the_package(tmp_path: Path) -> None:
    from tests.ml.test_archives import LINE  # noqa: PLC0415
    from tests.ml.uploads import joblib_bytes  # noqa: PLC0415

    report, document, said = tried(tmp_path, joblib_bytes(LINE), WHEEL)
    assert (report.verdict, document, report.own_code) == ("accept", None, ())
    assert "not used" in said


@pytest.mark.parametrize(
    ("package", "code"),
    [(b"no archive", "bad_code_package"), (package_of({"data.csv": "x"}), "bad_code_package"), (package_of({"../x.py": ""}), "bad_archive")],
)  # fmt: skip
def test_a_package_that_is_none_is_refused(package: bytes, code: str, tmp_path: Path) -> None:
    report = scan_file(written(tmp_path, NEEDS, "source"))
    with pytest.raises(BadModelFile) as caught:
        admitted(report, written(tmp_path, package, "code.zip"), tmp_path / "code", "")
    assert caught.value.code == code
