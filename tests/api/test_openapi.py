"""The API document and its page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from predictions.api import urls
from tests.api.conftest import People, Shelf

OWN = "/api/v1/models/{}/predict"


def _document(people: People, caller: str = "anonymous") -> dict[str, Any]:
    response = people.all()[caller].get("openapi.json")
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


@pytest.mark.parametrize("caller", ["anonymous", "key", "root"])
def test_the_document_is_valid_openapi_3_1(people: People, shelf: Shelf, caller: str) -> None:
    document = _document(people, caller)
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_route_is_in_it(people: People) -> None:
    described = {re.sub(r"{\w+}", "*", path) for path in _document(people)["paths"]}
    hidden = {"openapi.json", "docs", ""}
    routes = {str(route.pattern) for route in urls.urlpatterns} - hidden
    expected = {"/api/v1/" + re.sub(r"<[^>]+>", "*", route) for route in routes}
    assert described == expected | {"/predict", "/health/live", "/health/ready"}


@pytest.mark.parametrize(
    ("caller", "slugs"),
    [("anonymous", {"sum"}), ("key", {"sum", "loan"}), ("staff", {"sum", "loan", "secret"})],
)
def test_each_ml_model_one_may_use_has_its_own_route(
    people: People, shelf: Shelf, caller: str, slugs: set[str]
) -> None:
    paths = _document(people, caller)["paths"]
    own = {path for path in paths if re.fullmatch(r"/api/v1/models/[^{/]+/predict", path)}
    assert own == {OWN.format(slug) for slug in slugs}


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize("slug", ["sum", "loan"])
def test_request_example_and_real_answer_keep_to_their_schemas(
    people: People, shelf: Shelf, slug: str
) -> None:
    operation = _document(people, "key")["paths"][OWN.format(slug)]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    example = content["examples"]["one_row"]["value"]
    Draft202012Validator(content["schema"]).validate(example)
    answer = people.key.post(f"models/{slug}/predict", example)
    assert answer.status_code == 200
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema).validate(answer.json())


def test_what_the_schema_refuses_the_site_refuses(people: People, shelf: Shelf) -> None:
    operation = _document(people, "key")["paths"][OWN.format("loan")]["post"]
    schema = Draft202012Validator(operation["requestBody"]["content"]["application/json"]["schema"])
    bodies: list[Any] = [
        {"inputs": [{"age": 1, "purpose": "car"}]},
        {"inputs": []},
        {},
        {"inputs": [{}], "more": 1},
    ]
    for body in bodies:
        assert not schema.is_valid(body)
        assert people.key.post("models/loan/predict", body).status_code in (400, 422)


def test_every_operation_says_how_it_fails_and_who_may_call(people: People, shelf: Shelf) -> None:
    document = _document(people)
    assert set(document["components"]["securitySchemes"]) == {"apiKey", "session"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            assert answers["500"] == {"$ref": "#/components/responses/Problem500"}, path
            assert any(status.startswith("2") for status in answers)
            assert ("422" in answers) == (method == "post")
            assert ("404" in answers) == ("{" in path or "/models/" in path or path == "/predict"), path


def test_operation_ids_are_unique_and_stable(people: People, shelf: Shelf) -> None:
    paths = _document(people)["paths"]
    ids = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(ids) == len(set(ids))
    assert {"predict", "predict_sum", "list_models", "get_prediction", "cancel_job"} <= set(ids)


def test_no_caller_gets_the_document_of_another(people: People, shelf: Shelf) -> None:
    response = people.staff.get("openapi.json")
    assert "private" in response["Cache-Control"]
    assert OWN.format("secret") not in _document(people)["paths"]


def test_the_page_comes_from_this_site_alone_and_without_inline_script(people: People) -> None:
    response = people.anonymous.get("docs", Accept="text/html")
    page = response.content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("/") and not source.startswith("//") for source in sources)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert "unsafe-inline" not in response["Content-Security-Policy"].split("style-src")[0]


def test_the_page_s_script_points_to_the_document(people: People) -> None:
    response = people.anonymous.get("docs", {"script": ""})
    assert response["Content-Type"].startswith("application/javascript")
    assert "/api/v1/openapi.json" in response.content.decode().replace("\\u002D", "-")


def test_the_page_s_parts_are_served_by_this_site(people: People) -> None:
    page = people.anonymous.get("docs", Accept="text/html").content.decode()
    for source in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert people.anonymous.get(source).status_code == 200, source


def test_an_upload_takes_several_files(people: People) -> None:
    document = _document(people, "staff")
    content = document["paths"]["/api/v1/models"]["post"]["requestBody"]["content"]["multipart/form-data"]
    form = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    for name in ("file", "files"):
        assert form["properties"][name]["type"] == "array"
        assert form["properties"][name]["items"]["format"] == "binary"
        assert "in any order" in form["properties"]["file"]["description"]
    assert form["properties"]["sample"]["format"] == "binary"
    assert form["required"] == ["name"]
