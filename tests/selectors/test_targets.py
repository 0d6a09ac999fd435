from __future__ import annotations

import pytest

from predictions.errors import NotFound, TryLater
from predictions.models import MLModel
from predictions.selectors import targets
from predictions.selectors.targets import FRESH_SECONDS, live_target
from predictions.services import deployments
from predictions.values import Actor
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(targets, "shelf", targets._Shelf(lambda: now[0]))
    return now


def test_what_was_looked_up_costs_no_query_for_a_while(clock, django_assert_num_queries):
    slug = factories.version().ml_model.slug
    live_target(Actor(), slug)
    clock[0] += FRESH_SECONDS * 0.9
    with django_assert_num_queries(0):
        live_target(Actor(), slug)


def test_one_caller_renews_what_is_stale_while_the_others_go_on(clock, django_assert_num_queries):
    version = factories.version()
    slug = version.ml_model.slug
    live_target(Actor(), slug)
    clock[0] += FRESH_SECONDS * 1.1
    assert targets.shelf.get(slug) is None, "this caller looks again"
    with django_assert_num_queries(0):
        assert live_target(Actor(), slug).version_id == version.pk


def test_a_new_live_version_is_seen_after_a_moment_and_at_once_when_asked(clock):
    first = factories.version(owner=factories.user(is_staff=True))
    slug = first.ml_model.slug
    live_target(Actor(), slug)
    second = factories.version(ml_model=first.ml_model, live=False)
    deployments.go_live(version=second, actor=factories.STAFF)
    assert live_target(Actor(), slug, fresh=True).version_id == second.pk
    clock[0] += 2 * FRESH_SECONDS
    assert live_target(Actor(), slug).version_id == second.pk


@pytest.mark.parametrize(
    ("visibility", "seen_by"),
    [
        ("public", {"nobody", "member", "key", "staff"}),
        ("members", {"member", "key", "staff"}),
        ("private", {"staff"}),
    ],
)
def test_a_held_target_is_only_for_who_may_see_it(clock, visibility, seen_by):
    slug = factories.version(visibility=visibility).ml_model.slug
    live_target(factories.STAFF, slug)
    actors = {
        "nobody": Actor(),
        "member": Actor(user_id=1),
        "key": Actor(api_key_id=1),
        "staff": Actor(user_id=2, is_staff=True),
    }
    for name, actor in actors.items():
        if name in seen_by:
            assert live_target(actor, slug).slug == slug
        else:
            with pytest.raises(NotFound):
                live_target(actor, slug)


def test_without_a_live_version_one_is_told_to_come_back(clock):
    MLModel.objects.create(slug="idle", name="Idle", visibility="public")
    with pytest.raises(TryLater) as refused:
        live_target(Actor(), "idle")
    assert refused.value.code == "not_live"
