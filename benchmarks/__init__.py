"""Model Desk and its peers under the same load. ``benchmarks/run --help`` says how."""

from __future__ import annotations
