"""Whatever the bytes are: the scan ends soon, in a report, in little memory, and runs nothing."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import time
import zlib
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictions.ml.scan import ScanReport, scan_file
from predictions.ml.scan_facts import DOCUMENT_LIMIT
from tests.ml import pickle_streams as streams
from tests.ml.uploads import joblib_bytes, written

ROOT = Path(__file__).parents[2]
SECONDS = 10
MEGABYTES = 1300
"""Of address space for a scan with its interpreter: above the weight limit, below what a bomb would take."""
SCALE = 16
"""The limits and the files that strain them are this much smaller, so that the same is shown in a second."""
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CHANCE = st.randoms(use_true_random=False)


def checked(folder: Path, data: bytes) -> ScanReport:
    """The report on these bytes, which is soon there, can be stored, and says something."""
    path = written(folder, data)
    started = time.process_time()
    report = scan_file(path)
    assert time.process_time() - started < SECONDS
    assert report.verdict == "accept" or (report.code and report.message)
    assert ScanReport.from_document(json.loads(json.dumps(report.to_document(), allow_nan=False))) == report
    assert len(json.dumps(report.facts)) <= DOCUMENT_LIMIT
    return report


@FUZZ
@given(CHANCE)
def test_opcodes_in_any_order_end_in_a_report(tmp_path: Path, chance: random.Random) -> None:
    data = streams.stream(chance)
    report = checked(tmp_path, data)
    if "os.system" in report.globals:
        assert report.code == "dangerous_code"


@FUZZ
@given(CHANCE)
def test_damaged_real_files_end_in_a_report(tmp_path: Path, chance: random.Random) -> None:
    checked(tmp_path, streams.damaged(chance))


@settings(FUZZ, max_examples=150)
@given(CHANCE)
def test_compression_inside_compression_ends_in_a_report(tmp_path: Path, chance: random.Random) -> None:
    checked(tmp_path, streams.nested(chance))


@settings(FUZZ, max_examples=50)
@given(CHANCE)
def test_a_hidden_command_is_always_found(tmp_path: Path, chance: random.Random) -> None:
    assert checked(tmp_path, streams.hidden_command(chance)).code == "dangerous_code"


@pytest.mark.parametrize("place", range(len(streams.seeds())))
def test_a_file_that_ends_at_any_byte_is_not_taken(tmp_path: Path, place: int) -> None:
    data = streams.seeds()[place]
    for length in range(1, len(data), 1 if len(data) < 3000 else 7):
        report = checked(tmp_path, data[:length])
        assert report.verdict == "refuse", length


WATCHED = """
import json, os, resource, sys
folder, megabytes, scale = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import predictions.ml.scan as scan, predictions.ml.scan_machine as machine
from pathlib import Path
machine.OPCODE_LIMIT //= scale
machine.WEIGHT_LIMIT //= scale
files = sorted(Path(folder).glob("case_*"))
for file in files[:20] if len(files) > 1 else ():
    scan.scan_file(file)                      # what is imported on first use is imported before the watch begins
resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
seen = []
def watch(event, arguments):
    if event == "open" and str(arguments[0]).startswith(folder) and arguments[1] in ("rb", "r"):
        return
    if event in ("os.listdir", "os.scandir", "object.__getattr__", "sys._getframe"):
        return
    seen.append([event, str(arguments)[:200]])
    os._exit(9)
sys.addaudithook(watch)
codes = [scan.scan_file(file).code for file in files]
sys.stdout.write(json.dumps(codes))
"""


def watched(folder: Path, megabytes: int = MEGABYTES, scale: int = 1) -> list[str]:
    """Scan all cases of a folder in a process that ends at once when anything but the files is touched."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(folder), str(megabytes), str(scale)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:] or "something else than the file was touched"
    codes: list[str] = json.loads(done.stdout)
    return codes


def test_nothing_is_run_imported_or_opened_but_the_file(tmp_path: Path) -> None:
    chance = random.Random(20)
    makers = (streams.stream, streams.damaged, streams.nested, streams.hidden_command)
    for place in range(1200):
        (tmp_path / f"case_{place:04}").write_bytes(makers[place % 4](chance))
    codes = watched(tmp_path)
    assert codes[3::4] == ["dangerous_code"] * 300
    assert "" in codes
    assert not list(ROOT.glob("canary")) + list(tmp_path.glob("canary"))


def test_the_watch_would_notice(tmp_path: Path) -> None:
    """The same watch around the real machine ends the process at the first command."""
    (tmp_path / "case_0").write_bytes(joblib_bytes([1]))
    loud = WATCHED.replace(
        "codes = [scan", "import pickle; pickle.loads(b'cos\\nsystem\\n(S\"true\"\\ntR.'); codes = [scan"
    )
    done = subprocess.run(
        [sys.executable, "-c", loud, str(tmp_path), str(MEGABYTES), "1"], cwd=ROOT, check=False
    )
    assert done.returncode == 9


def _repeated(unit: bytes, count: int, head: bytes = b"\x80\x04", tail: bytes = b".") -> bytes:
    return head + unit * count + tail


_DTYPE = b"cnumpy\ndtype\n\x8c\x02V8\x89\x88\x87R"


@cache
def exhausting(scale: int) -> dict[str, bytes]:
    """Files that would take a machine without limits minutes or gigabytes."""
    many = 6_000_000 // scale
    return {
        "a million dicts": _repeated(b"}\x94", many),
        "opcodes without end": _repeated(b"N0", many),
        "a memo without end": b"\x80\x02"
        + b"".join(b"Nr" + struct.pack("<I", n) for n in range(many))
        + b".",
        "long texts": _repeated(b"X\xff\xff\x00\x00" + b"x" * 65535, 20_000 // scale),
        "long bytes": _repeated(b"B\x00\x00\x04\x00" + b"x" * 262144, 5_000 // scale),
        "a long line": b"\x80\x02V" + b"x" * (80 << 20) + b"\n.",
        "a huge integer": b"\x80\x02\x8b" + struct.pack("<i", 90 << 20) + b"x" * (90 << 20) + b".",
        "a tuple of itself": _repeated(b"h\x00h\x00\x86q\x00", many, b"\x80\x02Nq\x00"),
        "the same state again and again": b"\x80\x02csklearn.base\nBaseEstimator\n)\x81}("
        + b"".join(b"X\x04\0\0\0" + f"{n:04}".encode() + b"N" for n in range(4096))
        + b"uq\x01"
        + b"h\x01b" * many
        + b".",
        "a type of types of types": b"\x80\x04"
        + b"Nq\x00"
        + b"".join(
            b"cnumpy\ndtype\n\x8c\x02V8\x89\x88\x87R(K\x03\x8c\x01|N(\x8c\x01a\x8c\x01bt}(\x8c\x01ah\x00K\x00\x86"
            b"\x8c\x01bh\x00K\x00\x86uK\x08K\x01K\x10tbq\x00"
            for _ in range(60)
        )
        + b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(\x8c\x05shapeK\x01\x85\x8c\x05dtypeh\x00ub.",
        "a shape of huge numbers": b"\x80\x02\x8b\xe8\x03\0\0" + b"\x7f" * 1000 + b"q\x000"
        b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(X\x05\0\0\0shape(" + b"h\x00" * 100_000 + b"t"
        b"X\x05\0\0\0dtypecnumpy\ndtype\nX\x02\0\0\0u1\x89\x88\x87Rub.",
        "parts inside parts": b"\x80\x02Nq\x00"
        + b"".join(
            b"csklearn.ensemble._voting\nVotingClassifier\n)\x81}X\x0b\0\0\0estimators_]("
            + b"h\x00" * 50
            + b"esbq\x00"
            for _ in range(40)
        )
        + b".",
    }


@pytest.mark.parametrize("name", exhausting(SCALE))
def test_neither_time_nor_memory_runs_out(tmp_path: Path, name: str) -> None:
    _strained(tmp_path, exhausting(SCALE)[name], 380, SCALE)


@pytest.mark.slow
@pytest.mark.parametrize("name", exhausting(SCALE))
def test_neither_time_nor_memory_runs_out_at_the_limits_as_they_are(tmp_path: Path, name: str) -> None:
    _strained(tmp_path, zlib.compress(exhausting(4)[name], 1), MEGABYTES, 1)


def _strained(folder: Path, data: bytes, megabytes: int, scale: int) -> None:
    (folder / "case_0").write_bytes(data)
    started = time.monotonic()
    (code,) = watched(folder, megabytes, scale)
    assert time.monotonic() - started < 120
    assert code in ("", "too_complex", "decompression_bomb", "not_a_model_file", "plain_data", "truncated")
