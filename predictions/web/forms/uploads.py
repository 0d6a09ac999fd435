"""The form that brings a model file."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from predictions.file_fields import FilesInput, chain_field, unit_field
from predictions.models import MLModel


class UploadForm(forms.Form):
    """Shape only; what the files are, the build finds out."""

    file = unit_field(widget=FilesInput(attrs={"data-files": ""}))
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
    chain = chain_field()


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
