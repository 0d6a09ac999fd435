"""From what a file names to one code and one message for the person who brought it."""

from __future__ import annotations

import re

from predictions.ml.scan_globals import Judgement, judge
from predictions.ml.scan_lists import STANDARD
from predictions.ml.scan_machine import Findings
from predictions.ml.scan_symbols import Global

_REFUSAL = "so it was refused. Bring the estimator itself, saved with joblib.dump."
_SHOWN = 80
OWN_CODE = "own_code"


def judged(findings: Findings) -> tuple[str, str]:
    """(code, message) for what was found; two empty texts when nothing speaks against the file."""
    by_kind: dict[Judgement, list[Global]] = {}
    for found in findings.globals:
        by_kind.setdefault(judge(found), []).append(found)
    if "dangerous" in by_kind:
        return (
            "dangerous_code",
            f"This file would run the command {_one(by_kind['dangerous'])} when opened, {_REFUSAL}",
        )
    if findings.tricks:
        return "dangerous_code", f"This file {findings.tricks[0]} when opened, {_REFUSAL}"
    if "scattered" in by_kind:
        return "not_a_model_file", (
            "This file keeps its numbers in other files, as joblib did before 0.10. "
            "Load it where it was made and save it again as one file."
        )
    return _unlisted(by_kind)


def _unlisted(by_kind: dict[Judgement, list[Global]]) -> tuple[str, str]:
    """Own code is told last: a site that has that code may lift this one refusal and nothing else stands behind it."""
    if "carried" in by_kind:
        return "unknown_code", (
            "This file carries functions of its author (cloudpickle or dill), which this site does not run. "
            "Save an estimator made of scikit-learn parts only with joblib.dump, or bring it as ONNX."
        )
    if "unlisted" in by_kind:
        return "unknown_code", (
            f"This file asks for {_listed(by_kind['unlisted'])}, which is not on this site's list of safe names. "
            "Save an estimator without it, or bring it as ONNX."
        )
    if "unknown" in by_kind:
        return OWN_CODE, (
            f"This file needs {_listed(by_kind['unknown'])}, code of its author that this site does not have. "
            "Save a Pipeline made of scikit-learn parts only (joblib.dump or skops), bring it as ONNX, "
            "or ask an admin to bring that code as a package beside it."
        )
    return "", ""


def own_code_of(findings: Findings) -> tuple[str, ...]:
    """Every ``module.name`` that is code of the file's author."""
    return tuple(found.path for found in findings.globals if judge(found) == "unknown")


def _one(found: list[Global]) -> str:
    first = found[0]
    module = {"posix": "os", "nt": "os"}.get(first.module, first.module)
    return f"`{shown(first.name if module == 'builtins' else f'{module}.{first.name}')}`"


def _listed(found: list[Global]) -> str:
    names = [f"`{shown(item.path.removeprefix('__main__.'))}`" for item in found[:3]]
    rest = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return (
        ", ".join(names) if rest or len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    ) + rest


def shown(text: str) -> str:
    """A name from the file as a message may show it: printable and short."""
    clean = re.sub(r"[^\w.\-+]", "?", text)
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…"


def libraries_of(findings: Findings) -> tuple[str, ...]:
    """Third-party libraries named beside scikit-learn itself and the aliases of its compiled parts."""
    tops = {found.top for found in findings.globals if judge(found) in ("fine", "library")}
    return tuple(sorted(tops - STANDARD.keys() - {"sklearn", "_loss"}))


def numpy_generation_of(findings: Findings) -> str:
    """ "2" when the renamed core of NumPy 2 is named, "1" for the older name, empty for neither."""
    modules = [found.module for found in findings.globals]
    if any(module.startswith("numpy._core") for module in modules):
        return "2"
    return "1" if any(module.startswith("numpy.core") for module in modules) else ""
