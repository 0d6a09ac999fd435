"""A file that would run something is refused by name, and nothing runs."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.stats
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

from predictions.errors import BadModelFile
from predictions.ml.scan import require_acceptable, scan_file
from tests.ml.uploads import Calls, raw, refused, written

FLAG = "predictions-scan-ran-this"


def test_os_system_is_named_and_does_not_run(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps(Calls(os.system, f"touch {tmp_path / FLAG}")))
    error = refused(path)
    assert error.code == "dangerous_code"
    assert error.message == (
        "This file would run the command `os.system` when opened, so it was refused. "
        "Bring the estimator itself, saved with joblib.dump."
    )
    assert not (tmp_path / FLAG).exists()


def test_a_command_behind_arrays_in_a_compressed_joblib_is_found(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    joblib.dump([np.arange(1000.0), np.array(["a", Calls(eval, "1")], dtype=object)], path, compress=3)
    assert refused(path).code == "dangerous_code"
    joblib.dump(
        [np.arange(1000.0), LinearRegression(), Calls(subprocess.call, "true")], path, compress=("xz", 3)
    )
    assert "subprocess.call" in refused(path).message


DANGEROUS = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("builtins", "open"),
    ("__builtin__", "eval"),
    ("commands", "getoutput"),
    ("sys", "modules"),
    ("socket", "socket"),
    ("shutil", "rmtree"),
    ("importlib", "import_module"),
    ("runpy", "run_path"),
    ("ctypes", "CDLL"),
    ("pty", "spawn"),
    ("webbrowser", "open"),
    ("code", "InteractiveInterpreter.runcode"),
    ("operator", "attrgetter"),
    ("operator", "methodcaller"),
    ("pickle", "loads"),
    ("_pickle", "loads"),
    ("joblib", "load"),
    ("joblib.numpy_pickle", "load"),
    ("dill.session", "load_session"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy.f2py.crackfortran", "myeval"),
    ("numpy", "load"),
    ("numpy", "f2py.os.system"),
    ("pandas", "eval"),
    ("pandas", "read_pickle"),
    ("pandas.core.computation.eval", "eval"),
    ("pandas.core.frame", "DataFrame.eval"),
    ("pip", "main"),
    ("pip._internal.cli.main", "main"),
    ("setuptools", "setup"),
    ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
    ("multiprocessing.util", "spawnv_passfds"),
    ("torch", "load"),
    ("torch.serialization", "load"),
    ("timeit", "timeit"),
    ("profile", "run"),
    ("cProfile", "runctx"),
    ("trace", "Trace.run"),
    ("pdb", "run"),
    ("idlelib.pyshell", "ModifiedInterpreter.runcommand"),
    ("lib2to3.pgen2.grammar", "Grammar.loads"),
    ("distutils.file_util", "write_file"),
    ("imaplib", "IMAP4_stream"),
    ("doctest", "debug_script"),
    ("types", "FunctionType"),
    ("marshal", "loads"),
    ("logging.config", "listen"),
    ("urllib.request", "urlopen"),
    ("ssl", "get_server_certificate"),
    ("sklearn.datasets", "fetch_openml"),
    ("sklearn.datasets._base", "load_files"),
    ("sklearn.utils._testing", "os.system"),
    ("sklearn.pipeline", "Pipeline.__init__.__globals__"),
    ("sklearn.externals.joblib", "load"),
    ("scipy._lib._ccallback", "ctypes.CDLL"),
    ("sklearn.utils", "warnings"),
    ("evil.joblib", "NumpyArrayWrapper"),
    ("sklearn.utils", "joblib.numpy_pickle.NumpyArrayWrapper"),
]


@pytest.mark.parametrize(("module", "name"), DANGEROUS, ids=lambda text: text)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_known_ways_to_run_something_are_refused(
    tmp_path: Path, module: str, name: str, protocol: int
) -> None:
    call = b"(S'x'\ntR."
    if protocol == 4:
        texts = b"".join(b"\x8c" + bytes([len(text)]) + text.encode() + b"\x94" for text in (module, name))
        data = b"\x80\x04" + texts + b"\x93" + call
    else:
        data = (b"\x80\x02" if protocol else b"") + f"c{module}\n{name}\n".encode() + call
    assert refused(written(tmp_path, data)).code == (
        "unknown_code" if module.startswith("dill") else "dangerous_code"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93(\x8c\x01xtR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02(cos\nsystem\nX\x04\x00\x00\x00trueo.",
        b"\x80\x02cos\nsystem\n.",
        b"\x80\x02cos\nsystem\nU\x04true\x85Rbroken",
        b"\x80\x02csklearn.base\nBaseEstimator\n)\x81}q\x00(X\x01\x00\x00\x00acos\nsystem\nsb.",
        b"\x80\x02cos\nsystem\n)\x81.",
    ],
    ids=["memo", "inst", "obj", "named only", "broken later", "in a state", "newobj"],
)
def test_every_opcode_that_names_or_calls_is_followed(tmp_path: Path, data: bytes) -> None:
    error = refused(written(tmp_path, data))
    assert (error.code, "os.system" in error.message) == ("dangerous_code", True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            raw(
                "_codecs",
                "encode",
                b"(X\x02\x00\x00\x00osX\x06\x00\x00\x00latin1tRX\x06\x00\x00\x00system\x93.",
            ),
            "hides",
        ),
        (
            raw("numpy.core", "_ufunc_reconstruct", b"(X\x02\x00\x00\x00osX\x06\x00\x00\x00systemtR."),
            "os.system",
        ),
        (raw("numpy.core", "_ufunc_reconstruct", b"(NNtR."), "hides"),
        (raw("sklearn.base", "BaseEstimator", b"}(X\x01\x00\x00\x00xK\x01ub."), "changes a library"),
        (raw("collections", "OrderedDict", b"X\x01\x00\x00\x00xK\x01s."), "changes a library"),
        (raw("functools", "partial", b"cfunctools\npartial\n\x85R)R."), "builds itself"),
        (raw("builtins", "type", b"(X\x01\x00\x00\x00x)}tR."), "classes of its own"),
        (b"\x80\x02\x82\x01)R.", "hides"),
        (raw("copyreg", "_reconstructor", b"(K\x01K\x02NtR."), "hides"),
    ],
)
def test_tricks_are_refused_in_words(tmp_path: Path, data: bytes, words: str) -> None:
    error = refused(written(tmp_path, data))
    assert error.code == "dangerous_code"
    assert words in error.message


def test_text_that_scipy_would_run_is_refused(tmp_path: Path) -> None:
    frozen = scipy.stats.uniform(0, 1)
    require_acceptable(scan_file(written(tmp_path, pickle.dumps({"a": frozen, "b": LinearRegression()}))))
    frozen.dist._parse_arg_template = "import os; os.system('true')"
    error = refused(written(tmp_path, pickle.dumps({"a": frozen, "b": LinearRegression()})))
    assert (error.code, "Python text" in error.message) == ("dangerous_code", True)


def test_a_frame_that_hides_opcodes_from_a_straight_reader_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    joblib.dump({"rows": np.arange(4.0), "x": 1}, file, protocol=4)
    data = bytearray(file.getvalue())
    (length,) = struct.unpack("<Q", data[3:11])
    data[3:11] = struct.pack("<Q", length + 20)
    assert refused(written(tmp_path, bytes(data))).code in ("not_a_model_file", "truncated")


def test_an_array_that_lies_about_its_type_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    joblib.dump([np.arange(4.0), LinearRegression()], file)
    data = file.getvalue().replace(b"\x8c\x02f8", b"\x8c\x02q!", 1)
    assert refused(written(tmp_path, data)).code == "not_a_model_file"


def test_code_of_the_author_is_named(tmp_path: Path) -> None:
    class Own:
        pass

    Own.__module__, Own.__qualname__ = "features.ages", "AgeBinner"
    data = raw("features.ages", "AgeBinner", b")\x81.")
    error = refused(written(tmp_path, data))
    assert error.code == "own_code"
    assert "`features.ages.AgeBinner`, code of its author that this site does not have" in error.message
    assert "Save a Pipeline made of scikit-learn parts only" in error.message
    main = refused(written(tmp_path, raw("__main__", "clean", b".")))
    assert (main.code, "`clean`" in main.message) == ("own_code", True)


def test_a_site_that_has_the_code_of_the_author_lifts_that_refusal_and_no_other(tmp_path: Path) -> None:
    own = b"cfeatures.ages\nAgeBinner\n)\x81"
    report = scan_file(written(tmp_path, b"\x80\x02" + own + b"."))
    assert report.own_code == ("features.ages.AgeBinner",)
    require_acceptable(report, with_own_code=True)
    for more, code in ((b"cos\nsystem\n", "dangerous_code"), (b"cnumpy\napply_over_axes\n", "unknown_code")):
        beside = scan_file(written(tmp_path, b"\x80\x02" + own + more + b"\x86."))
        assert beside.own_code == report.own_code
        with pytest.raises(BadModelFile) as caught:
            require_acceptable(beside, with_own_code=True)
        assert caught.value.code == code


def test_a_function_of_the_author_in_a_function_transformer_is_own_code(tmp_path: Path) -> None:
    transformer = FunctionTransformer(np.log1p)
    require_acceptable(scan_file(written(tmp_path, pickle.dumps(transformer))))
    data = pickle.dumps(transformer, 2).replace(b"cnumpy\nlog1p\n", b"capp.prepare\ntake_logs\n")
    assert scan_file(written(tmp_path, data)).own_code == ("app.prepare.take_logs",)


def test_a_pickle_inside_an_array_cannot_hide_opcodes_behind_a_joblib_array(tmp_path: Path) -> None:
    """joblib opens the pickle of an array of objects with pickle, which reads no raw bytes there."""
    file = io.BytesIO()
    joblib.dump([np.array([None, "a"], dtype=object), LinearRegression()], file)
    data = file.getvalue()
    place = data.index(b"\x80", 2)
    inner = (
        b"\x80\x02cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(X\x05\0\0\0shapeK\x08\x85X\x05\0\0\0dtype"
        b"cnumpy\ndtype\nX\x02\0\0\0u1\x89\x88\x87Rub" + b"00000000" + b"."
    )
    assert refused(written(tmp_path, data[:place] + inner + data[place:])).code == "not_a_model_file"


def test_functions_packed_by_cloudpickle_are_told(tmp_path: Path) -> None:
    error = refused(written(tmp_path, raw("cloudpickle.cloudpickle", "_make_function", b"(K\x01tR.")))
    assert (error.code, "cloudpickle" in error.message) == ("unknown_code", True)


def test_a_name_that_is_not_on_the_list_is_told(tmp_path: Path) -> None:
    error = refused(written(tmp_path, raw("numpy", "apply_over_axes", b".")))
    assert (error.code, "`numpy.apply_over_axes`" in error.message) == ("unknown_code", True)


def test_names_in_messages_are_cut_and_cleaned(tmp_path: Path) -> None:
    error = refused(written(tmp_path, raw("<script>", "x" * 500, b".")))
    assert "<" not in error.message
    assert len(error.message) < 300


def test_names_on_lines_are_read_as_pickle_reads_them(tmp_path: Path) -> None:
    report = scan_file(written(tmp_path, b"\x80\x02capp.\xc3\xa4rzte\nSch\\x61tz er\n."))
    assert report.own_code == ("app.ärzte.Sch\\x61tz er",)
