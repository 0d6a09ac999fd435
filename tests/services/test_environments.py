"""Which environment a unit gets, how one goes and comes back, and a build in another scikit-learn from end to end."""

from __future__ import annotations

import io
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uv
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings
from sklearn.linear_model import LinearRegression

from predictions.environments import EnvironmentFailed, Interpreter, Maker, Needs, Recipe
from predictions.environments.interpreters import own
from predictions.errors import BadModelFile, ModelFailed, NotFound
from predictions.models import Environment, Job, ModelVersion
from predictions.sandbox import NativeServer, Stopped
from predictions.sandbox.configured import serving_limits
from predictions.sandbox.confine import GUARDS
from predictions.services import builds, environments, inference, jobs, uploads
from predictions.values import Actor, BuildRequest
from tests.support.ml_models import SUM, make_ml_model

pytestmark = pytest.mark.django_db

OTHER = "1.8.0"
"""A release that is not the site's; its environment is made once under var/environments and found by later runs."""

SMALL = Recipe(own(), ("msgpack>=1",), "1.8.0")

TRAIN = """
import sys
import joblib, numpy, sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

assert sklearn.__version__ == sys.argv[2]
rows = numpy.random.default_rng(7).normal(size=(200, 3))
kinds = (rows[:, 0] + rows[:, 1] > 0).astype(int)
final = LogisticRegression() if sys.argv[3] == "onnx" else RadiusNeighborsClassifier(radius=5.0)
fitted = make_pipeline(StandardScaler(), final).fit(rows, kinds)
joblib.dump(fitted, sys.argv[1])
print(fitted.predict_proba(rows[:20])[:, 1].tolist())
"""

Brings = Callable[..., Job]


@pytest.fixture
def owner() -> Actor:
    return Actor(user_id=User.objects.create_user("owner", is_staff=True).pk, is_staff=True)


@pytest.fixture
def built(owner: Actor, artifacts_dir: Path) -> Brings:
    """Uploads a file and builds it."""

    def build(content: bytes, **wish: Any) -> Job:
        source = uploads.receive(
            actor=owner, stream=io.BytesIO(content), filename="old.joblib", sample_stream=None
        )
        request = BuildRequest(name="Old", **wish)
        job = jobs.create(kind=Job.Kind.BUILD, name="Old", request=request, source=source, actor=owner)
        builds.run(job.pk)
        job.refresh_from_db()
        return job

    return build


@pytest.fixture
def own_folder(settings: Settings, tmp_path: Path) -> Path:
    """A folder of environments of the test's own."""
    settings.ENVIRONMENTS_DIR = tmp_path / "environments"
    return tmp_path / "environments"


@pytest.fixture
def small(own_folder: Path) -> Environment:
    """One that is made within a second."""
    return environments._noted(environments.maker().ensure(SMALL), SMALL)


def row_of(release: str, *packages: str, python: str = "3.11", checksum: str = "") -> Environment:
    lock = "\n".join((f"scikit-learn=={release}", *packages))
    return Environment.objects.create(
        checksum=checksum or f"{release} {packages}"[:40], python=python, sklearn=release, lock=lock
    )


@pytest.fixture
def all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Maker, "find", lambda self, checksum: Path("/there"))


def test_the_sites_own_will_do_for_its_release_and_for_files_that_name_none() -> None:
    release = environments.own_release()
    line = release.rpartition(".")[0]
    for needs in (Needs(), Needs(sklearn=release), Needs(sklearn=f"{line}.0"), Needs(sklearn=f"{line}.99")):
        assert environments.suits(needs)
        assert environments.ensure(needs) is None
    assert not environments.suits(Needs(sklearn=OTHER))
    assert not environments.suits(Needs(sklearn=release, libraries={"lightgbm": ""}))


def test_a_file_of_another_release_is_opened_and_served_in_it(built: Brings, tmp_path: Path) -> None:
    row = environments.ensure(Needs(sklearn=OTHER))
    assert row is not None
    python = environments.python_of(row)
    path = tmp_path / "old.joblib"
    for runtime in ("onnx", "native"):
        done = subprocess.run(
            [python, "-c", TRAIN, path, OTHER, runtime], check=True, capture_output=True, text=True
        )
        job = built(path.read_bytes(), go_live=True)
        assert job.status == "succeeded", job.error_message
        assert [step["name"] for step in job.steps][:4] == ["store", "scan", "environment", "open"]
        version = job.version
        assert version is not None
        assert version.environment == row
        assert version.runtime == runtime
        assert version.libraries["scikit-learn"] == OTHER
        assert set(version.report["guards"]) == set(GUARDS)
        shares = [float(text) for text in done.stdout.strip("[]\n").split(",")]
        answers = _answers(version)
        assert [answer.probabilities[1] for answer in answers] == pytest.approx(shares, abs=1e-4)


def _answers(version: ModelVersion) -> Any:
    rows = np.random.default_rng(7).normal(size=(200, 3))[:20].tolist()
    runtime = inference._load(version.pk)
    try:
        assert isinstance(runtime, NativeServer) == (version.runtime == "native")
        return runtime.predict(rows)
    finally:
        runtime.close()


def test_a_python_that_lacks_fails_the_job_with_what_to_do(
    built: Brings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "interpreters", lambda: (own(),))
    job = built(_saying_it_is_of("0.24.1"))
    assert (job.status, job.error_code) == ("failed", "no_interpreter")
    assert "Python 3.9 or 3.8" in job.error_message
    assert [(step["name"], step["status"]) for step in job.steps][-1] == ("environment", "failed")
    assert not ModelVersion.objects.exists()


def _saying_it_is_of(release: str) -> bytes:
    """A file of the site's own scikit-learn that names another one."""
    content = pickle.dumps(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), protocol=0)
    return content.replace(environments.own_release().encode(), release.encode())


def test_an_index_that_is_away_fails_the_job_and_another_try_may_work(
    built: Brings, own_folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.ENVIRONMENTS_OFFLINE = True
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "no-cache"))
    environments._maker.cache_clear()
    try:
        job = built(_saying_it_is_of("1.3.2"))
    finally:
        environments._maker.cache_clear()
    assert (job.status, job.error_code) == ("failed", "environment_failed")
    assert "prepare_environments" in job.error_message


def test_a_cancelled_job_does_not_wait_for_its_environment(
    monkeypatch: pytest.MonkeyPatch, own_folder: Path, tmp_path: Path
) -> None:
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(program))
    with pytest.raises(Stopped):
        environments.ensure(Needs(sklearn="1.3.2"), should_stop=lambda: True)


def test_where_the_first_recipe_is_impossible_the_next_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Recipe] = []

    def ensure(self: Maker, recipe: Recipe, **more: Any) -> Any:
        asked.append(recipe)
        raise BadModelFile("No.", code="environment_impossible")

    monkeypatch.setattr(Maker, "ensure", ensure)
    with pytest.raises(BadModelFile, match=r"scikit-learn 1\.3\.0\. No\.$"):
        environments.ensure(Needs(sklearn="1.3.0"))
    assert {"1.3.0", "1.3.2"} == {recipe.sklearn for recipe in asked}


@pytest.mark.usefixtures("all_there")
def test_without_the_index_the_next_patch_that_is_there_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    row_of("1.3.1", "numpy==1.26.4")
    best = row_of("1.3.2", "numpy==1.26.4")
    row_of("1.4.2", "numpy==1.26.4")

    def fails(self: Maker, recipe: Recipe, **more: Any) -> Any:
        raise EnvironmentFailed("No.")

    monkeypatch.setattr(Maker, "ensure", fails)
    said: list[str] = []
    assert environments.ensure(Needs(sklearn="1.3.0"), say=said.append) == best
    assert "1.3.0" in said[0]
    assert "1.3.2" in said[0]
    with pytest.raises(EnvironmentFailed):
        environments.ensure(Needs(sklearn="1.5.2"))


@pytest.mark.usefixtures("all_there")
def test_the_nearest_has_every_library_and_a_numpy_that_reads_the_file() -> None:
    plain = row_of("1.6.1", "numpy==1.26.4")
    rich = row_of("1.6.1", "numpy==2.2.0", "xgboost==3.0.1")
    assert environments.nearest(Needs(sklearn="1.6.0")) == plain
    assert environments.nearest(Needs(sklearn="1.6.0", numpy="2")) == rich
    assert environments.nearest(Needs(sklearn="1.6.0", libraries={"xgboost": "2.0.0"})) == rich
    assert environments.nearest(Needs(sklearn="1.6.0", libraries={"catboost": ""})) is None
    assert environments.nearest(Needs(sklearn="1.6.0", skops=True)) is None
    assert environments.nearest(Needs(libraries={"xgboost": ""})) == rich
    row_of("1.1.3")
    assert environments.nearest(Needs(sklearn="1.1.1")) is None


def test_one_that_versions_use_is_removed_and_comes_back(small: Environment) -> None:
    ModelVersion.objects.filter(ml_model=make_ml_model("sums", SUM)).update(environment=small)
    first = environments.python_of(small)
    environments.remove(small)
    small.refresh_from_db()
    assert small.removed_at is not None
    assert not first.exists()
    assert environments.python_of(small) == first
    assert first.exists()
    small.refresh_from_db()
    assert small.removed_at is None
    assert small.size > 0


def test_one_that_nobody_uses_goes_for_good(small: Environment, own_folder: Path) -> None:
    environments.remove(small)
    assert not Environment.objects.exists()
    assert not list((own_folder / "envs").iterdir())


def test_it_comes_back_only_on_its_own_python(small: Environment) -> None:
    environments.maker().remove(small.checksum)
    Environment.objects.update(python="3.6")
    small.refresh_from_db()
    with pytest.raises(EnvironmentFailed, match=r"Python 3\.6"):
        environments.python_of(small)


def test_what_is_in_it(small: Environment) -> None:
    assert [name for name, _release in environments.packages_of(small)] == ["msgpack"]
    row = row_of("1.6.1", "xgboost==3.0.1 ; python_version < '4'", "numpy==2.2.0", "# a remark")
    assert environments.libraries_of(row) == ["xgboost 3.0.1"]


def test_releases_to_prepare() -> None:
    assert environments.full_release("1.3") == "1.3.2"
    assert environments.full_release("1.3.0") == "1.3.0"
    assert environments.usual_releases()[-1] == "1.1"
    for wrong in ("4.2", "later"):
        with pytest.raises(NotFound):
            environments.full_release(wrong)
    with pytest.raises(NotFound, match="choose from"):
        environments.prepare(["1.3"], ["tensorflow"])
    assert environments.prepare([environments.own_release()]) == []


def test_the_settings_may_name_a_python(settings: Settings, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 3 7 99 cpython\n")
    program.chmod(0o755)
    settings.ENVIRONMENT_PYTHONS = [str(program)]
    assert Interpreter((3, 7, 99), program) in environments.interpreters()


def test_a_server_starts_in_the_environment_it_is_told(small: Environment, tmp_path: Path) -> None:
    """One without scikit-learn cannot open anything, so it is really that one."""
    path = tmp_path / "source"
    path.write_bytes(_saying_it_is_of(environments.own_release()))
    server = NativeServer(
        path, "pickle", SUM.to_document(), serving_limits(), python=lambda: environments.python_of(small)
    )
    with pytest.raises(ModelFailed):
        server.start()
    server.close()
