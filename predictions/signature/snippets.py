"""The same call as text to copy: curl, Python, and a spreadsheet to fill in."""

from __future__ import annotations

import csv
import io
import json
import pprint
import shlex
from collections.abc import Mapping
from typing import Any

from predictions.signature.answers import json_safe
from predictions.signature.fields import Signature
from predictions.signature.schema import example_row
from predictions.signature.wording import text_of
from predictions.values import Value

KEY_PLACEHOLDER = "YOUR_API_KEY"
WIDTH = 88
_NOT_IN_SHELL = str.maketrans(
    {"\u2028": "\\u2028", "\u2029": "\\u2029", "\x7f": "\\u007f", "\x85": "\\u0085"}
)


def curl(url: str, row: Mapping[str, Value], *, key_placeholder: str = KEY_PLACEHOLDER) -> str:
    """A curl command for a POSIX shell. Quotes, emoji and line breaks in values come through unchanged."""
    body = json.dumps({"inputs": [json_safe(dict(row))]}, ensure_ascii=False).translate(_NOT_IN_SHELL)
    lines = [
        f"curl {shlex.quote(url)}",
        f"  -H {shlex.quote(f'Authorization: Bearer {key_placeholder}')}",
        "  -H 'Content-Type: application/json'",
        f"  --data-raw {shlex.quote(body)}",
    ]
    return " \\\n".join(lines) + "\n"


def python(url: str, row: Mapping[str, Value], *, key_placeholder: str = KEY_PLACEHOLDER) -> str:
    """A Python program that needs the requests package and prints the answers."""
    literal = pprint.pformat(json_safe(dict(row)), width=WIDTH, sort_dicts=False)
    return "\n".join(
        [
            "import requests",
            "",
            f"row = {literal}",
            "response = requests.post(",
            f"    {url!r},",
            f"    headers={{'Authorization': {f'Bearer {key_placeholder}'!r}}},",
            "    json={'inputs': [row]},",
            "    timeout=30,",
            ")",
            "response.raise_for_status()",
            "for prediction in response.json()['predictions']:",
            "    print(prediction)",
            "",
        ]
    )


OWN_CODE_CODES = ("own_code",)
"""Error codes of a build that ended because of classes of the file's author."""


def without_own_code() -> str:
    """Lines that save the part of a model that needs no code of its author."""
    return "\n".join(
        [
            "import joblib",
            "inner = model.model  # the scikit-learn part inside your class; of a pipeline: pipeline[1:]",
            "joblib.dump(inner, 'model.joblib')",
        ]
    )


def csv_template(signature: Signature) -> str:
    """A CSV file to fill in: the header and one example row, as check_texts reads them."""
    return csv_text(signature, [example_row(signature)])


def csv_text(signature: Signature, rows: list[dict[str, Any]]) -> str:
    """Cases as a CSV file with a header; a missing value is an empty cell."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(signature.names)
    for row in rows:
        writer.writerow([text_of(row.get(name)) for name in signature.names])
    return target.getvalue()
