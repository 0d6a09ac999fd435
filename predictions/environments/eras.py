"""Which Pythons and libraries go with which scikit-learn: a table, tried on real files of every release (2026-11).

For each minor release the newest pandas, NumPy and SciPy that it was still released against, and a skl2onnx that knows it.
"""

from __future__ import annotations

from dataclasses import dataclass

Minor = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Era:
    """What goes with one or more minor releases of scikit-learn, ``since`` being the oldest of them.

    ``pythons``: those its wheels were made for. ``packages``: bounds beside it. ``converter``: bounds of what makes ONNX;
    empty where it does not run. ``libraries``: bounds by import name, for files that do not say which release they need.
    """

    since: Minor
    pythons: tuple[Minor, ...]
    packages: tuple[str, ...]
    converter: tuple[str, ...] = ()
    libraries: tuple[tuple[str, str], ...] = ()


def _pythons(first: int, last: int) -> tuple[Minor, ...]:
    return tuple((3, minor) for minor in range(last, first - 1, -1))


def _libraries(
    xgboost: str = "", lightgbm: str = "", catboost: str = "", imblearn: str = "", encoders: str = ""
) -> tuple[tuple[str, str], ...]:
    found = (
        ("xgboost", "xgboost", xgboost),
        ("lightgbm", "lightgbm", lightgbm),
        ("catboost", "catboost", catboost),
        ("imblearn", "imbalanced-learn", imblearn),
        ("category_encoders", "category-encoders", encoders),
    )
    return tuple((name, f"{package}<{bound}") for name, package, bound in found if bound)


ERAS: tuple[Era, ...] = (
    Era((1, 9), _pythons(11, 14), (), ("onnx", "onnxruntime", "skl2onnx", "protobuf<7")),
    Era((1, 8), _pythons(11, 14), ("pandas<3",), ("onnx", "onnxruntime", "skl2onnx", "protobuf<7")),
    Era(
        (1, 7),
        _pythons(10, 14),
        ("pandas<3", "numpy<2.4", "scipy<1.17"),
        ("onnx<1.18", "onnxruntime<1.24", "skl2onnx<1.20", "protobuf<7"),
        _libraries(imblearn="0.15", encoders="2.10"),
    ),
    Era(
        (1, 6),
        _pythons(9, 13),
        ("pandas<3", "numpy<2.3", "scipy<1.16"),
        ("onnx<1.18", "onnxruntime<1.23", "skl2onnx<1.20", "protobuf<6"),
        _libraries(xgboost="3.1", imblearn="0.14", encoders="2.9"),
    ),
    Era(
        (1, 5),
        _pythons(9, 13),
        ("pandas<2.3", "numpy<2.2", "scipy<1.15"),
        ("onnx<1.18", "onnxruntime<1.21", "skl2onnx<1.19", "protobuf<6"),
        _libraries(xgboost="2.2", lightgbm="4.6", imblearn="0.13", encoders="2.7"),
    ),
    Era(
        (1, 4),
        _pythons(9, 12),
        ("pandas<2.3", "numpy<2", "scipy<1.14"),
        ("onnx<1.17", "onnxruntime<1.20", "skl2onnx<1.18", "protobuf<5"),
        _libraries(xgboost="2.2", lightgbm="4.6", imblearn="0.13", encoders="2.7"),
    ),
    Era(
        (1, 3),
        _pythons(8, 12),
        ("pandas<2.2", "numpy<2", "scipy<1.12"),
        ("onnx<1.16", "onnxruntime<1.18", "skl2onnx<1.17", "protobuf<5"),
        _libraries(xgboost="2.1", lightgbm="4.4", catboost="1.2.4", imblearn="0.12", encoders="2.7"),
    ),
    Era(
        (1, 2),
        _pythons(8, 11),
        ("pandas<2.1", "numpy<1.25", "scipy<1.11", "joblib<1.3"),
        ("onnx<1.15", "onnxruntime<1.17", "skl2onnx<1.16", "protobuf<4"),
        _libraries(xgboost="1.8", lightgbm="4", catboost="1.2.3", imblearn="0.11", encoders="2.7"),
    ),
    Era(
        (1, 1),
        _pythons(8, 11),
        ("pandas<2.1", "numpy<1.25", "scipy<1.11", "joblib<1.3"),
        ("onnx<1.15", "onnxruntime<1.17", "skl2onnx<1.16", "protobuf<4"),
        _libraries(xgboost="1.8", lightgbm="4", catboost="1.2.3", imblearn="0.10", encoders="2.6"),
    ),
    Era(
        (1, 0),
        _pythons(7, 10),
        ("pandas<1.6", "numpy<1.24", "scipy<1.9", "joblib<1.3"),
        (),
        _libraries(xgboost="1.8", lightgbm="4", catboost="1.2.3", imblearn="0.10", encoders="2.6"),
    ),
    Era(
        (0, 22),
        _pythons(7, 8),
        ("pandas<1.3", "numpy<1.20", "scipy<1.6", "joblib<1.2"),
        (),
        _libraries(xgboost="1.7", lightgbm="4", catboost="1.1", imblearn="0.9", encoders="2.4"),
    ),
    Era(
        (0, 19),
        _pythons(7, 7),
        ("pandas<1.2", "numpy<1.19", "scipy<1.5", "joblib<1.0"),
        (),
        _libraries(xgboost="1.3", lightgbm="3.2", catboost="1.0", imblearn="0.6", encoders="2.3"),
    ),
)
"""The newest first."""

FIRST_PATCH: dict[Minor, dict[Minor, str]] = {
    (0, 24): {(3, 9): "0.24.0"},
    (1, 0): {(3, 10): "1.0.2"},
    (1, 1): {(3, 11): "1.1.3"},
    (1, 3): {(3, 12): "1.3.1"},
    (1, 5): {(3, 13): "1.5.2"},
    (1, 7): {(3, 14): "1.7.2"},
}
"""The first patch release with wheels for the newest Pythons of a minor release."""

NEWEST_PATCH: dict[Minor, str] = {
    (0, 19): "0.19.2",
    (0, 20): "0.20.4",
    (0, 21): "0.21.3",
    (0, 22): "0.22.2.post1",
    (0, 23): "0.23.2",
    (0, 24): "0.24.2",
    (1, 0): "1.0.2",
    (1, 1): "1.1.3",
    (1, 2): "1.2.2",
    (1, 3): "1.3.2",
    (1, 4): "1.4.2",
    (1, 5): "1.5.2",
    (1, 6): "1.6.1",
    (1, 7): "1.7.2",
    (1, 8): "1.8.0",
    (1, 9): "1.9.1",
}

ALONE: frozenset[Minor] = frozenset({(1, 1)})
"""Minor releases of which the next patch is no stand-in: what 1.1.0 to 1.1.2 saved, 1.1.3 does not open."""

NUMPY_2_SINCE = "1.4.2"
"""The first release whose wheels run with NumPy 2."""
