"""Cutting files into pieces: always between records, whatever stands in quotes."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.errors import BadCaseFile
from predictions.services import score_splitting
from predictions.services.score_splitting import Span, spans
from predictions.signature.case_records import lines_of, plain_records, quoted_records

CELLS = st.text(st.sampled_from(list("ab1\";,\n 'é\t")), max_size=8)


def cut(data: bytes, begin: int = 0, delimiter: str = ",") -> list[Span]:
    return list(spans(io.BytesIO(data), begin=begin, size=len(data), delimiter=delimiter, look=lambda: None))


def records_in(data: bytes, delimiter: str = ",") -> list[list[str]]:
    if b'"' not in data:
        return [line.decode().split(delimiter) for line in plain_records(data)]
    return [cells for cells, _ in quoted_records(lines_of(data), delimiter) if cells]


@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=40), end=st.booleans())
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_pieces_hold_every_record_once_and_whole(line_end: str, rows: list[list[str]], end: bool) -> None:
    target = io.StringIO()
    csv.writer(target, lineterminator=line_end).writerows(rows)
    data = target.getvalue().encode()
    data = data if end else data.removesuffix(line_end.encode())
    with pytest.MonkeyPatch.context() as small:
        small.setattr(score_splitting, "_LEAST_CHUNK", 7)
        found = cut(data)
    assert [span.begin for span in found] == [0, *(span.end for span in found[:-1])]
    assert found[-1].end == len(data)
    parts = [records_in(data[span.begin : span.end]) for span in found]
    assert [len(part) for part in parts] == [span.rows for span in found]
    assert [row for part in parts for row in part] == rows


def test_a_large_file_is_cut_into_pieces_of_bounded_size() -> None:
    data = b"1\n" * 600_000
    found = cut(data)
    assert len(found) >= score_splitting.LEAST_PIECES
    assert max(span.rows for span in found) < 1 << 16
    assert sum(span.rows for span in found) == 600_000


def test_blank_lines_are_no_records() -> None:
    assert sum(span.rows for span in cut(b"a\n1\n\n2\r\n\r\n\n3", begin=2)) == 3


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b'a\n1\n"2\n3\n', "open_quote", "line 3"),
        (b'a\n"x"\n\xff\n', "not_utf8", "Line 3"),
        (b"a\n1\n\xc3\x28\n", "not_utf8", "Line 3"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(data: bytes, code: str, line: str) -> None:
    with pytest.raises(BadCaseFile) as caught:
        cut(data, begin=2)
    assert caught.value.code == code
    assert line in caught.value.message


def test_whoever_looks_can_end_the_scan() -> None:
    def stop() -> Any:
        raise KeyError

    with pytest.raises(KeyError):
        list(spans(io.BytesIO(b"1\n" * 10), begin=0, size=20, delimiter=",", look=stop))
