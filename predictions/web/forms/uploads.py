"""The form that brings a model file."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from predictions.models import MLModel


class UploadForm(forms.Form):
    """Shape only; what the file is, the build finds out."""

    file = forms.FileField(
        label=_("Model file"),
        help_text=_(
            "A fitted estimator or pipeline saved with joblib, pickle or skops, an ONNX graph, or a zip of an MLflow folder."
        ),
        allow_empty_file=True,
        error_messages={"required": _("Choose the file that holds the trained estimator.")},
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        help_text=_("What people will call it. The name of an ML model of yours makes its next version."),
        error_messages={"required": _("Give it a name that people will recognize.")},
    )
    description = forms.CharField(
        label=_("What it answers"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One or two sentences for the people who will use it."),
    )
    sample = forms.FileField(
        label=_("Sample rows"),
        required=False,
        allow_empty_file=True,
        help_text=_(
            "A CSV with some typical cases: it gives types, ranges, categories and an example. Not kept as answers."
        ),
    )
    code = forms.FileField(
        label=_("Code package"),
        required=False,
        allow_empty_file=True,
        help_text=_(
            "Only for a model with classes of its author: a wheel or zip with the modules that define them. It runs in "
            "the sandbox of this model alone."
        ),
    )
    main_module = forms.CharField(
        label=_("Main module"),
        required=False,
        max_length=200,
        help_text=_(
            "The module in the package that defines what the training script itself defined. Often not needed."
        ),
    )
    visibility = forms.ChoiceField(
        label=_("Who may use it"), choices=MLModel.Visibility.choices, initial=MLModel.Visibility.PRIVATE
    )
    go_live = forms.BooleanField(
        label=_("Go live as soon as it is built"),
        required=False,
        help_text=_("Otherwise look at the report first and go live with one click."),
    )


class UploadWithoutCodeForm(UploadForm):
    """For those who may not bring code: the fields are not there, and what is sent for them is not read."""

    code = None  # type: ignore[assignment]
    main_module = None  # type: ignore[assignment]


class DescribeForm(forms.Form):
    """What an ml_model says of itself."""

    name = forms.CharField(label=_("Name"), max_length=120)
    description = forms.CharField(
        label=_("What it answers"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    visibility = forms.ChoiceField(label=_("Who may use it"), choices=MLModel.Visibility.choices)
