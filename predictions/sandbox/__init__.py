"""Untrusted files: a confined process opens them, and only data comes out."""

from __future__ import annotations

from predictions.sandbox.limits import Limits
from predictions.sandbox.native_server import NativeServer, StoredCode
from predictions.sandbox.process import run
from predictions.sandbox.results import SandboxReport, SandboxResult, Stopped
from predictions.sandbox.stored import StoredFile, in_sandbox, listed

__all__ = [
    "Limits",
    "NativeServer",
    "SandboxReport",
    "SandboxResult",
    "Stopped",
    "StoredCode",
    "StoredFile",
    "in_sandbox",
    "listed",
    "run",
]
