"""``manage export_layer NAME``: what was edited about a version, as a file for the next ``manage deploy --layer``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.models import MLModel, ModelVersion
from predictions.selectors import ml_models
from predictions.selectors.signatures import built_of
from predictions.services import naming
from predictions.signature import layer_plain, layer_yaml
from predictions.signature.fields import Signature

HEAD = """# What people give, what the ML model gets, and what they read: version {number} of {name}.
# Use it with the next file: script/manage deploy FILE --name "{name}" --layer THIS_FILE
# docs/layer.md says what may stand here.
"""


class Command(BaseCommand):
    """Exit code 0 with the file written or shown, 1 with the reason when not."""

    help = "Write labels, ranges, choices, derived columns and the rest that was edited, as layer.yaml."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which version, and where to."""
        parser.add_argument("name", metavar="NAME", help="what people call it, or its short name")
        parser.add_argument(
            "--version-number", type=int, metavar="N", help="default: the live one, else the newest"
        )
        parser.add_argument("-o", "--output", metavar="LAYER.YAML", help="default: shown here")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with what to do differently."""
        version = _version(options["name"], options["version_number"])
        if version.current_revision is None:
            raise CommandError("This version is not sealed yet; wait for its build to end.")
        signature = Signature.from_document(version.current_revision.document)
        plain = layer_plain.plain_of(signature, built_of(version))
        name = " ".join(version.ml_model.name.split())
        text = HEAD.format(number=version.number, name=name) + layer_yaml.written(plain)
        if not options["output"]:
            self.stdout.write(text, ending="")
            return
        path = Path(options["output"])
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        self.stdout.write(
            f'Wrote {path}. Use it with: script/manage deploy FILE --name "{name}" --layer {path}'
        )


def _version(name: str, number: int | None) -> ModelVersion:
    ml_model = naming.find(name)
    if ml_model is None:
        raise CommandError(f"There is no ML model “{name}”; its page shows its name.")
    found = _of(ml_model, number)
    if found is None:
        raise CommandError(f"{ml_model.name} has no such version; its page lists them.")
    return found


def _of(ml_model: MLModel, number: int | None) -> ModelVersion | None:
    rows = ml_model.versions.select_related("ml_model", "current_revision")
    if number is not None:
        return rows.filter(number=number).first()
    return ml_models.live_version(ml_model) or rows.order_by("-number").first()
