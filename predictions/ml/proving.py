"""Prove a version before anybody relies on it: small checks on the runtime that will answer, inside the sandbox.

Like all that the confined process imports for inspecting and comparing, this runs under every Python from 3.7 on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from predictions.ml.proving_accuracy import check_accuracy
from predictions.ml.proving_answers import (
    Check,
    Proving,
    Subject,
    ask,
    failed,
    not_applicable,
    passed,
    plural,
)
from predictions.ml.proving_checks import (
    check_classes,
    check_finite,
    check_predicts,
    check_probabilities,
)
from predictions.ml.proving_repeats import check_determinism
from predictions.ml.proving_rows import check_constant, check_missing, check_ranges, check_unseen

PROOF_SECONDS = 6.0
"""All checks together take about that long; a slow ML model is asked fewer rows."""
ASKING_SHARE = 0.5

CHECKS: tuple[tuple[str, Callable[[Proving], Check]], ...] = (
    ("predicts", check_predicts),
    ("probabilities", check_probabilities),
    ("classes", check_classes),
    ("finite", check_finite),
    ("determinism", check_determinism),
    ("missing", check_missing),
    ("unseen", check_unseen),
    ("ranges", check_ranges),
    ("constant", check_constant),
    ("accuracy", check_accuracy),
)


def prove(subject: Subject, *, seconds: float = PROOF_SECONDS) -> dict[str, Any]:
    """The proof as a JSON-able document: ``checks`` (code, verdict, message, measured), ``rows`` asked, ``seconds``.

    Each check stands alone: one that raises is failed with words, and the others go on. Holds counts, figures, names
    of columns and classes, never a value of a case.
    """
    begun = time.perf_counter()
    proving, first = _opened(subject, begun, seconds)
    checks = [first]
    for code, check in CHECKS:
        if proving is None:
            checks.append(not_applicable(code, "Not tried, because it does not load."))
        else:
            checks.append(_carried_out(code, check, proving))
    if proving is not None:
        proving.runtime.close()
    return {
        "checks": [check.to_document() for check in checks],
        "rows": len(proving.asked) if proving is not None else 0,
        "seconds": round(time.perf_counter() - begun, 3),
    }


def proof_in_words(document: dict[str, Any]) -> str:
    """One sentence for the build's log: how many checks passed, and which did not."""
    verdicts = [check["verdict"] for check in document["checks"]]
    tried = len(verdicts) - verdicts.count("not_applicable")
    words = [f"{verdicts.count('passed')} of {plural(tried, 'check')} passed"]
    for verdict, name in (("warned", "with a warning"), ("failed", "failed")):
        codes = [check["code"] for check in document["checks"] if check["verdict"] == verdict]
        if codes:
            words.append(f"{name}: {', '.join(codes)}")
    return f"{'; '.join(words)}."


def _opened(subject: Subject, begun: float, seconds: float) -> tuple[Proving | None, Check]:
    """The runtime with its answers to all check rows, and the check that it loads."""
    try:
        runtime = subject.served()
    except Exception:
        return None, failed(
            "loads",
            "What the build made cannot be loaded again: build the file anew, or bring another export.",
        )
    asked = ask(runtime, subject.rows, begun + seconds * ASKING_SHARE)
    proving = Proving(subject=subject, runtime=runtime, asked=asked, deadline=begun + seconds)
    return proving, passed("loads", "It loads in the libraries that will answer.")


def _carried_out(code: str, check: Callable[[Proving], Check], proving: Proving) -> Check:
    try:
        return check(proving)
    except Exception:
        return failed(
            code,
            "This check broke off, because the ML model behaved as none does: try some cases by hand before it answers "
            "anybody.",
        )
