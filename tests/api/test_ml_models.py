"""``/api/v1/models``: finding ml_models and bringing one."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django.fixtures import Settings

from predictions.models import Job, MLModel, Source
from tests.api.conftest import People, Shelf, problem
from tests.support.ml_models import SUM, make_ml_model

NAMES_BY_CALLER = {
    "anonymous": ["sum"],
    "visitor": ["sum"],
    "user": ["loan", "sum"],
    "other_user": ["loan", "sum"],
    "key": ["loan", "sum"],
    "other_key": ["loan", "sum"],
    "user_key": ["loan", "sum"],
    "staff": ["loan", "secret", "sum"],
    "staff_key": ["loan", "secret", "sum"],
    "root": ["loan", "secret", "sum"],
}


@pytest.mark.parametrize(("caller", "slugs"), NAMES_BY_CALLER.items())
def test_each_caller_lists_what_they_may_use(
    people: People, shelf: Shelf, caller: str, slugs: list[str]
) -> None:
    response = people.all()[caller].get("models")
    assert [row["slug"] for row in response.json()["results"]] == slugs


def test_an_entry_says_what_it_is_and_where_to_go(people: People, shelf: Shelf) -> None:
    (row,) = people.anonymous.get("models").json()["results"]
    links = row.pop("links")
    assert row == {
        "slug": "sum",
        "name": "Sum",
        "description": "About sum.",
        "visibility": "public",
        "task": "regression",
        "version": 1,
    }
    assert links["self"] == "http://testserver/api/v1/models/sum"
    assert links["predict"] == "http://testserver/api/v1/models/sum/predict"


def test_pages_hang_together(people: People) -> None:
    for number in range(7):
        make_ml_model(f"m{number}", SUM)
    found: list[str] = []
    following: str | None = "models?limit=3"
    pages = 0
    while following:
        body = people.anonymous.get(following).json()
        found += [row["slug"] for row in body["results"]]
        following = body["next"].removeprefix("http://testserver") if body["next"] else None
        pages += 1
    assert found == [f"m{number}" for number in range(7)]
    assert pages == 3


def test_a_list_costs_the_same_queries_however_long(
    people: People, shelf: Shelf, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        make_ml_model(f"m{number}", SUM)
    with django_assert_num_queries(2):
        people.anonymous.get("models")


def test_the_detail_holds_all_that_is_needed_to_call_it(people: People, shelf: Shelf) -> None:
    body = people.key.get("models/loan").json()
    age, income, purpose, owner, note = body["inputs"]
    assert age == {
        "name": "age",
        "type": "integer",
        "label": "Age",
        "unit": "years",
        "help": "",
        "group": "",
        "required": True,
        "nullable": False,
        "default": None,
        "minimum": 18.0,
        "maximum": 120.0,
        "usual_minimum": None,
        "usual_maximum": None,
    }
    assert income["nullable"] is True
    assert income["required"] is False
    assert purpose["choices"] == [{"value": "car", "label": "A car"}, {"value": "tv", "label": "tv"}]
    assert owner["default"] is False
    assert note["max_length"] == 40
    (output,) = body["outputs"]
    assert output["classes"] == [{"value": 0, "label": "good"}, {"value": 1, "label": "bad"}]
    assert (body["version"], body["signature_revision"]) == (1, 1)


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize("slug", ["sum", "loan"])
def test_the_example_works_as_it_stands(people: People, shelf: Shelf, slug: str) -> None:
    body = people.key.get(f"models/{slug}").json()
    path = body["links"]["predict"].removeprefix("http://testserver")
    assert people.key.post(path, body["example"]).status_code == 200


def test_one_without_a_live_version_says_so(people: People, shelf: Shelf) -> None:
    body = people.anonymous.get("models/idle").json()
    assert (body["version"], body["task"], body["inputs"], body["example"]) == (None, None, [], None)


def test_what_one_may_not_see_is_not_there(people: People, shelf: Shelf) -> None:
    for caller in (people.anonymous, people.user, people.key):
        problem(caller.get("models/secret"), 404, "not_found")


def _form(**fields: Any) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("a.joblib", b"some bytes"), "name": "New one", **fields}


@pytest.mark.parametrize("caller", ["staff", "staff_key", "root"])
def test_staff_start_a_build(people: People, caller: str) -> None:
    sample = SimpleUploadedFile("rows.csv", b"a,b\n1,2\n")
    form = _form(description="What it is", live="true", visibility="public", sample=sample)
    response = people.all()[caller].upload("models", form)
    assert response.status_code == 202, response.content
    body = response.json()
    job = Job.objects.get(pk=body["id"])
    assert response["Location"] == f"http://testserver/api/v1/jobs/{job.pk}"
    assert (body["kind"], body["status"], body["name"]) == ("build", "queued", "New one")
    assert job.request["go_live"] is True
    assert job.request["visibility"] == "public"
    assert job.request["description"] == "What it is"
    source = Source.objects.get()
    assert (source.filename, source.size, source.sample_filename) == ("a.joblib", 10, "rows.csv")
    assert people.all()[caller].get(f"jobs/{job.pk}").status_code == 200


@pytest.mark.parametrize("name", ["file", "files"])
def test_several_files_and_their_rows_come_in_parts_of_one_name(people: People, name: str) -> None:
    files = [
        SimpleUploadedFile("rows.csv", b"a,b\n1,2\n"),
        SimpleUploadedFile("scaler.pkl", b"\x80a scaler"),
        SimpleUploadedFile("model.pkl", b"\x80a model"),
    ]
    form = {name: files, "name": "New one", "chain": "scaler.pkl, pca.pkl"}
    response = people.staff_key.upload("models", form)
    assert response.status_code == 202, response.content
    source = Source.objects.get()
    assert (source.filename, source.sample_filename) == ("scaler.pkl", "rows.csv")
    assert [(file.filename, file.size) for file in source.files.all()] == [("model.pkl", 8)]
    assert Job.objects.get().request["chain"] == ["scaler.pkl", "pca.pkl"]


def test_both_names_of_files_are_read(people: People) -> None:
    form = _form(files=SimpleUploadedFile("scaler.joblib", b"more bytes"))
    assert people.staff.upload("models", form).status_code == 202
    source = Source.objects.get()
    assert [source.filename, *source.files.values_list("filename", flat=True)] == [
        "a.joblib",
        "scaler.joblib",
    ]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"file": None}, 400, "invalid_request"),
        (
            {"file": [SimpleUploadedFile("a.csv", b"a\n1\n"), SimpleUploadedFile("b.csv", b"a\n1\n")]},
            422,
            "no_model_file",
        ),
        ({"files": [SimpleUploadedFile(f"{n}.pkl", b"\x80") for n in range(10)]}, 413, "too_many_files"),
        ({"files": SimpleUploadedFile("b.pkl", b"")}, 422, "empty"),
    ],
)
def test_files_that_make_no_unit_are_refused_in_words(
    people: People, fields: dict[str, Any], status: int, code: str
) -> None:
    form = {key: value for key, value in _form(**fields).items() if value is not None}
    problem(people.staff.upload("models", form), status, code)
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    ("caller", "status", "code"),
    [
        ("anonymous", 401, "not_authenticated"),
        ("visitor", 401, "not_authenticated"),
        ("user", 403, "not_allowed"),
        ("key", 403, "not_allowed"),
        ("user_key", 403, "not_allowed"),
    ],
)
def test_others_may_not(people: People, caller: str, status: int, code: str) -> None:
    problem(people.all()[caller].upload("models", _form()), status, code)
    assert not Source.objects.exists()


def test_an_administrator_may_bring_code_beside_a_file(people: People) -> None:
    code = SimpleUploadedFile("own.whl", b"a package")
    response = people.root.upload("models", _form(code=code, main_module="app"))
    assert response.status_code == 202, response.content
    source = Source.objects.get()
    assert (source.code_filename, source.code_main_module) == ("own.whl", "app")
    assert source.code_allowed_by == people.accounts["root"]


@pytest.mark.parametrize("caller", ["staff", "staff_key"])
def test_other_staff_may_not_bring_code(people: People, caller: str) -> None:
    form = _form(code=SimpleUploadedFile("own.whl", b"a package"))
    document = problem(people.all()[caller].upload("models", form), 403, "not_allowed")
    assert "administrator" in document["detail"]
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"file": ""}, "file"),
        ({"name": ""}, "name"),
        ({"visibility": "everybody"}, "visibility"),
        ({"live": "x"}, "live"),
    ],
)
def test_a_form_that_is_not_right_names_the_field(people: People, fields: dict[str, str], field: str) -> None:
    document = problem(people.staff.upload("models", _form(**fields)), 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == [field]
    assert not Source.objects.exists()


def test_a_file_that_is_too_large_is_refused_before_it_is_read(people: People, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    settings.MAX_REQUEST_BYTES = 1000
    path, kind = "/api/v1/models", "multipart/form-data; boundary=x"
    response = people.staff.client.generic(
        "POST", path, b"", content_type=kind, CONTENT_LENGTH=str(2 * 10**9)
    )
    problem(response, 413, "too_large")


def test_an_upload_that_broke_off_leaves_nothing(people: People) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nNew\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.joblib"\r\n\r\nsome byt'
    )
    cut_off: Any = {
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body) + 50),
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
    }
    response = people.staff.client.generic("POST", "/api/v1/models", **cut_off)
    problem(response, 400, "incomplete_body")
    assert not Source.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=" + "y" * 300]
)
def test_a_form_without_a_usable_boundary_is_told_so(people: People, content_type: str) -> None:
    response = people.staff.client.generic("POST", "/api/v1/models", b"--x--", content_type=content_type)
    problem(response, 400, "invalid_request")


def test_a_session_upload_needs_the_csrf_header(people: People) -> None:
    people.staff.client.handler.enforce_csrf_checks = True
    problem(people.staff.upload("models", _form()), 403, "csrf_failed")
    people.staff.client.get("/admin/login/")
    token = people.staff.client.get("/accounts/login/").context["csrf_token"]
    people.staff.client.cookies["modeldesk_csrf"] = token
    assert people.staff.upload("models", _form(), **{"X-CSRFToken": str(token)}).status_code in (202, 403)


def test_a_name_of_nothing_but_blanks_is_refused(people: People) -> None:
    problem(people.staff.upload("models", _form(name="   ")), 400, "invalid_request")
    assert not MLModel.objects.exists()


def test_head_is_get_without_a_body(people: People, shelf: Shelf) -> None:
    for path in ("/api/v1/models", "/api/v1/models/sum", "/health/live"):
        response = people.anonymous.client.head(path)
        assert response.status_code == 200
        assert response.content == b""
