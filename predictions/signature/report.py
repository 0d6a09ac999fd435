"""What is collected while rows are checked."""

from __future__ import annotations

from predictions.errors import InvalidRows, RowError
from predictions.values import SoftWarning

MAX_FAULTS = 100
"""Faults told about in one answer; checking stops there."""

MAX_WARNINGS = 100
"""Warnings kept for one row."""

MAX_SUGGESTIONS = 5
"""Misspelt names that get a suggestion in one answer: comparing with thousands of columns is not free."""


class Report:
    """Faults of all rows so far, and the warnings of the row being checked."""

    __slots__ = ("errors", "row", "suggestions_left", "warnings")

    def __init__(self, row: int = 0) -> None:
        self.row = row
        self.errors: list[RowError] = []
        self.warnings: list[SoftWarning] = []
        self.suggestions_left = MAX_SUGGESTIONS

    def fail(self, name: str | None, code: str, message: str) -> None:
        """Note a fault of the present row. Raises InvalidRows when there are enough of them."""
        self.errors.append(RowError(self.row, name, code, message))
        if len(self.errors) >= MAX_FAULTS:
            raise InvalidRows(self.errors)

    def warn(self, name: str, code: str, message: str) -> None:
        """Note something worth knowing about an accepted value of the present row."""
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(SoftWarning(name, code, message))

    def take_warnings(self) -> tuple[SoftWarning, ...]:
        """The present row's warnings; the next row starts without any."""
        if not self.warnings:
            return ()
        taken = tuple(self.warnings)
        self.warnings.clear()
        return taken
