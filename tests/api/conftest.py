"""Callers of every kind, ml_models to call, and a gateway that answers in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from predictions import gateway
from predictions.api import health, lane, throttles
from predictions.models import ApiKey, MLModel, Prediction
from predictions.models.ids import new_id
from predictions.selectors import targets
from predictions.selectors.targets import Target
from predictions.services import api_keys
from predictions.signature.answers import outcome_of, outputs_of, score_of
from predictions.values import Actor, CheckedRow, Face, GivenAnswer, RawAnswer
from tests.support.ml_models import LOAN, SUM, make_ml_model
from tests.support.web_application import noted_ways

VISITOR = UUID("018f0000-0000-7000-8000-000000000001")


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets what another one left in this process or in the cache."""
    # It would close the connection that holds the test's transaction, as Django's test client knows of its own.
    monkeypatch.setattr(lane, "close_old_connections", lambda: None)
    cache.clear()
    targets.shelf.clear()
    health.watch.forget()
    throttles.counter.forget()


class LaneHandler(ClientHandler):
    """Like the site's own application: the lean lane first, then Django. Both on the test's thread."""

    def __call__(self, environ: dict[str, Any]) -> Any:
        call = lane.call_of(scope_of(environ))
        if call is None:
            return super().__call__(environ)
        call.body = environ["wsgi.input"].read()
        reply = lane.answered(call)
        response: Any = HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
        response.wsgi_request = WSGIRequest(environ)
        return response


def scope_of(environ: dict[str, Any]) -> dict[str, Any]:
    """The request as an ASGI server would have it."""
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").lower().encode(), str(value).encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    ]
    return {
        "type": "http",
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "root_path": environ.get("SCRIPT_NAME", ""),
        "scheme": environ["wsgi.url_scheme"],
        "headers": headers,
        "client": (environ["REMOTE_ADDR"], 50_000),
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
        "query_string": environ.get("QUERY_STRING", "").encode(),
        "http_version": "1.1",
    }


class Api:
    """One caller: sends JSON and returns responses."""

    def __init__(self, key: str = "", user: User | None = None, visitor: UUID | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.handler = LaneHandler(enforce_csrf_checks=False)
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        if user is not None:
            self.client.force_login(user)
        if visitor is not None:
            session = self.client.session
            session["visitor"] = str(visitor)
            session.save()
            self.client.cookies[_session_cookie()] = str(session.session_key)

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        """GET below /api/v1/, or an absolute path."""
        return self.client.get(_full(path), query or {}, headers={**self.headers, **headers})

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """POST of a JSON value; bytes go as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            _full(path), content, content_type="application/json", headers={**self.headers, **headers}
        )

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        """PUT of a JSON value; bytes go as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.put(
            _full(path), content, content_type="application/json", headers={**self.headers, **headers}
        )

    def upload(self, path: str, data: dict[str, Any], **headers: str) -> Any:
        """POST of a form with files."""
        return self.client.post(_full(path), data, headers={**self.headers, **headers})


def _full(path: str) -> str:
    return path if path.startswith("/") else f"/api/v1/{path}"


def _session_cookie() -> str:
    from django.conf import settings  # noqa: PLC0415 - settings are there only once a test runs

    return str(settings.SESSION_COOKIE_NAME)


@dataclass
class People:
    """Everybody a test needs; ``*_key`` are the texts of keys."""

    anonymous: Api
    user: Api
    other_user: Api
    visitor: Api
    staff: Api
    root: Api
    key: Api
    other_key: Api
    user_key: Api
    staff_key: Api
    accounts: dict[str, User] = field(default_factory=dict)
    keys: dict[str, ApiKey] = field(default_factory=dict)

    def all(self) -> dict[str, Api]:
        """By name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Api)}


@pytest.fixture
def people(db: None) -> People:
    return make_people()


def make_people() -> People:
    """Accounts and keys of every kind."""
    accounts = {
        "user": User.objects.create_user("user"),
        "other_user": User.objects.create_user("other"),
        "staff": User.objects.create_user("staff", is_staff=True),
        "root": User.objects.create_superuser("root"),
    }
    key, key_text = api_keys.create(name="partner")
    other, other_text = api_keys.create(name="other partner")
    user_key, user_text = api_keys.create(name="user's", user=accounts["user"])
    staff_key, staff_text = api_keys.create(name="staff's", user=accounts["staff"])
    return People(
        anonymous=Api(),
        visitor=Api(visitor=VISITOR),
        key=Api(key_text),
        other_key=Api(other_text),
        user_key=Api(user_text),
        staff_key=Api(staff_text),
        **{name: Api(user=user) for name, user in accounts.items()},
        accounts=accounts,
        keys={"key": key, "other_key": other, "user_key": user_key, "staff_key": staff_key},
    )


def key_of(people: People, name: str = "key") -> str:
    """The text of a key."""
    return str(getattr(people, name).headers["Authorization"].removeprefix("Bearer "))


@pytest.fixture
def ways() -> Iterator[list[str]]:
    """Which ways predict calls of the web server's application took: "loop" or "thread"."""
    with noted_ways() as taken:
        yield taken


@dataclass
class Shelf:
    """The ml_models of a test by who may see them."""

    public: MLModel
    members: MLModel
    private: MLModel
    idle: MLModel


@pytest.fixture
def shelf(people: People) -> Shelf:
    """A public default, one for members, one of ``staff``, one without a live version."""
    owner = people.accounts["staff"]
    return Shelf(
        public=make_ml_model("sum", SUM, is_default=True, owner=owner),
        members=make_ml_model("loan", LOAN, visibility="members", owner=owner),
        private=make_ml_model("secret", SUM, visibility="private", owner=owner),
        idle=make_ml_model("idle", SUM, live=False, owner=owner),
    )


Answer = Callable[..., list[GivenAnswer]]


def local_answer(
    *, target: Target, rows: Sequence[CheckedRow], actor: Actor, face: Face, seconds: float | None = None
) -> list[GivenAnswer]:
    """As the gateway, without queue and worker: sums numbers, judges loans by age, and stores the rows."""
    del seconds
    given = []
    for row in rows:
        outputs = outputs_of(target.signature, _raw(target, row))
        stored = Prediction.objects.create(
            id=new_id(),
            ml_model_id=target.ml_model_id,
            version_id=target.version_id,
            revision_id=target.revision_id,
            own=json.dumps([list(row.values), outputs, [asdict(one) for one in row.warnings]]),
            outcome=outcome_of(outputs),
            score=score_of(outputs),
            face=face,
            user_id=actor.user_id,
            api_key_id=actor.api_key_id,
            visitor=actor.visitor,
            created_at=timezone.now(),
            duration_ms=1.0,
        )
        given.append(GivenAnswer(stored.pk, outputs, row.warnings, stored.created_at))
    return given


def _raw(target: Target, row: CheckedRow) -> RawAnswer:
    if target.signature.task == "regression":
        return RawAnswer(value=float(sum(row.values)))
    bad = 0.9 if row.values[0] < 25 else 0.2
    return RawAnswer(class_index=int(bad > 0.5), probabilities=(1 - bad, bad))


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers without queue and worker; tests of the way through them use the ``worker`` fixture."""
    monkeypatch.setattr(gateway, "answer", local_answer)


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of a response, checked for its shape."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(response.content)
    assert document["status"] == status
    assert document["code"] == code, document
    assert document["title"]
    assert document["detail"].endswith((".", "!", "?"))
    assert document["type"] == "about:blank"
    return document
