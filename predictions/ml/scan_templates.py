"""The Python text that scipy keeps in a distribution and runs when it is opened: only scipy's own may stand there."""

from __future__ import annotations

import re
from typing import Any

LONGEST = 8192
EXEC_TEMPLATE = "_parse_arg_template"
_NAMES = r"(?:[A-Za-z_]\w*, )*"
_SCALE_IN = r"loc=0(?:, scale=1)?"
_SCALE_OUT = r"loc, (?:scale|1)"
SCIPY_TEMPLATE = (
    rf"\ndef _parse_args\(self, {_NAMES} {_SCALE_IN}\):\n    return \({_NAMES}\), {_SCALE_OUT}\n"
    rf"\ndef _parse_args_rvs\(self, {_NAMES} {_SCALE_IN}, size=None\):\n"
    rf"    return self\._argcheck_rvs\({_NAMES} {_SCALE_OUT}, size=size\)\n"
    rf"\ndef _parse_args_stats\(self, {_NAMES} {_SCALE_IN}, moments='mv'\):\n"
    rf"    return \({_NAMES}\), {_SCALE_OUT}, moments\n"
)
"""``parse_arg_template`` of scipy/stats/_distn_infrastructure.py, filled in."""


def is_scipy_template(text: Any) -> bool:
    """Whether ``text`` is the template that scipy.stats fills in, and nothing else."""
    return isinstance(text, str) and len(text) <= LONGEST and re.fullmatch(SCIPY_TEMPLATE, text) is not None
