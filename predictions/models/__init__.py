"""ORM only: fields, constraints, choices."""

from __future__ import annotations

from predictions.models.api_keys import ApiKey
from predictions.models.blocks import PredictionBlock
from predictions.models.environments import Environment
from predictions.models.jobs import Job
from predictions.models.ml_models import (
    Deployment,
    MLModel,
    ModelVersion,
    SignatureRevision,
    Source,
    SourceFile,
)
from predictions.models.predictions import Prediction, Review
from predictions.models.scoring import ScoreFile, ScorePiece

__all__ = [
    "ApiKey",
    "Deployment",
    "Environment",
    "Job",
    "MLModel",
    "ModelVersion",
    "Prediction",
    "PredictionBlock",
    "Review",
    "ScoreFile",
    "ScorePiece",
    "SignatureRevision",
    "Source",
    "SourceFile",
]
