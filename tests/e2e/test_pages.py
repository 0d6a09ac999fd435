"""Every page at 360 px, light and dark: nothing scrolls sideways, and everything can be read."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from predictions.models import Job, ModelVersion, Prediction
from predictions.services import api_keys, deployments
from predictions.services.reviews import overrule
from tests import factories
from tests.e2e.pages import ask, sign_in, too_wide

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

HARD_TO_READ = """() => {
    const parts = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
    const share = (value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * share(r / 255) + 0.7152 * share(g / 255) + 0.0722 * share(b / 255);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const style = getComputedStyle(at);
            if (style.backgroundImage !== "none") return null;
            const color = parts(style.backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
            if (color[3] > 0) return null;
        }
        return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        const box = element.getBoundingClientRect();
        if (!own || box.width < 2 || box.height < 2 || !element.checkVisibility({checkOpacity: true})) continue;
        const style = getComputedStyle(element);
        if (!style.color.startsWith("rgb(") || element.closest("[disabled], [aria-disabled=true]")) continue;
        const back = behind(element);
        if (!back) continue;
        const [one, other] = [light(parts(style.color)), light(back)].sort((a, b) => b - a);
        const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
        const wanted = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
        const ratio = (one + 0.05) / (other + 0.05);
        if (ratio < wanted) found.push(`${element.tagName} “${element.textContent.trim().slice(0, 30)}” ${ratio.toFixed(2)}`);
    }
    return found.slice(0, 10);
}"""
DARK_PAGE = """() => {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
    return (r + g + b) / 3 < 80;
}"""


PROOF = {
    "checks": [
        {
            "code": "probabilities",
            "verdict": "failed",
            "message": "On 3 of 400 rows the probabilities do not lie between 0 and 1 and add up to 1.",
            "measured": {"lowest": 0, "highest": 63.7, "largest_error_of_sum": 62.7, "tolerance": 3.5e-4},
        },
        {"code": "constant", "verdict": "warned", "message": "One answer. " * 20, "measured": {}},
        {"code": "loads", "verdict": "passed", "message": "It loads.", "measured": {}},
        {"code": "unseen", "verdict": "not_applicable", "message": "No input is a choice.", "measured": {}},
        {
            "code": "accuracy",
            "verdict": "passed",
            "message": "Right on 90.0% of 20 rows.",
            "measured": {
                "accuracy": 0.9,
                "balanced_accuracy": 0.9,
                "baseline": 0.6,
                "classes": ["c" * 60, *(f"a class {place}" for place in range(7))],
                "confusion": [[place * 1000 for place in range(8)]] * 8,
            },
        },
    ]
}


def faults(page: Page, address: str, *, dark: bool, measured: bool) -> list[str]:
    """What is wrong with the look of one page."""
    response = page.goto(address)
    if response is None or response.status >= 400:
        return [f"{address}: {response.status if response else 'no answer'}"]
    found = [f"too wide: {item}" for item in too_wide(page)]
    if measured:
        found += [f"hard to read: {item}" for item in page.evaluate(HARD_TO_READ)]
        if page.evaluate(DARK_PAGE) != dark:
            found.append("not the reader's light or dark")
    return [f"{address}: {fault}" for fault in found]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_fits_a_telephone_and_can_be_read(site, new_page, dark):
    owner = factories.user(is_staff=True, is_superuser=True)
    first = factories.sign_version(
        slug="sign", owner=owner, name="A name of somewhat more than usual length 🌍"
    )
    second = factories.sign_version(ml_model=first.ml_model, live=False)
    ModelVersion.objects.filter(pk__in=[first.pk, second.pk]).update(report={"proof": PROOF})
    second.refresh_from_db()
    deployments.go_live(version=second, actor=factories.actor_for(owner), reason="A long reason. " * 20)
    built = Job.objects.create(
        kind="build",
        name="Built",
        status="succeeded",
        created_by=owner,
        ml_model=first.ml_model,
        version=first,
    )
    line = factories.version(slug="line", owner=owner)
    job = Job.objects.create(
        kind="build",
        name="A build",
        status="failed",
        created_by=owner,
        error_code="too_slow",
        error_message="This file was not ready after 10 seconds; bring a smaller ML model, or export it to ONNX.",
        steps=[
            {
                "name": "store",
                "status": "failed",
                "started_at": None,
                "finished_at": None,
                "message": "a" * 200,
            }
        ],
        log=[{"at": "2026-11-23T10:00:00+00:00", "text": f"SHA-256 {'0123456789abcdef' * 4}"}],
    )
    api_keys.create(name="partner", user=owner)
    page = new_page(width=360, dark=dark)
    reads = [f"{site}/", f"{site}/m/sign/", f"{site}/accounts/login/", f"{site}/accounts/password_reset/"]
    reads += [f"{site}/m/sign/api/", f"{site}/m/sign/about/", f"{site}/history/"]
    found = [fault for address in reads for fault in faults(page, address, dark=dark, measured=True)]

    sign_in(page, site, owner)
    ask(page, site, "line", x="9")
    row = Prediction.objects.get()
    overrule(predictions=[row], actor=factories.actor_for(owner), reason="No. " * 40, outcome="19")
    reads = [
        f"{site}/",
        f"{site}/history/",
        f"{site}/predictions/{row.pk}/",
        f"{site}/m/line/?prediction={row.pk}",
    ]
    reads += [f"{site}/bring/", f"{site}/jobs/", f"{site}/jobs/{job.pk}/", f"{site}/m/sign/versions/"]
    reads += [
        f"{site}/m/sign/versions/1/",
        f"{site}/m/sign/versions/2/",
        f"{site}/jobs/{built.pk}/",
        f"{site}/m/sign/versions/1/fields/",
        f"{site}/accounts/password_change/",
    ]
    found += [fault for address in reads for fault in faults(page, address, dark=dark, measured=True)]

    desk = f"{site}/admin"
    rooms = ["mlmodel", "modelversion", "job", "apikey", "source"]
    reads = [f"{desk}/", f"{desk}/predictions/prediction/", f"{desk}/predictions/prediction/?verdict=any"]
    reads += [f"{desk}/predictions/prediction/{row.pk}/change/", f"{desk}/predictions/job/{job.pk}/change/"]
    reads += [f"{desk}/predictions/modelversion/{line.pk}/change/", f"{desk}/predictions/apikey/add/"]
    reads += [f"{desk}/predictions/modelversion/{first.pk}/change/"]
    reads += [f"{desk}/predictions/mlmodel/{first.ml_model_id}/change/"]
    reads += [f"{desk}/predictions/{room}/" for room in rooms if room != "source"]
    found += [fault for address in reads for fault in faults(page, address, dark=dark, measured=False)]
    assert found == []
