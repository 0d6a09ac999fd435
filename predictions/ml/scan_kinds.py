"""What a class is, told by its name and module: nothing of the libraries is imported to find out."""

from __future__ import annotations

from typing import Any, Final

from predictions.ml.scan_symbols import Global, Symbol

LEARNERS: Final = frozenset({"sklearn", "xgboost", "lightgbm", "catboost", "imblearn", "category_encoders"})
_PARTS: Final = frozenset(
    {
        "preprocessing",
        "impute",
        "decomposition",
        "feature_extraction",
        "feature_selection",
        "random_projection",
        "kernel_approximation",
        "over_sampling",
        "under_sampling",
    }
)
_PREPARING_LEARNERS: Final = frozenset(
    {"SplineTransformer", "TargetEncoder", "Isomap", "LocallyLinearEmbedding"}
)
_OUTLIERS: Final = frozenset(
    {"IsolationForest", "OneClassSVM", "SGDOneClassSVM", "EllipticEnvelope", "LocalOutlierFactor"}
)
_CLASSIFIERS: Final = frozenset(
    {
        "LogisticRegression",
        "LogisticRegressionCV",
        "SVC",
        "NuSVC",
        "LinearSVC",
        "Perceptron",
        "GaussianNB",
        "MultinomialNB",
        "BernoulliNB",
        "ComplementNB",
        "CategoricalNB",
        "LinearDiscriminantAnalysis",
        "QuadraticDiscriminantAnalysis",
        "NearestCentroid",
        "LabelPropagation",
        "LabelSpreading",
        "CatBoost",
    }
)
_REGRESSORS: Final = frozenset(
    {
        "LinearRegression",
        "Ridge",
        "RidgeCV",
        "Lasso",
        "LassoCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
        "Lars",
        "LarsCV",
        "ElasticNet",
        "ElasticNetCV",
        "BayesianRidge",
        "ARDRegression",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "SVR",
        "NuSVR",
        "LinearSVR",
        "KernelRidge",
        "IsotonicRegression",
        "PLSRegression",
        "PLSCanonical",
        "CCA",
        "MultiTaskLasso",
        "MultiTaskLassoCV",
        "MultiTaskElasticNet",
        "MultiTaskElasticNetCV",
    }
)
_OTHERS_OF_SKLEARN: Final = (
    "tree._tree",
    "_loss",
    "utils",
    "neighbors._kd_tree",
    "neighbors._ball_tree",
    "metrics",
)


def class_of(value: Any) -> Global | None:
    """The class an object was made of, None for what is no object of a class."""
    return value.cls if isinstance(value, Symbol) else None


def is_part(value: Any) -> bool:
    """Whether a value is an estimator or transformer of a known library, or looks like one of the author's."""
    cls = class_of(value)
    if cls is None or not isinstance(value, Symbol):
        return False
    if cls.top in LEARNERS:
        inside = cls.module.partition(".")[2]
        return (
            cls.name[:1].isupper()
            and not inside.startswith(_OTHERS_OF_SKLEARN)
            and cls.name not in _NOT_PARTS
        )
    return bool({"_sklearn_version", "n_features_in_"} & value.state.items.keys())


_NOT_PARTS: Final = frozenset(
    {"Tree", "BinaryTree", "Bunch", "DMatrix", "Dataset", "TreePredictor", "_BinMapper"}
)


def kind_of(value: Symbol) -> str:
    """One word: pipeline, columns, union, search, transformer or estimator."""
    cls = class_of(value) or value.cls
    name = cls.name
    if name in ("Pipeline", "ColumnTransformer", "FeatureUnion"):
        return {"Pipeline": "pipeline", "ColumnTransformer": "columns", "FeatureUnion": "union"}[name]
    if name.endswith("SearchCV"):
        return "search"
    return "transformer" if _is_transformer(cls, value) else "estimator"


def _is_transformer(cls: Global, value: Symbol) -> bool:
    if _task_by_name(cls.name):
        return False
    if cls.top == "category_encoders" or name_says_transformer(cls.name):
        return True
    if "classes_" in value.state.items and cls.name not in _LABELS:
        return False
    return cls.name in _PREPARING_LEARNERS or not _PARTS.isdisjoint(cls.module.split("."))


_LABELS: Final = frozenset({"LabelEncoder", "LabelBinarizer", "MultiLabelBinarizer"})


def name_says_transformer(name: str) -> bool:
    """Whether a class calls itself one, as authors' own classes do."""
    return name.endswith(
        ("Transformer", "Scaler", "Encoder", "Imputer", "Vectorizer", "Selector", "Binarizer")
    )


def is_label_encoder(value: Any) -> bool:
    """Whether it turns the answer's texts into codes, not an input's."""
    cls = class_of(value)
    return cls is not None and cls.name in _LABELS


def task_of(value: Symbol) -> str:
    """classification, regression, outlier, clustering or empty, of a single estimator."""
    cls = class_of(value) or value.cls
    known = _task_by_name(cls.name)
    if known:
        return known
    if ".cluster" in cls.module:
        return "clustering"
    if cls.name in _LABELS:
        return ""
    return "classification" if "classes_" in value.state.items else ""


def _task_by_name(name: str) -> str:
    if name in _OUTLIERS:
        return "outlier"
    if name in _CLASSIFIERS or name.endswith(("Classifier", "ClassifierCV")):
        return "classification"
    if name in _REGRESSORS or name.endswith(("Regressor", "RegressorCV")):
        return "regression"
    return ""
