"""The proof on the pages of owners, and the form that asks for a reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from predictions.models import Deployment, Job, ModelVersion
from tests import factories
from tests.support.ml_models import LOAN, add_version, failed_proof, make_ml_model

pytestmark = pytest.mark.django_db

CHECKS: list[dict[str, Any]] = [
    {"code": "loads", "verdict": "passed", "message": "It loads.", "measured": {}},
    {"code": "constant", "verdict": "warned", "message": "All rows get <one> answer.", "measured": {}},
    {"code": "unseen", "verdict": "not_applicable", "message": "No input is a choice.", "measured": {}},
    {
        "code": "accuracy",
        "verdict": "passed",
        "message": "Right on 90.0% of 20 rows.",
        "measured": {
            "accuracy": 0.9,
            "balanced_accuracy": 0.875,
            "baseline": 0.6,
            "classes": ["good", "bad <b>"],
            "confusion": [[11, 1], [1, 7]],
        },
    },
]


@pytest.fixture
def owner(client: Client) -> User:
    account = factories.user(is_staff=True)
    client.force_login(account)
    return account


def version_with(owner: User, report: Any) -> ModelVersion:
    return add_version(make_ml_model("loans", LOAN, owner=owner), LOAN, report=report)


def page(client: Client, version: ModelVersion) -> str:
    return client.get(reverse("version", args=["loans", version.number])).content.decode()


def test_the_report_shows_each_check_with_words_and_the_classes_by_name(client: Client, owner: User) -> None:
    body = page(client, version_with(owner, {"proof": {"checks": CHECKS}}))
    assert "2 of 3 checks passed; 1 to look at." in body
    assert "1 check does not apply" in body
    assert body.index("Answers differ") < body.index("Right on the sample")
    for text in (
        "look at it",
        "passed",
        "90.0 %",
        "87.5 %",
        "All rows get &lt;one&gt; answer.",
        "bad &lt;b&gt;",
    ):
        assert text in body, text
    assert '<td class="is-right">11</td><td>1</td>' in body
    assert "Go live</button>" in body


def test_a_version_without_a_proof_looks_as_before(client: Client, owner: User) -> None:
    body = page(client, version_with(owner, {}))
    assert 'id="proof-heading"' not in body
    assert "Go live</button>" in body


@pytest.mark.parametrize(
    "measured",
    [
        None,
        {"classes": "ab", "confusion": [[1]]},
        {"classes": ["a"], "confusion": [[1, 2]]},
        {"classes": ["a"], "confusion": ["x"]},
        {"accuracy": "high", "r2": None, "mae": True, "lowest": 1e300},
        {"classes": [str(place) for place in range(50)], "confusion": [[0] * 50] * 50},
    ],
)
def test_figures_of_any_form_break_no_page(client: Client, owner: User, measured: Any) -> None:
    checks = [{"code": "accuracy", "verdict": "passed", "message": "So.", "measured": measured}]
    body = page(client, version_with(owner, {"proof": {"checks": checks}}))
    assert "So." in body
    assert 'class="confusion"' not in body


def test_what_failed_asks_for_a_reason_and_keeps_it(client: Client, owner: User) -> None:
    version = version_with(owner, {"proof": failed_proof("finite", "probabilities")})
    body = page(client, version)
    assert "Version 2 failed its proof" in body
    assert 'name="reason"' in body
    assert "Go live</button>" not in body
    answer = client.post(reverse("version_live", args=["loans", 2]), {"reason": "1 <i>"})
    assert answer.status_code == 422
    assert "give in words the reason" in answer.content.decode()
    assert ">1 &lt;i&gt;</textarea>" in answer.content.decode()
    assert not Deployment.objects.filter(version=version).exists()
    answer = client.post(reverse("version_live", args=["loans", 2]), {"reason": "Only for <b>tests</b>."})
    assert answer.url == reverse("versions", args=["loans"])  # type: ignore[attr-defined]
    assert Deployment.objects.get(ended_at=None).reason == "Only for <b>tests</b>."
    body = page(client, version)
    assert "Although it failed: Finite numbers, Probabilities" in body
    assert "Only for &lt;b&gt;tests&lt;/b&gt;." in body
    assert owner.username in body


def test_the_list_leads_to_the_form(client: Client, owner: User) -> None:
    version_with(owner, {"proof": failed_proof("finite")})
    body = client.get(reverse("versions", args=["loans"])).content.decode()
    assert "failed its proof" in body
    assert f'href="{reverse("version", args=["loans", 2])}#go-live"' in body
    assert f'action="{reverse("version_live", args=["loans", 2])}"' not in body


@pytest.mark.parametrize("failed", [True, False])
def test_the_page_of_the_build_shows_the_proof_and_the_way_on(
    client: Client, owner: User, failed: bool
) -> None:
    report = {"proof": failed_proof("finite") if failed else {"checks": CHECKS}}
    version = version_with(owner, report)
    job = Job.objects.create(
        kind="build",
        name="Loans",
        status="succeeded",
        ml_model=version.ml_model,
        version=version,
        created_by=owner,
    )
    body = client.get(reverse("job", args=[job.pk])).content.decode()
    assert 'id="proof-heading"' in body
    assert ('name="reason"' in body) is failed
    assert ("Go live with version 2</button>" in body) is not failed


def test_both_runtimes_are_shown_with_their_times(client: Client, owner: User) -> None:
    timings = {
        "native": {"one_row": 0.0045, "thousand_rows": 0.03},
        "onnx": {"one_row": 0.00025, "thousand_rows": None},
        "odd": 1,
    }
    parity = {
        "rows": 30,
        "verdict": "equal",
        "largest_difference": 1e-7,
        "kinds": {
            "sample": {"rows": 30, "largest_difference": 1e-7, "label_mismatches": 0, "ties": 2},
        },
    }
    body = page(client, version_with(owner, {"timings_of_runtimes": timings, "parity": parity}))
    assert "4.5 ms" in body
    assert "0.25 ms" in body
    assert 'ONNX Runtime <span class="badge accent">answers</span>' in body
    assert 'data-label="Ties">2<' in body


def test_open_questions_and_hints_stand_on_the_version(client: Client, owner: User) -> None:
    report = {
        "questions": [{"field": "sex", "code": "codes_unknown", "message": "Say which <number> is male."}],
        "hints": {"threshold": 0.35, "value_maps": {"town": {"A": 0}}},
    }
    body = page(client, version_with(owner, report))
    assert "What only you can say" in body
    assert "Say which &lt;number&gt; is male." in body
    assert "0.35" in body
    assert "for town." in body


@pytest.mark.parametrize(
    "report", [{}, {"questions": "none", "hints": []}, {"questions": [7], "hints": {"threshold": "x"}}]
)
def test_a_report_without_questions_has_no_such_section(client: Client, owner: User, report: Any) -> None:
    assert "What only you can say" not in page(client, version_with(owner, report))
