"""A rule of a layer on one line, for forms: an expression as it is, any other as ``{map: sex, values: {male: 0}}``."""

from __future__ import annotations

from typing import Any

from predictions.signature.layer import Made, Take
from predictions.signature.layer_rules_plain import plain_rule
from predictions.signature.layer_yaml import read, written_on_one_line


def line_of(made: Made) -> str:
    """Inverse of ``plain_of_line``; empty for a column that is taken from the field of its name."""
    if made.rule == Take(made.name):
        return ""
    plain = plain_rule(made.rule)
    text = plain.get("expression")
    return text if isinstance(text, str) and not text.lstrip().startswith("{") else written_on_one_line(plain)


def plain_of_line(line: str) -> Any:
    """What ``layer_plain`` takes for a rule. Raises InvalidSignature."""
    text = line.strip()
    return read(f"rule: {text}")["rule"] if text.startswith("{") else text
