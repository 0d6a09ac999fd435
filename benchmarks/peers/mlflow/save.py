"""Write a joblib file in MLflow's own form: python save.py FILE FOLDER."""

from __future__ import annotations

import shutil
import sys

import joblib
import mlflow.sklearn

file, folder = sys.argv[1:]
shutil.rmtree(folder, ignore_errors=True)
mlflow.sklearn.save_model(
    joblib.load(file), folder, pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle"
)
