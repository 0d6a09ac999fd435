"""The same question as a program would ask it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from django.http import HttpRequest

from predictions.models import Prediction
from predictions.selectors.targets import Target
from predictions.signature import snippets
from predictions.signature.fields import Signature
from predictions.signature.schema import example_row
from predictions.values import Value


@dataclass(frozen=True, slots=True)
class Call:
    """Texts to copy; ``id`` tells several on one page apart."""

    id: str
    url: str
    curl: str
    python: str


def same_call(request: HttpRequest, row: Prediction, signature: Signature) -> Call:
    """The call that asks for a recorded case again."""
    given = {
        field.name: value
        for field, value in zip(signature.inputs, row.inputs, strict=False)
        if value is not None or field.nullable
    }
    return _call(f"call-{row.pk}", predict_url(request, row.ml_model.slug), given)


def example_call(request: HttpRequest, target: Target) -> Call:
    """A call with an example case."""
    return _call("call-example", predict_url(request, target.slug), example_row(target.signature))


def predict_url(request: HttpRequest, slug: str) -> str:
    """Where programs ask, as seen from where the reader is."""
    return request.build_absolute_uri(f"/api/v1/models/{quote(slug)}/predict")


def _call(call_id: str, url: str, row: Mapping[str, Value]) -> Call:
    return Call(call_id, url, snippets.curl(url, row), snippets.python(url, row))
