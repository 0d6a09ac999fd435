"""``manage deploy``, with the worker's part played by the test; the real one is in tests/api/test_end_to_end.py."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import pandas as pd
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from predictions import gateway
from predictions.errors import TryLater
from predictions.management.commands import deploy
from predictions.management.following import NOBODY
from predictions.models import Job, MLModel, Source
from predictions.services import jobs
from tests.support.ml_models import SUM, add_version, failed_proof

pytestmark = pytest.mark.django_db

Worker = Callable[[Job], None]


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.joblib"
    path.write_bytes(b"some bytes")
    return path


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No worker runs here: the example that the command has answered at the end counts as answered."""
    slugs: list[str] = []
    monkeypatch.setattr(gateway, "probe", lambda target, seconds: slugs.append(target.slug))
    return slugs


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give what the worker does while the command waits, one function per look."""

    def given(*steps: Worker) -> None:
        left = list(steps)
        clock = {"now": 0.0}

        def sleep(seconds: float) -> None:
            clock["now"] += seconds
            left.pop(0)(Job.objects.get())

        monkeypatch.setattr(deploy, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: clock["now"]))

    return given


def _run(*arguments: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command("deploy", *map(str, arguments), stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def _claim(job: Job) -> None:
    assert jobs.claim(job.pk) is not None
    job.refresh_from_db()
    jobs.start_step(job, "scan")
    jobs.add_log(job, "Looking at the file.")


def _finish(*, live: bool, report: dict[str, Any] | None = None) -> Worker:
    def finish(job: Job) -> None:
        jobs.finish_step(job, "nothing dangerous")
        ml_model = MLModel.objects.create(slug="sum", name="Sum", owner=job.created_by, visibility="private")
        jobs.succeed(job, ml_model=ml_model, version=add_version(ml_model, SUM, live=live, report=report))

    return finish


def _fail(job: Job) -> None:
    jobs.fail(job, "not_a_model", "This is a picture; bring a model file.")


def test_steps_and_log_are_shown_as_they_happen_and_the_way_to_use_it(
    root: User, file: Path, work: Callable[..., None], asked: list[str]
) -> None:
    work(_claim, _finish(live=True))
    out = _run(file, "--name", "Sum", "--live", "--base-url", "https://desk.example.org/")
    lines = out.splitlines()
    assert lines.index("    Looking at the file.") < lines.index("  scan done: nothing dangerous")
    assert lines.index("  scan …") < lines.index("  scan done: nothing dangerous")
    assert "Sum, version 1, answers now." in lines
    assert asked == ["sum"]
    assert "https://desk.example.org/m/sum/" in out
    assert "curl https://desk.example.org/api/v1/models/sum/predict" in out
    assert '"x1"' in out


def test_open_questions_are_told(root: User, file: Path, work: Callable[..., None]) -> None:
    question = {"field": "sex", "code": "codes_unknown", "message": "Say which number stands for which word."}
    work(_claim, _finish(live=True, report={"questions": [question]}))
    assert "  ? Say which number stands for which word." in _run(file, "--name", "Sum", "--live")


def test_a_version_that_does_not_answer_yet_is_told(
    root: User, file: Path, work: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(target: Any, seconds: float) -> None:
        raise TryLater("No worker answered in time.")

    monkeypatch.setattr(gateway, "probe", late)
    work(_claim, _finish(live=True))
    out = _run(file, "--name", "Sum", "--live")
    assert "gave no answer to its example yet: No worker answered in time." in out
    assert "answers now" not in out


def test_what_is_asked_for_reaches_the_job(
    root: User, file: Path, work: Callable[..., None], tmp_path: Path
) -> None:
    sample = tmp_path / "rows.csv"
    sample.write_text("a,b\n1,2\n")
    work(_claim, _finish(live=False))
    options = ["--sample", sample, "--description", "Adds.", "--visibility", "members"]
    out = _run(file, "--name", "Sum", *options)
    job = Job.objects.get()
    assert job.created_by == root
    assert (job.request["description"], job.request["visibility"], job.request["go_live"]) == (
        "Adds.",
        "members",
        False,
    )
    assert Source.objects.values_list("filename", "sample_filename").filter(jobs=job).get() == (
        "a.joblib",
        "rows.csv",
    )
    assert "is built and waits" in out
    assert "/versions" in out


def test_what_failed_its_proof_is_built_but_not_live_and_says_how_to_go_on(
    root: User, file: Path, work: Callable[..., None]
) -> None:
    work(_claim, _finish(live=False, report={"proof": failed_proof("finite")}))
    with pytest.raises(CommandError) as refused:
        _run(file, "--name", "Sum", "--live")
    assert refused.value.returncode == 3
    assert str(refused.value).splitlines() == [
        "Sum, version 1, is built but not live: it failed its proof.",
        "  Finite numbers: What was found by finite.",
        "Bring a corrected file, or let it answer all the same and say why:",
        '  script/manage go_live sum 1 --reason "…"',
    ]


def test_what_failed_its_proof_and_was_not_asked_to_be_live_is_told_of(
    root: User, file: Path, work: Callable[..., None]
) -> None:
    work(_claim, _finish(live=False, report={"proof": failed_proof("finite")}))
    out = _run(file, "--name", "Sum")
    assert "is built: it failed its proof" in out
    assert "is built and waits" in out


def test_own_code_goes_along_and_its_lack_shows_a_way(
    root: User, file: Path, work: Callable[..., None], tmp_path: Path
) -> None:
    package = tmp_path / "own.whl"
    package.write_bytes(b"a package")
    work(_claim, lambda job: jobs.fail(job, "own_code", "It needs `Twice`, which is not here."))
    with pytest.raises(CommandError, match=r"(?s)^It needs `Twice`.*joblib\.dump\(inner"):
        _run(file, "--name", "Sum", "--code", package, "--main-module", "app")
    source = Source.objects.get()
    assert (source.code_filename, source.code_main_module, source.code_allowed_by) == ("own.whl", "app", root)


def test_an_owner_who_may_not_bring_code_is_told_so(root: User, file: Path) -> None:
    User.objects.create_user("ann", is_staff=True)
    with pytest.raises(CommandError, match="Only an administrator"):
        _run(file, "--name", "Sum", "--owner", "ann", "--code", file)


def test_a_failed_build_ends_with_its_reason(root: User, file: Path, work: Callable[..., None]) -> None:
    work(_claim, _fail)
    with pytest.raises(CommandError, match=r"^This is a picture; bring a model file\.$"):
        _run(file, "--name", "Sum")


def test_a_cancelled_build_says_so(root: User, file: Path, work: Callable[..., None]) -> None:
    work(lambda job: jobs.cancelled(jobs.claim(job.pk) or job))
    with pytest.raises(CommandError, match="cancelled"):
        _run(file, "--name", "Sum")


def test_ctrl_c_leaves_the_job_running_and_says_where(
    root: User, file: Path, work: Callable[..., None]
) -> None:
    def interrupt(_job: Job) -> None:
        raise KeyboardInterrupt

    work(_claim, interrupt)
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("deploy", str(file), name="Sum", stdout=out)
    assert ended.value.code == 130
    job = Job.objects.get()
    assert job.status == Job.Status.RUNNING
    assert str(job.pk) in out.getvalue()


def test_without_a_worker_it_says_what_is_missing(root: User, file: Path, work: Callable[..., None]) -> None:
    def nothing(_job: Job) -> None:
        return

    work(*[nothing] * 30, _claim, _fail)
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("deploy", str(file), name="Sum", stdout=out)
    assert out.getvalue().count(NOBODY) == 1


def test_several_files_are_stored_as_one_unit(
    root: User, file: Path, tmp_path: Path, work: Callable[..., None]
) -> None:
    scaler = tmp_path / "scaler.pkl"
    scaler.write_bytes(b"other bytes")

    work(_claim, _fail)
    with pytest.raises(CommandError, match="picture"):
        _run(file, scaler, "--name", "Sum", "--chain", "scaler.pkl, a.joblib")
    job = Job.objects.get()
    assert job.request["chain"] == ["scaler.pkl", "a.joblib"]
    assert job.source is not None
    assert (job.source.filename, [one.filename for one in job.source.files.all()]) == (
        "a.joblib",
        ["scaler.pkl"],
    )


@pytest.mark.parametrize(("name", "words"), [("none.joblib", "There is no file"), (".", "is a folder")])
def test_a_file_that_cannot_be_read_is_named(root: User, tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        _run(tmp_path / name, "--name", "Sum")


def test_an_unusable_name_is_refused(root: User, file: Path) -> None:
    with pytest.raises(CommandError, match="name"):
        _run(file, "--name", "   ")
    assert not Source.objects.exists()


def test_without_an_admin_it_says_how_to_make_one(file: Path) -> None:
    with pytest.raises(CommandError, match="createsuperuser"):
        _run(file, "--name", "Sum")


def test_with_several_admins_it_asks_whose(root: User, file: Path) -> None:
    User.objects.create_superuser("second")
    with pytest.raises(CommandError, match="--owner"):
        _run(file, "--name", "Sum")


def test_an_owner_is_a_staff_account(root: User, file: Path, work: Callable[..., None]) -> None:
    User.objects.create_user("ada")
    with pytest.raises(CommandError, match="staff"):
        _run(file, "--name", "Sum", "--owner", "ada")
    with pytest.raises(CommandError, match="no open account"):
        _run(file, "--name", "Sum", "--owner", "nobody")
    User.objects.create_user("staff", is_staff=True)
    work(_claim, _finish(live=True))
    _run(file, "--name", "Sum", "--owner", "staff")
    assert Job.objects.get().created_by == User.objects.get(username="staff")


def test_explaining_tells_what_the_files_hold_and_stores_nothing(tmp_path: Path) -> None:
    rows = pd.DataFrame({"age": [1.0, 2, 3, 4], "dose": [2.0, 1, 4, 3]})
    joblib.dump(StandardScaler().fit(rows), tmp_path / "scaler.pkl")
    joblib.dump(LogisticRegression().fit(rows.to_numpy(), [0, 1, 0, 1]), tmp_path / "model.pkl")
    told = _run(tmp_path / "model.pkl", tmp_path / "scaler.pkl", "--explain")
    assert "model.pkl: LogisticRegression (joblib" in told
    assert f"Made with scikit-learn {version('scikit-learn')}, numpy." in told
    assert "Together: StandardScaler (2 columns in) → LogisticRegression (2 columns in)" in told
    assert "Asks for 2 values: age, dose." in told
    assert "Question: What do the classes 0, 1 stand for?" in told
    assert f"Opened with this site's own scikit-learn {version('scikit-learn')}." in told
    assert not Source.objects.exists()
    assert not Job.objects.exists()


def test_explaining_tells_which_environment_would_be_made(tmp_path: Path) -> None:
    estimator = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    old = pickle.dumps(estimator).replace(f"\x05{version('scikit-learn')}".encode(), b"\x051.4.2")
    (tmp_path / "old.pkl").write_bytes(old)
    told = _run(tmp_path / "old.pkl", "--explain")
    assert "Opened in an environment for scikit-learn 1.4.2" in told
    assert "which is made at the first deploy." in told


def test_explaining_a_bad_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x02cos\nsystem\n(S'true'\ntR.")
    assert "`os.system`" in _run(tmp_path / "model.pkl", "--explain")
    (tmp_path / "model.pkl").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "Git LFS pointer" in _run(tmp_path / "model.pkl", "--explain")


def test_a_name_is_asked_for_where_something_is_made(file: Path) -> None:
    with pytest.raises(CommandError, match="--name"):
        _run(file)
