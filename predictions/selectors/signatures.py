"""Signatures of a version: as its build found it."""

from __future__ import annotations

from predictions.models import ModelVersion
from predictions.signature.fields import Signature

BUILT_SIGNATURE = "signature"
"""In a version's report, where its first revision was already edited."""


def built_of(version: ModelVersion) -> Signature:
    """What the build found in the file, before anybody edited it. Raises SignatureRevision.DoesNotExist if not sealed."""
    document = version.report.get(BUILT_SIGNATURE)
    if document is None:
        document = version.revisions.get(number=1).document
    return Signature.from_document(document)
