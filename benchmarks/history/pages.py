"""What is asked for: every list with every filter, the pages of a case, and the same through the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

DESK = "/admin/predictions/prediction/"
API = "/api/v1/predictions"


@dataclass(frozen=True, slots=True)
class Page:
    """An address and who asks for it: an account or a key by name."""

    name: str
    who: str
    address: str
    status: int = 200


def pages(ids: Mapping[str, UUID], now: datetime) -> list[Page]:
    """All of them. ``ids``: ``single``, ``old`` (of the account ``rare``), ``first`` of a block and ``in_block``."""
    return [*_own(ids, now), *_api(ids, now), *_desk(ids, now), *_rest(ids)]


def _own(ids: Mapping[str, UUID], now: datetime) -> list[Page]:
    def page(name: str, who: str = "heavy", **query: object) -> Page:
        return Page(f"own history: {name}", who, f"/history/?{urlencode(query)}")

    week, months = now - timedelta(days=7), now - timedelta(days=90)
    return [
        page("everything"),
        page("of an ML model", ml_model="loan"),
        page("of an ML model seldom asked", ml_model="seldom"),
        page("an outcome", outcome="bad"),
        page("an outcome that is rare", outcome="seldom"),
        page("a part of an outcome", q="oo"),
        page("a part that is nowhere", q="zebra"),
        page("an id", q=ids["single"]),
        page("not reviewed", verdict="none"),
        page("confirmed", verdict="confirmed"),
        page("overruled", verdict="overruled"),
        page("since a week", since=f"{week:%Y-%m-%d}"),
        page("until months ago", until=f"{months:%Y-%m-%d}"),
        page("ML model, outcome and verdict", ml_model="churn", outcome="good", verdict="none"),
        page("everything of who seldom asks", "rare"),
        page("an outcome of who seldom asks", "rare", outcome="bad"),
        page("everything of who left", "gone"),
        page("an outcome of who left", "gone", outcome="seldom"),
        page("of who asks thousands at once", "bulk"),
        page("an outcome of who asks thousands at once", "bulk", outcome="bad"),
        page("cases asked together", "bulk", together=ids["first"]),
    ]


def _api(ids: Mapping[str, UUID], now: datetime) -> list[Page]:
    def page(name: str, who: str = "key", **query: object) -> Page:
        return Page(f"API list: {name}", who, f"{API}?{urlencode(query)}")

    return [
        page("everything"),
        page("of an ML model", model="loan"),
        page("of an ML model seldom asked", model="seldom"),
        page("an outcome", outcome="bad"),
        page("an outcome that is rare", outcome="seldom"),
        page(
            "from and to",
            **{"from": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "to": f"{now:%Y-%m-%d}"},
        ),
        page("of who asks thousands at once", "bulk_key"),
        Page("API: one case", "reviewer", f"{API}/{ids['single']}"),
        Page("API: one case of a block", "reviewer", f"{API}/{ids['in_block']}"),
    ]


def _desk(ids: Mapping[str, UUID], now: datetime) -> list[Page]:
    def page(name: str, **query: object) -> Page:
        return Page(f"desk: {name}", "reviewer", f"{DESK}?{urlencode(query)}")

    week, months = now - timedelta(days=7), now - timedelta(days=90)
    return [
        page("to review"),
        page("everything", verdict="any"),
        page("page 3", verdict="any", p=3),
        page("reviewed", verdict="given"),
        page("confirmed", verdict="confirmed"),
        page("overruled", verdict="overruled"),
        page("overruled of one ML model", verdict="overruled", ml_model="churn"),
        page("one ML model", ml_model="loan"),
        page("an ML model seldom asked", ml_model="seldom", verdict="any"),
        page("a version", ml_model="loan", version=1),
        page("an answer", outcome="bad"),
        page("an answer that is rare", outcome="seldom", verdict="any"),
        page("words that are nowhere", q="zebra"),
        *(
            page(f"probability {band}", band=band)
            for band in ("under60", "60to80", "80to95", "over95", "boundary")
        ),
        page("least certain first", order="uncertain"),
        page("uncertain ones", band="under60", order="uncertain"),
        page("through a form", face="form"),
        page("through files", face="file"),
        page("with warnings", warnings="yes"),
        page("without warnings", warnings="no"),
        page("since a week", since=f"{week:%Y-%m-%d}", verdict="any"),
        page("until months ago", until=f"{months:%Y-%m-%d}", verdict="any"),
        page("the beginning of an id", q=str(ids["single"])[:13]),
        Page("desk: a whole id", "reviewer", f"{DESK}?q={ids['single']}", status=302),
    ]


def _rest(ids: Mapping[str, UUID]) -> list[Page]:
    return [
        Page("a case: its page", "reviewer", f"/predictions/{ids['single']}/"),
        Page("a case: its page, of a block", "reviewer", f"/predictions/{ids['in_block']}/"),
        Page("a case: its page, a year old", "rare", f"/predictions/{ids['old']}/"),
        Page("a case: its page at the desk", "reviewer", f"{DESK}{ids['single']}/change/"),
        Page("a case: its page at the desk, of a block", "reviewer", f"{DESK}{ids['in_block']}/change/"),
        Page("a case: run again", "rare", f"/m/loan/?again={ids['old']}"),
        Page("dashboard", "reviewer", "/admin/"),
        Page("desk: ML models", "reviewer", "/admin/predictions/mlmodel/"),
        Page("desk: verdicts", "reviewer", "/admin/predictions/review/"),
        Page("desk: verdicts, overruled", "reviewer", "/admin/predictions/review/?verdict__exact=overruled"),
        Page("start page", "heavy", "/"),
    ]
