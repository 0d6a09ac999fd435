"""The form that brings a model file."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from predictions.file_fields import chain_field, unit_field
from predictions.models import MLModel


class BringForm(forms.Form):
    """Shape only; what the files are, the build finds out."""

    file = unit_field()
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

    chain = chain_field(widget=UnfoldAdminTextInputWidget)

    use_required_attribute = False
