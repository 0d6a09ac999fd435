"""What a build made becomes rows: numbered, named, with the owner's words carried over."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from predictions.errors import InvalidSignature, NotAllowed
from predictions.models import Deployment, MLModel, ModelVersion, Source
from predictions.repository import Stored
from predictions.selectors.ml_models import may_manage
from predictions.services import naming
from predictions.services.carrying import carried_over
from predictions.services.sealing import Built, seal
from predictions.signature.fields import Choice, ClassName, Field, Output, Signature
from predictions.values import Actor, BuildRequest

SIGNATURE = Signature(
    task="classification",
    inputs=(
        Field(name="age", kind="number"),
        Field(name="purpose", kind="choice", choices=(Choice("car"), Choice("tv"))),
    ),
    outputs=(Output(name="risk", kind="class", classes=(ClassName(0), ClassName(1))),),
)


def built(signature: Signature = SIGNATURE) -> Built:
    return Built(
        signature=signature,
        runtime="onnx",
        plan={},
        artifact=Stored("artifacts/00/" + "0" * 32, "0" * 64, 1),
        file_format="joblib",
        report={},
        libraries={},
        metrics=[],
    )


def sealed(
    name: str, actor: Actor, *, signature: Signature = SIGNATURE, slug: str = "", **wish: Any
) -> ModelVersion:
    source = Source.objects.create(filename="a.joblib", key="sources/00/" + "0" * 32, size=1, sha256="0" * 64)
    with transaction.atomic():
        return seal(
            built=built(signature),
            source=source,
            request=BuildRequest(name=name, **wish),
            actor=actor,
            slug=slug,
        )


@pytest.fixture
def owner(db: None) -> Actor:
    return Actor(user_id=User.objects.create_user("owner", is_staff=True).pk, is_staff=True)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Credit risk", "credit-risk"), ("Größe & Preis", "groe-preis"), ("x" * 110, "x" * 60)],
)
def test_an_address_is_made_of_the_name(owner: Actor, name: str, slug: str) -> None:
    assert sealed(name, owner).ml_model.slug == slug


def test_a_name_without_latin_letters_gets_an_address_that_stays(owner: Actor) -> None:
    first, second = sealed("信用风险", owner), sealed("信用风险", owner)
    assert first.ml_model == second.ml_model
    assert first.ml_model.slug.startswith("ml-model-")
    assert sealed("房价", owner).ml_model != first.ml_model


def test_names_that_differ_only_in_signs_are_different_ml_models(owner: Actor) -> None:
    first, second = sealed("C model", owner), sealed("C++ model", owner)
    assert first.ml_model.slug == "c-model"
    assert second.ml_model.slug.startswith("c-model-")
    assert sealed("c++ MODEL", owner).ml_model == second.ml_model


def test_a_fixed_address_wins_over_the_name(owner: Actor) -> None:
    version = sealed("Straight line", owner, slug="line")
    assert (version.ml_model.slug, version.ml_model.name) == ("line", "Straight line")
    assert sealed("Straight line", owner, slug="line").number == 2


def test_another_owner_may_not_add_a_version_but_a_superuser_may(owner: Actor) -> None:
    sealed("Credit", owner)
    other = Actor(user_id=User.objects.create_user("other", is_staff=True).pk, is_staff=True)
    with pytest.raises(NotAllowed):
        sealed("credit", other)
    assert sealed("credit", replace(other, is_superuser=True)).number == 2


@pytest.mark.django_db(transaction=True)
def test_two_builds_of_one_new_name_at_once_get_consecutive_numbers(owner: Actor) -> None:
    numbers: list[int] = []
    ready = threading.Barrier(4)

    def build() -> None:
        ready.wait()
        numbers.append(sealed("New", owner, go_live=True).number)
        connection.close()

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [1, 2, 3, 4]
    assert MLModel.objects.count() == 1
    assert Deployment.objects.filter(ended_at=None).count() == 1


def test_there_is_one_default_and_a_later_demo_does_not_take_it(owner: Actor) -> None:
    first, second = sealed("First", owner, is_default=True), sealed("Second", owner, is_default=True)
    assert (first.ml_model.is_default, second.ml_model.is_default) == (True, False)


def test_the_visibility_an_owner_chose_stays_with_the_next_version(owner: Actor) -> None:
    first = sealed("Credit", owner, visibility="public", description="One.")
    second = sealed("Credit", owner, description="Two.")
    assert (second.ml_model.visibility, second.ml_model.description) == ("public", "Two.")
    assert first.ml_model == second.ml_model


def test_edits_come_after_what_is_carried_over(owner: Actor) -> None:
    sealed("Credit", owner, signature_edits={"inputs": {"age": {"label": "Age", "unit": "years"}}})
    version = sealed("Credit", owner, signature_edits={"inputs": {"age": {"label": "Years lived"}}})
    assert version.current_revision is not None
    age = Signature.from_document(version.current_revision.document).input("age")
    assert (age.label, age.unit) == ("Years lived", "years")


def test_edits_that_do_not_fit_leave_no_row(owner: Actor) -> None:
    with pytest.raises(InvalidSignature):
        sealed("Credit", owner, signature_edits={"inputs": {"nobody": {"label": "?"}}})
    assert not MLModel.objects.exists()
    assert not ModelVersion.objects.exists()


def test_the_owners_words_are_carried_over_and_nothing_else() -> None:
    old = replace(
        SIGNATURE,
        inputs=(
            replace(
                SIGNATURE.inputs[0],
                label="Age",
                unit="years",
                group="Person",
                order=5,
                minimum=18,
                help="Full.",
            ),
            replace(SIGNATURE.inputs[1], choices=(Choice("car", "A car"), Choice("boat", "A boat"))),
        ),
        outputs=(replace(SIGNATURE.outputs[0], classes=(ClassName(0, "good"), ClassName(1, "bad"))),),
    )
    new = carried_over(old, SIGNATURE)
    age, purpose = new.inputs
    assert (age.label, age.unit, age.group, age.order, age.help) == ("Age", "years", "Person", 5, "Full.")
    assert age.minimum is None
    assert purpose.choices == (Choice("car", "A car"), Choice("tv"))
    assert [item.label for item in new.outputs[0].classes] == ["good", "bad"]


def test_nothing_is_carried_over_to_other_inputs() -> None:
    old = SIGNATURE.with_inputs((replace(SIGNATURE.inputs[0], label="Age"),))
    assert carried_over(old, SIGNATURE) is SIGNATURE


def test_labels_of_true_do_not_reach_one() -> None:
    def classes(*items: ClassName) -> Signature:
        return replace(SIGNATURE, outputs=(replace(SIGNATURE.outputs[0], classes=items),))

    new = carried_over(
        classes(ClassName(True, "yes"), ClassName(False, "no")), classes(ClassName(1), ClassName(0))
    )
    assert [item.label for item in new.outputs[0].classes] == ["", ""]


def test_a_name_is_found_in_any_case_and_by_its_address(owner: Actor) -> None:
    version = sealed("Credit risk", owner)
    for name in ("credit RISK", "credit-risk", " Credit risk "):
        assert naming.find(name) == version.ml_model
    assert naming.find("credit") is None


def test_an_ml_model_without_an_owner_is_not_everybodys(db: None) -> None:
    ml_model = MLModel.objects.create(slug="nobodys", name="Nobody's")
    for actor in (Actor(), Actor(is_staff=True), Actor(api_key_id=1, is_staff=True)):
        assert not may_manage(actor, ml_model)
        with pytest.raises(NotAllowed):
            naming.require_owner(actor=actor, ml_model=ml_model)
    assert may_manage(Actor(is_superuser=True), ml_model)
