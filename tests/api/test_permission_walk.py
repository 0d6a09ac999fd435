"""Every address of the whole site, asked by everybody: nothing is open that is not on the list below.

A new address fails here until somebody writes down who may use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.fixtures import Settings

from predictions import gateway
from predictions.models import Job, ModelVersion, Prediction
from predictions.selectors.targets import live_target
from predictions.services import jobs, reviews
from predictions.values import Actor, BuildRequest
from tests.api.conftest import VISITOR, Api, People, Shelf, local_answer

REFUSED = {401, 403, 404, 405}
METHODS = ("GET", "POST", "PUT")

# Catch-alls: what they answer is tested in test_problems.py and by the rooms themselves.
NOWHERE = {"api:no_such_address", "no_such_api", "admin:(?P<url>.*)$"}

ANYBODY = {
    "GET admin:login",
    "POST admin:login",
    "GET login",
    "POST login",
    "POST logout",
    "GET password_reset",
    "POST password_reset",
    "GET password_reset_done",
    "GET password_reset_complete",
    "GET password_reset_confirm",
    "POST password_reset_confirm",
    "GET start",
    "GET history",
    "GET history_export",
    "GET ml_model public",
    "POST ml_model public",
    "GET ml_model_api public",
    "GET ml_model_about public",
    "GET ml_model_file public",
    "GET ml_model_template public",
    "GET api:ml_models",
    "GET api:ml_model public",
    "POST api:predict public",
    "GET api:openapi",
    "GET api:docs",
    "POST article_predict",
    "GET health_live",
    "GET health_ready",
}
SESSION = {"GET api:predictions"}
KNOWN = {"GET api:predictions", "GET api:jobs", "POST api:files public"}
ACCOUNT = KNOWN | {
    "GET password_change",
    "POST password_change",
    "GET password_change_done",
    "GET jobs",
}
MEMBERS = {
    "GET ml_model members",
    "POST ml_model members",
    "GET ml_model_api members",
    "GET ml_model_about members",
    "GET ml_model_file members",
    "POST ml_model_file members",
    "GET ml_model_template members",
    "POST ml_model_file public",
}
MEMBERS_API = {"GET api:ml_model members", "POST api:predict members", "POST api:files members"}
OWN_PREDICTION = {"GET prediction"}
OWN_PREDICTION_API = {"GET api:prediction"}
PRIVATE = {
    "GET ml_model private",
    "POST ml_model private",
    "GET ml_model_api private",
    "GET ml_model_about private",
    "GET ml_model_file private",
    "POST ml_model_file private",
    "GET ml_model_template private",
}
PRIVATE_API = {"GET api:ml_model private", "POST api:predict private", "POST api:files private"}
KINDS = ("public", "members", "private")
OPERATOR_API = {"GET metrics"}
OWNER_API = {
    "POST api:ml_models",
    "GET api:job",
    "POST api:cancel_job",
    *(
        f"{call} {kind}"
        for call in (
            "GET api:versions",
            "POST api:version_live",
            "GET api:version_layer",
            "PUT api:version_layer",
        )
        for kind in KINDS
    ),
}
OWNER = {
    "GET upload",
    "POST upload",
    "GET job",
    "POST job_cancel",
    *(
        f"{call} {kind}"
        for kind in KINDS
        for call in (
            "GET versions",
            "POST versions",
            "GET version",
            "POST version_live",
            "GET signature",
            "POST signature",
            "POST signature_preview",
            "GET layer_file",
            "POST take_down",
        )
    ),
}
# What staff without any permission of the admin may open there.
ADMIN_DOOR = {
    "GET admin:index",
    "POST admin:index",
    "GET admin:search",
    "POST admin:search",
    "POST admin:logout",
    "GET admin:jsi18n",
    "GET admin:password_change",
    "POST admin:password_change",
    "GET admin:password_change_done",
}

OPEN = {
    "anonymous": ANYBODY,
    "visitor": ANYBODY | SESSION,
    "key": ANYBODY | KNOWN | MEMBERS_API,
    "other_key": ANYBODY | KNOWN | MEMBERS_API,
    "user_key": ANYBODY | KNOWN | MEMBERS_API | OWN_PREDICTION_API,
    "user": ANYBODY | ACCOUNT | MEMBERS | MEMBERS_API | OWN_PREDICTION | OWN_PREDICTION_API,
    "other_user": ANYBODY | ACCOUNT | MEMBERS | MEMBERS_API,
    "staff_key": ANYBODY | KNOWN | MEMBERS_API | PRIVATE_API | OWN_PREDICTION_API | OWNER_API | OPERATOR_API,
    "staff": (
        (ANYBODY - {"GET admin:login"})
        | ACCOUNT
        | MEMBERS
        | MEMBERS_API
        | PRIVATE
        | PRIVATE_API
        | OWN_PREDICTION
        | OWN_PREDICTION_API
        | OWNER
        | OWNER_API
        | OPERATOR_API
        | ADMIN_DOOR
    ),
}


@dataclass(frozen=True)
class Address:
    """One address with everything in it filled in; ``name`` as in the lists above."""

    name: str
    path: str


@dataclass(frozen=True)
class Things:
    """What addresses name: a prediction of ``user``, a job of ``staff``; ``by_kind`` for the admin."""

    prediction: UUID
    job: UUID
    user: int
    by_kind: Mapping[str, Any]


@pytest.fixture
def things(people: People, shelf: Shelf) -> Things:
    target = live_target(Actor(is_superuser=True), "sum")
    (given,) = local_answer(
        target=target,
        rows=[target.validator.check_row({"x1": 1, "x2": 2, "x3": 3})],
        actor=Actor(user_id=people.accounts["user"].pk),
        face="api",
    )
    actor = Actor(user_id=people.accounts["staff"].pk, is_staff=True)
    job = jobs.create(kind=Job.Kind.BUILD, name="New", request=BuildRequest(name="New"), actor=actor)
    (review,) = reviews.confirm(predictions=[Prediction.objects.get()], actor=actor)
    version = ModelVersion.objects.filter(ml_model=shelf.public).get()
    by_kind = {
        "apikey": people.keys["key"].pk,
        "group": Group.objects.create(name="Somebody").pk,
        "job": job.pk,
        "mlmodel": shelf.public.pk,
        "modelversion": version.pk,
        "prediction": given.id,
        "review": review.pk,
        "signaturerevision": version.current_revision_id,
        "source": version.source_id,
        "user": people.accounts["user"].pk,
    }
    return Things(given.id, job.pk, people.accounts["user"].pk, by_kind)


@pytest.fixture(autouse=True)
def _calm(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {}}
    monkeypatch.setattr(gateway, "answer", local_answer)
    monkeypatch.setattr(gateway, "probe", lambda _target: 0.001)


@pytest.mark.parametrize("caller", OPEN)
def test_nothing_is_open_that_is_not_on_the_list(people: People, things: Things, caller: str) -> None:
    opened = {
        f"{method} {address.name}"
        for address in _addresses(things)
        for method in METHODS
        # Django's own forms take PUT for POST, which the walk sends them already.
        if (method != "PUT" or address.name.startswith("api:"))
        and _lets_in(people.all()[caller], method, address.path)
    }
    assert sorted(opened - OPEN[caller]) == []
    assert sorted(OPEN[caller] - opened) == []


def test_the_admin_breaks_nowhere(people: People, things: Things) -> None:
    for address in _addresses(things):
        for method in METHODS:
            _lets_in(people.root, method, address.path)


def _lets_in(api: Api, method: str, path: str) -> bool:
    """Whether the caller gets further than the door; whatever the call did is undone."""
    cookies = copy(api.client.cookies)
    with transaction.atomic():
        response = api.client.generic(method, path, b"", content_type="application/json", headers=api.headers)
        transaction.set_rollback(True)
    api.client.cookies = cookies
    assert response.status_code < 500, (method, path, response.content[:500])
    return response.status_code not in REFUSED and not _sends_away(response)


def _sends_away(response: Any) -> bool:
    """To the sign-in page, or inside the admin to where the question is asked again."""
    place = response.headers.get("Location", "")
    return response.status_code == 302 and ("/login/?next=" in place or place.startswith("/admin/"))


def _addresses(things: Things) -> list[Address]:
    found = list(_walk(get_resolver(), "", "", things))
    assert len(found) > 60
    return [address for address in found if address.name not in NOWHERE]


def _walk(resolver: URLResolver, prefix: str, space: str, things: Things) -> Iterator[Address]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from _walk(entry, route, inner, things)
        else:
            yield from _filled(entry, route, f"{space}{entry.name or entry.pattern}", things)


def _filled(entry: URLPattern, route: str, name: str, things: Things) -> Iterator[Address]:
    if name in NOWHERE:
        return
    path = "/" + route.replace("^(?P<app_label>auth|predictions)/$", "predictions/")
    values = _values(name, things)
    for converter in entry.pattern.converters:
        for spelled in (
            f"<{converter}>",
            *(f"<{kind}:{converter}>" for kind in ("str", "int", "uuid", "path")),
        ):
            if spelled in path and converter != "slug":
                path = path.replace(spelled, values[converter])
    if "slug" not in entry.pattern.converters:
        assert "<" not in path, f"{name} needs a value for what it names; add it to this test"
        yield Address(name, path)
        return
    for slug, kind in (("sum", "public"), ("loan", "members"), ("secret", "private")):
        yield Address(f"{name} {kind}", path.replace("<str:slug>", slug))


def _values(name: str, things: Things) -> dict[str, str]:
    kind = name.partition("_")[2].partition("_")[0]
    return {
        "prediction_id": str(things.prediction),
        "job_id": str(things.job),
        "number": "1",
        "token": "none",
        "uidb64": "none",
        "id": str(things.user),
        "object_id": str(things.by_kind.get(kind, things.user)),
        "content_type_id": "1",
    }


def test_the_visitor_of_this_walk_is_one(people: People) -> None:
    """Else the list of what a browser session may open would be that of a stranger."""
    assert people.visitor.client.session["visitor"] == str(VISITOR)
