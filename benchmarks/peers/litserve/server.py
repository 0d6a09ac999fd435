"""A LitServe API with batching: python server.py PORT MAX_BATCH_SIZE BATCH_TIMEOUT."""

from __future__ import annotations

import os
import sys

import joblib
import litserve
import numpy as np


class Subject(litserve.LitAPI):
    """Probabilities by row, in class order; requests of one or many rows share one vectorised call."""

    def setup(self, device):
        """Load the estimator in the worker."""
        self.estimator = joblib.load(os.environ["SUBJECT_FILE"])

    def decode_request(self, request):
        """The rows of one request."""
        return np.array(request["inputs"])

    def batch(self, inputs):
        """All rows, and how many each request had."""
        return np.concatenate(inputs), [len(rows) for rows in inputs]

    def predict(self, batch):
        """One call for all."""
        rows, counts = batch
        return self.estimator.predict_proba(rows), counts

    def unbatch(self, output):
        """Each request's own part."""
        shares, counts = output
        return np.split(shares, np.cumsum(counts)[:-1])

    def encode_response(self, output):
        """JSON."""
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    port, rows, seconds = sys.argv[1:]
    api = Subject(max_batch_size=int(rows), batch_timeout=float(seconds))
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")
