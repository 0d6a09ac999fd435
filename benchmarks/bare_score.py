"""The bare script that scoring a file is measured against: read it, predict with scikit-learn, write it.

``python benchmarks/bare_score.py estimator.joblib rows.csv answers.csv`` prints the seconds of each part as JSON;
starting Python and importing the libraries is not counted.
"""

from __future__ import annotations

import json
import sys
import time

import joblib
import pandas as pd


def main(estimator_file: str, rows_file: str, answers_file: str) -> None:
    """Writes the rows with their answers, and once more the answers alone (``answers_file`` + ``.only``)."""
    estimator = joblib.load(estimator_file)
    begun = time.perf_counter()
    rows = pd.read_csv(rows_file)
    read = time.perf_counter()
    shares = estimator.predict_proba(rows)
    answers = pd.DataFrame(shares, columns=[f"probability.{label}" for label in estimator.classes_])
    answers.insert(0, "outcome", estimator.classes_[shares.argmax(axis=1)])
    predicted = time.perf_counter()
    pd.concat([rows, answers], axis=1).to_csv(answers_file, index=False)
    written = time.perf_counter()
    answers.to_csv(f"{answers_file}.only", index=False)
    alone = time.perf_counter() - written
    seconds = {"read": read - begun, "predict": predicted - read, "write": written - predicted}
    print(json.dumps({**seconds, "write_answers_only": alone}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
