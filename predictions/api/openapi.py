"""The API document: what every route has in common, and one precise route per ml_model."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from predictions.models import MLModel, ModelVersion
from predictions.signature.fields import Signature
from predictions.signature.schema import example_row, request_schema, response_schema

Document = dict[str, Any]

MAX_ML_MODELS = 100
"""Routes of their own in one document; the others are called through the general route."""

PROBLEM: Document = {
    "type": "object",
    "description": "Any error (RFC 9457). Programs decide by `code`, which does not change.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string", "description": "One sentence that says what to do."},
        "errors": {
            "type": "array",
            "description": "What is at fault, value by value.",
            "items": {
                "type": "object",
                "properties": {
                    "row": {"type": ["integer", "null"], "description": "Counts from 0."},
                    "field": {"type": ["string", "null"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
                "required": ["row", "field", "code", "message"],
            },
        },
        "parts": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["type", "title", "status", "code", "detail"],
}

WORDS = {
    "400": "The request cannot be read.",
    "401": "The API key is unknown or was revoked, or one is needed.",
    "403": "You may see this but not do it.",
    "404": "There is no such thing, or you may not see it.",
    "405": "This address does not take that method.",
    "406": "This address answers in application/json.",
    "409": "Somebody else changed it in between.",
    "411": "The body has no Content-Length.",
    "413": "Too many bytes or rows at once.",
    "415": "The Content-Type is none this address reads.",
    "422": "Values break the signature, or the file cannot become an ML model; nothing was stored.",
    "429": "Too many requests; wait as long as Retry-After says.",
    "500": "Something went wrong on our side.",
    "503": "A part of the site cannot answer now; nothing was stored. Try again after Retry-After seconds.",
}
ALWAYS = ("400", "401", "403", "405", "406", "413", "429", "500", "503")
WITH_BODY = ("409", "411", "415", "422")
WITH_NAME = ("404",)
NO_CALLER = ("/health/live", "/health/ready")
HEADERS: Mapping[str, Document] = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}}},
    "405": {"Allow": {"schema": {"type": "string"}}},
    "429": {"Retry-After": {"schema": {"type": "integer"}}},
    "503": {"Retry-After": {"schema": {"type": "integer"}}},
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How programs say who they are."""

    target_class = "predictions.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> Document:
        """The security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer md_…`"}


class BrowserSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How browsers say who they are."""

    target_class = "predictions.api.authentication.BrowserSession"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> Document:
        """The security scheme."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The site's own sign-in; POST also needs the CSRF cookie's value in X-CSRFToken.",
        }


def add_problems(result: Document, **_kwargs: Any) -> Document:
    """drf-spectacular's hook: every operation says which problems it may answer with."""
    components = result["components"]
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {f"Problem{status}": _problem(status) for status in WORDS}
    for address, operations in result["paths"].items():
        for method, operation in operations.items():
            for status in _statuses(address, method):
                answer = {"$ref": f"#/components/responses/Problem{status}"}
                operation["responses"].setdefault(status, answer)
    return result


def document_for(rows: Iterable[tuple[MLModel, ModelVersion]]) -> Document:
    """The whole document with one route per ml_model in ``rows`` (with its live version)."""
    document: Document = json.loads(_base_document(translation.get_language() or ""))
    general = reverse("api:predict", args=["SLUG"]).replace("SLUG", "{slug}")
    pattern = document["paths"][general]["post"]
    for ml_model, version in rows:
        if version.current_revision is None:
            continue
        signature = Signature.from_document(version.current_revision.document)
        address = reverse("api:predict", args=[ml_model.slug])
        document["paths"][address] = {"post": _operation(pattern, ml_model, version.number, signature)}
        if ml_model.is_default:
            _describe_default(document["paths"][reverse("article_predict")]["post"], ml_model, signature)
    return document


@lru_cache(maxsize=8)
def _base_document(_language: str) -> str:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    return json.dumps(generator.get_schema(request=None, public=True), default=str)  # type: ignore[no-untyped-call]


def _operation(pattern: Document, ml_model: MLModel, version: int, signature: Signature) -> Document:
    operation = copy.deepcopy(pattern)
    operation.pop("parameters", None)
    operation["operationId"] = f"predict_{ml_model.slug}"
    operation["summary"] = ml_model.name
    operation["description"] = f"{ml_model.description}\n\nVersion {version}.".strip()
    body = request_schema(signature, max_rows=settings.MAX_ROWS_PER_REQUEST)
    body["additionalProperties"] = False
    example = {"summary": "One row", "value": {"inputs": [example_row(signature)]}}
    operation["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": body, "examples": {"one_row": example}}},
    }
    operation["responses"]["200"] = {
        "description": "One answer per row, in the order of the request; each is stored.",
        "content": {"application/json": {"schema": response_schema(signature)}},
    }
    return operation


def _describe_default(operation: Document, ml_model: MLModel, signature: Signature) -> None:
    operation["description"] = f"Answered by {ml_model.name}."
    rows = request_schema(signature, max_rows=settings.MAX_ROWS_PER_REQUEST)["properties"]["inputs"]
    operation["requestBody"]["content"]["application/json"]["schema"] = {
        "type": "object",
        "properties": {"input": rows},
        "required": ["input"],
        "additionalProperties": False,
    }


def _problem(status: str) -> Document:
    answer: Document = {
        "description": WORDS[status],
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in HEADERS:
        answer["headers"] = HEADERS[status]
    return answer


def _statuses(address: str, method: str) -> list[str]:
    if address in NO_CALLER:
        return ["405", "406", "500", "503"] if address.endswith("ready") else ["405", "406", "500"]
    found = [*ALWAYS]
    if "{" in address or address == "/predict":
        found += WITH_NAME
    if method == "post":
        found += WITH_BODY
    return sorted(found)
