"""The names that model files may hold, gathered from what scikit-learn and the libraries around it write."""

from __future__ import annotations

import re
from typing import Final


def words(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


BUILTINS = words(
    "object type list dict set frozenset tuple int float complex bool str bytes bytearray slice range "
    "NoneType Ellipsis NotImplemented"
)
STANDARD: Final[dict[str, frozenset[str]]] = {
    "builtins": BUILTINS,
    "collections": frozenset({"OrderedDict", "defaultdict", "deque", "Counter"}),
    "copyreg": frozenset({"_reconstructor", "__newobj__", "__newobj_ex__"}),
    "_codecs": frozenset({"encode"}),
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
    "decimal": frozenset({"Decimal"}),
    "fractions": frozenset({"Fraction"}),
    "functools": frozenset({"partial"}),
    "re": frozenset({"_compile"}),
    "uuid": frozenset({"UUID", "SafeUUID"}),
    "zoneinfo": frozenset({"ZoneInfo._unpickle"}),
}
BEYOND_STANDARD = words(
    "test pip setuptools pkg_resources distutils _distutils_hack wheel ensurepip IPython ipykernel notebook "
    "asyncore asynchat imp smtpd commands __builtin__ exceptions nt posix _winapi winreg msvcrt _winreg pexpect "
    "ptyprocess fabric paramiko requests httpx urllib3 aiohttp django celery psutil sh plumbum"
)
"""Modules that no estimator needs and that reach the machine or the network; gone or platform modules of Python too."""

LIBRARIES = words("sklearn numpy scipy pandas joblib xgboost lightgbm catboost imblearn category_encoders")
OTHER_LIBRARIES = words(
    "keras tensorflow tf_keras torch torchvision transformers pycaret statsmodels shap prophet spacy nltk gensim sktime "
    "tpot autogluon feature_engine mlxtend flaml mapie sklearn_pandas sklearn_crfsuite ngboost interpret skorch "
    "fairlearn lifelines sksurv scikeras optbinning sentence_transformers surprise implicit hdbscan umap pyod "
    "tslearn darts polars pyspark cuml dask h2o fastai skopt hyperopt optuna scikitplot dirty_cat skrub pygam "
    "econml causalml tabpfn pytorch_tabnet mlflow skl2onnx onnx onnxruntime skops sksfa woodwork evalml river "
    "nimbusml pmdarima arch scorecardpy yellowbrick eli5 lime alibi thundersvm sklearnex daal4py"
)
DISTRIBUTIONS: Final = {
    "imblearn": "imbalanced-learn",
    "category_encoders": "category-encoders",
    "sklearn": "scikit-learn",
}
"""Names under which a library is installed, where they differ from those it is imported by."""
PACKERS = frozenset({"cloudpickle", "dill", "joblib.externals.cloudpickle", "sklearn.externals.cloudpickle"})

CLASS = re.compile(r"_*[A-Z]\w*")
UNPICKLER = re.compile(
    r"__pyx_unpickle_\w+|_*(?:new|unpickle|pickle)_[A-Za-z]\w*|new_?[Bb]lock|make_block|_?\w+_unpickle"
)
DUNDER = re.compile(r"__\w+__")
ACTIONS = words(
    "load loads read readfile write save savez dump dumps fetch open exec eval execute system popen spawn run call "
    "compile import export download urlopen urlretrieve tofile fromfile fromregex genfromtxt loadtxt savetxt memmap "
    "runstring getattr setattr delattr delete remove rmtree unlink chmod source get_include"
)
NUMPY_FUNCTIONS = words(
    "abs absolute add arccos arccosh arcsin arcsinh arctan arctanh around asarray asanyarray atleast_2d array cbrt ceil "
    "clip cos cosh cumsum deg2rad degrees divide exp exp2 expm1 fix float_power floor log log10 log1p log2 logaddexp "
    "max amax maximum mean median min amin minimum mod multiply nan_to_num nanmax nanmean nanmedian nanmin nanstd nansum "
    "negative ones power prod rad2deg radians ravel reciprocal reshape rint round round_ sign sin sinh sqrt square std "
    "subtract sum tan tanh transpose true_divide trunc var zeros isnan isfinite isinf logical_not invert squeeze"
)
NUMPY_TYPES = re.compile(
    r"(?:u?int(?:8|16|32|64|p|c|_)?|float(?:16|32|64|96|128|_)?|complex(?:64|128|256|_)?|u?longlong|u?long|u?short|u?byte"
    r"|bool_?|bool8|str_|bytes_|string_|unicode_|object_|void|datetime64|timedelta64|half|single|double|longdouble"
    r"|c?longfloat|c(?:single|double|longdouble)|number|generic|integer|floating|inexact)"
)
NUMPY_EXACT = words(
    "numpy.dtype numpy.ndarray numpy.matrix numpy.recarray numpy.random._pickle.__randomstate_ctor "
    "numpy.random._pickle.__generator_ctor numpy.random._pickle.__bit_generator_ctor numpy.random.__RandomState_ctor "
    "numpy.ma.MaskedArray numpy.ma.MaskedConstant numpy.ma.core._mareconstruct numpy.ma.core.MaskedArray numpy.ma.core.MaskedConstant "
    "numpy.matrixlib.defmatrix.matrix numpy.lib.index_tricks.nd_grid"
)
NUMPY_CORE = frozenset({"_reconstruct", "scalar", "_frombuffer", "_ufunc_reconstruct", "recarray", "record"})
NUMPY_PLACES = re.compile(
    r"numpy|numpy\._?core(?:\.(?:_multiarray_umath|multiarray|numeric|umath|fromnumeric|records|_methods))?"
    r"|numpy\.lib\.(?:_?type_check|_?ufunclike|_?nanfunctions|_?function_base)(?:_impl)?"
)
NUMPY_CLASSES = re.compile(r"numpy\.(?:random(?:\.\w+)?|dtypes|polynomial(?:\.\w+)?)")

CLOSED_PARTS: Final[dict[str, frozenset[str]]] = {
    "sklearn": words(
        "datasets externals conftest tests _testing estimator_checks fixes _build_utils __check_build _joblib "
        "_export _mocking _show_versions deprecation parallel"
    ),
    "scipy": words("_lib io weave tests testing conftest _build_utils datasets misc _matrix_io _ccallback"),
    "pandas": words("io computation tests testing _testing plotting pickle_compat conftest util _config"),
    "xgboost": words("testing dask spark plotting tracker collective libpath"),
    "lightgbm": words("dask plotting libpath"),
    "catboost": words("datasets widget utils monoforest dev_utils hnsw carry"),
    "numpy": words("f2py testing tests distutils ctypeslib _pyinstaller conftest npyio format _datasource"),
    "joblib": words("externals parallel numpy_pickle pool executor _parallel_backends test testing"),
    "imblearn": words("datasets tests utils._testing _testing estimator_checks keras tensorflow"),
    "category_encoders": words("datasets tests"),
}
SCIPY_EXACT = frozenset({"scipy._lib.array_api_compat.numpy._aliases.asarray"})
"""Kept by every BSpline, and so by SplineTransformer."""
JOBLIB = frozenset({"joblib.memory.Memory", "joblib.logger.Logger"})
