"""Answer now: the web process's way to a worker and back.

Callers of one version that are waiting anyway go in one message; an idle site never waits for company.
"""

from __future__ import annotations

from predictions.gateway.calls import answer, answer_on_loop, probe, trial
from predictions.gateway.lanes import Key
from predictions.gateway.process import adopt

__all__ = ["Key", "adopt", "answer", "answer_on_loop", "probe", "trial"]
