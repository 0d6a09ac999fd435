"""``manage go_live NAME [VERSION]``: let a version answer, a newer one or an earlier one again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions import dispatch
from predictions.errors import DeskError, NotProven
from predictions.management import accounts
from predictions.models import MLModel, ModelVersion
from predictions.selectors import ml_models, proofs

NOT_PROVEN = 3


class Command(BaseCommand):
    """Exit code 0 when the version answers, 3 when it failed its proof and no reason was given, 1 otherwise."""

    help = "Let a version of an ML model answer from now on; also the way back to an earlier one."

    def add_arguments(self, parser: CommandParser) -> None:
        """What, which, why and on whose word."""
        parser.add_argument("name", metavar="NAME", help="the ML model: as in its address, or its name")
        parser.add_argument(
            "version", nargs="?", type=int, metavar="VERSION", help="the number (default: the newest)"
        )
        parser.add_argument(
            "--reason", default="", help="why it shall answer although it failed its proof; this is kept"
        )
        parser.add_argument("--by", metavar="USERNAME", help="on whose word (default: the only superuser)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with what to do differently."""
        account = accounts.owner(options["by"], flag="--by")
        try:
            version = _version(_ml_model(options["name"]), options["version"])
            dispatch.go_live(version=version, actor=accounts.actor_of(account), reason=options["reason"])
        except NotProven as error:
            raise CommandError(_not_proven(version, error), returncode=NOT_PROVEN) from None
        except DeskError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{version.ml_model.name}, version {version.number}, answers now.")
        if failed := proofs.failed_checks(version.report):
            self.stdout.write(f"It failed its proof ({proofs.in_words(failed)}); the reason is kept.")


def _ml_model(name: str) -> MLModel:
    found = list(MLModel.objects.filter(slug=name) or MLModel.objects.filter(name__iexact=name)[:2])
    if len(found) != 1:
        slugs = ", ".join(MLModel.objects.order_by("slug").values_list("slug", flat=True)[:10])
        raise CommandError(f"There is no one ML model “{name}” here; there is: {slugs or 'none yet'}.")
    return found[0]


def _version(ml_model: MLModel, number: int | None) -> ModelVersion:
    if number is not None:
        return ml_models.version(ml_model, number)
    newest = ml_models.versions(ml_model).select_related("ml_model").first()
    if newest is None:
        raise CommandError(f"{ml_model.name} has no version yet.")
    return newest


def _not_proven(version: ModelVersion, error: NotProven) -> str:
    lines = [error.message]
    lines += [f"  {check.title}: {check.message}" for check in proofs.failed_checks(version.report)]
    return "\n".join([*lines, 'Give the reason with --reason "…".'])
