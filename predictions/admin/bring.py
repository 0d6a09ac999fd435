"""The form that brings a model file."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from predictions.models import MLModel


class BringForm(forms.Form):
    """Shape only; what the file is, the build finds out."""

    file = forms.FileField(
        label=_("Model file"),
        allow_empty_file=True,
        help_text=_("A fitted estimator or pipeline saved with joblib, pickle or skops, or an ONNX graph."),
        error_messages={"required": _("Choose the file that holds the trained estimator.")},
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What people will call it. The name of an ML model of yours makes its next version."),
        error_messages={"required": _("Give it a name that people will recognize.")},
    )
    description = forms.CharField(
        label=_("What it answers"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("One or two sentences for the people who will use it."),
    )
    sample = forms.FileField(
        label=_("Sample rows"),
        required=False,
        allow_empty_file=True,
        help_text=_("A CSV with typical cases: it gives types, ranges, categories and an example."),
    )
    visibility = forms.ChoiceField(
        label=_("Visible to"),
        choices=MLModel.Visibility.choices,
        initial=MLModel.Visibility.PRIVATE,
        widget=UnfoldAdminSelectWidget,
    )
    go_live = forms.BooleanField(
        label=_("Go live as soon as it is built"),
        required=False,
        help_text=_("Otherwise read the report first and go live with one click."),
    )

    use_required_attribute = False
