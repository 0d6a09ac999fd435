"""One form field that takes several files, for the pages and the desk alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class FilesInput(forms.FileInput):
    """A file input that lets people choose, or drop, several at once. Works without JavaScript."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """``cleaned_data`` holds a list of uploaded files in the order in which they were sent, at least one."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> Any:
        """The files. Raises ValidationError as one file's field does, and for none at all."""
        given: Sequence[Any] = data if isinstance(data, (list, tuple)) else [data]
        found = [file for file in given if file] or [None]
        return [super(FilesField, self).clean(file, initial) for file in found]


def unit_field(**kwargs: Any) -> FilesField:
    """The field for a model and everything that belongs to it."""
    return FilesField(
        label=_("Files"),
        help_text=_(
            "The trained estimator, saved with joblib, pickle or skops, an ONNX graph, or a zip of an MLflow folder. With it, "
            "in any order: the scaler, encoder or vectorizer that stands before it, a list of its columns (JSON), and a "
            "CSV of typical cases, which gives types, ranges and an example and is not kept as answers."
        ),
        allow_empty_file=True,
        error_messages={"required": _("Choose the file that holds the trained estimator.")},
        **kwargs,
    )


def chain_field(**kwargs: Any) -> forms.CharField:
    """The field for the order of transformers, names with commas between them."""
    return forms.CharField(
        label=_("Order of the transformers"),
        required=False,
        max_length=3000,
        help_text=_(
            "Only where a build asked for it: the names of their files, first the one that takes the columns. "
            "For example: imputer.pkl, scaler.pkl"
        ),
        **kwargs,
    )
