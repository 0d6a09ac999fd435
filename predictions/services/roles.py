"""The usual roles of staff accounts, as groups of permissions."""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.translation import gettext_lazy

from predictions.apps import PredictionsConfig

REVIEWERS = "Reviewers"
MODEL_OWNERS = "Model owners"
OPERATORS = "Operators"

ABILITIES = {
    "view_prediction": gettext_lazy("See recorded answers"),
    "add_review": gettext_lazy("Judge recorded answers"),
    "view_review": gettext_lazy("See all verdicts"),
    "view_mlmodel": gettext_lazy("See ML models"),
    "add_mlmodel": gettext_lazy("Bring model files"),
    "change_mlmodel": gettext_lazy("Manage their own ML models"),
    "view_modelversion": gettext_lazy("See versions and build reports"),
    "view_signaturerevision": gettext_lazy("See edits of fields"),
    "add_code_package": gettext_lazy("Bring own code beside a model file"),
    "view_source": gettext_lazy("See the files they uploaded"),
    "view_job": gettext_lazy("Follow their jobs"),
    "view_environment": gettext_lazy("See environments of other scikit-learn releases"),
    "delete_environment": gettext_lazy("Remove such environments"),
    "view_apikey": gettext_lazy("See API keys"),
    "add_apikey": gettext_lazy("Make API keys"),
    "change_apikey": gettext_lazy("Revoke API keys"),
    "view_user": gettext_lazy("See accounts"),
    "add_user": gettext_lazy("Make accounts"),
    "change_user": gettext_lazy("Change accounts outside the staff"),
}
"""Every permission that means something on this site, in words; the others Django makes have no effect."""

ROLES: dict[str, tuple[str, ...]] = {
    REVIEWERS: ("view_prediction", "view_review", "add_review"),
    MODEL_OWNERS: (
        "view_mlmodel",
        "add_mlmodel",
        "change_mlmodel",
        "view_modelversion",
        "view_signaturerevision",
        "view_source",
        "view_job",
    ),
    OPERATORS: (
        "view_mlmodel",
        "view_modelversion",
        "view_job",
        "view_environment",
        "delete_environment",
        "view_apikey",
        "add_apikey",
        "change_apikey",
    ),
}


@transaction.atomic
def make() -> dict[str, int]:
    """Make each role's group and give it the permissions it lacks; returns how many by name.

    What an administrator added stays. Members still need "staff status" to sign in at the desk.
    """
    _require_permissions()
    added = {}
    for name, codenames in ROLES.items():
        group, _created = Group.objects.get_or_create(name=name)
        wanted = Permission.objects.filter(content_type__app_label="predictions", codename__in=codenames)
        missing = wanted.exclude(pk__in=group.permissions.values("pk"))
        added[name] = len(missing)
        group.permissions.add(*missing)
    return added


def _require_permissions() -> None:
    """Django writes permissions after migrating; a database restored without them gets them here."""
    wanted = {codename for codenames in ROLES.values() for codename in codenames}
    present = Permission.objects.filter(content_type__app_label="predictions", codename__in=wanted)
    if present.count() < len(wanted):
        create_permissions(apps.get_app_config(PredictionsConfig.name), verbosity=0)
