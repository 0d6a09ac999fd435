"""``manage deploy FILE --name NAME``: bring a model file and watch it become an ml_model."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from predictions import dispatch, gateway
from predictions.errors import DeskError
from predictions.management import accounts
from predictions.management.following import Follower
from predictions.models import Job, MLModel, ModelVersion
from predictions.selectors import ml_models, proofs
from predictions.selectors.targets import live_target
from predictions.services import explaining
from predictions.services.code_packages import CodeFile
from predictions.services.sorting import Upload, chain_of, sorted_out
from predictions.services.uploads import clean_filename
from predictions.signature import layer_yaml, snippets
from predictions.signature.fields import Signature
from predictions.signature.schema import example_row
from predictions.values import Actor, BuildRequest

POLL_SECONDS = 0.3
LOADING_SECONDS = 60.0
EVERYTHING = Actor(is_superuser=True)
INTERRUPTED = 130
MOST_QUESTIONS = 20
NOT_PROVEN = 3


class Command(BaseCommand):
    """Exit code 0 when the file became a version, 1 with the reason when not, 3 when it is one that failed its proof and so
    did not go live as was asked.
    """

    help = "Turn a model file (.joblib, .pkl, .skops, .onnx), or several that belong together, into a page and an API."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, its name, and what to do with it."""
        parser.add_argument(
            "files",
            nargs="+",
            metavar="FILE",
            help="the model file and those that belong to it, in any order",
        )
        parser.add_argument(
            "--name", help="what people call it; an own one gets a new version (needed but for --explain)"
        )
        parser.add_argument(
            "--explain", action="store_true", help="say what the files hold and would become, and do nothing"
        )
        parser.add_argument(
            "--sample",
            metavar="ROWS.CSV",
            help="typical rows: gives types, ranges, examples (may stand among the files)",
        )
        parser.add_argument(
            "--runtime",
            choices=["auto", "native"],
            default="auto",
            help="native: answer with the original library even where ONNX answers the same",
        )
        parser.add_argument(
            "--chain",
            default="",
            metavar="A.PKL,B.PKL",
            help="the order of several transformers, where the files do not tell it themselves",
        )
        parser.add_argument(
            "--layer", metavar="LAYER.YAML", help="what people give and how the columns are made of it"
        )
        parser.add_argument(
            "--code",
            metavar="PACKAGE.WHL",
            help="wheel or zip with the model's own classes; administrators only",
        )
        parser.add_argument(
            "--main-module",
            metavar="NAME",
            default="",
            help="the module in --code that defines what the training script itself defined",
        )
        parser.add_argument("--description", default="", help="one or two sentences for its page")
        parser.add_argument(
            "--visibility",
            choices=MLModel.Visibility.values,
            default=MLModel.Visibility.PRIVATE,
            help="who may use a new one (default: private, the owner and staff)",
        )
        parser.add_argument("--live", action="store_true", help="let it answer as soon as it is built")
        parser.add_argument("--owner", metavar="USERNAME", help="whose it is (default: the only superuser)")
        parser.add_argument(
            "--base-url", default=f"http://localhost:{settings.PORT}", help="where people reach the site"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with what to do differently."""
        if options["explain"]:
            self._explain([Path(name) for name in options["files"]])
            return
        if not options["name"]:
            raise CommandError("Say what people call it: --name NAME.")
        job = self._start([Path(name) for name in options["files"]], options)
        follow = self._address(options, "job", job.pk)
        try:
            job = self._follow(job)
        except KeyboardInterrupt:
            self.stdout.write(f"\nThe build goes on without this command. Follow it: {follow}")
            raise SystemExit(INTERRUPTED) from None
        if job.status == Job.Status.CANCELLED:
            raise CommandError("Somebody cancelled the build.")
        if job.status == Job.Status.FAILED:
            raise CommandError(_reason(job) or f"The build failed; its log: {follow}")
        self._tell(job, options)

    def _explain(self, paths: list[Path]) -> None:
        try:
            with ExitStack() as held:
                files, rows = sorted_out(
                    [Upload(held.enter_context(_opened(path)), str(path)) for path in paths]
                )
            lines = explaining.explain([Path(file.filename) for file in files])
        except DeskError as error:
            raise CommandError(error.message) from None
        if rows is not None:
            lines.append(f"Typical rows: {clean_filename(rows.filename)}.")
        self.stdout.write("\n".join(lines))

    def _start(self, paths: list[Path], options: dict[str, Any]) -> Job:
        owner = accounts.owner(options["owner"])
        request = BuildRequest(
            name=options["name"],
            description=options["description"],
            go_live=options["live"],
            visibility=options["visibility"],
            chain=chain_of(options["chain"]),
            runtime=options["runtime"],
            layer=_layer(options["layer"]),
        )
        sample = Path(options["sample"]) if options["sample"] else None
        code = Path(options["code"]) if options["code"] else None
        with ExitStack() as files:
            try:
                return dispatch.build(
                    actor=accounts.actor_of(owner),
                    request=request,
                    stream=files.enter_context(_opened(paths[0])),
                    filename=paths[0].name,
                    declared_size=paths[0].stat().st_size,
                    sample_stream=files.enter_context(_opened(sample)) if sample else None,
                    sample_filename=sample.name if sample else "",
                    more=[
                        Upload(files.enter_context(_opened(path)), path.name, path.stat().st_size)
                        for path in paths[1:]
                    ],
                    code=CodeFile(
                        stream=files.enter_context(_opened(code)),
                        filename=code.name,
                        main_module=options["main_module"],
                    )
                    if code
                    else None,
                )
            except DeskError as error:
                raise CommandError(error.message) from None

    def _follow(self, job: Job) -> Job:
        follower = Follower(self.stdout.write)
        while True:
            found = Job.objects.select_related("ml_model", "version__current_revision").get(pk=job.pk)
            follower.look(found, time.monotonic())
            if found.is_over:
                return found
            time.sleep(POLL_SECONDS)

    def _tell(self, job: Job, options: dict[str, Any]) -> None:
        ml_model, version = job.ml_model, job.version
        if ml_model is None or version is None:
            raise CommandError("The build ended without a version; look at its log in the admin.")
        self._tell_questions(version)
        live = ml_models.live_version(ml_model)
        if live is None or live.pk != version.pk or live.current_revision is None:
            self._tell_proof(version, wanted_live=options["live"])
            versions = self._address(options, "versions", ml_model.slug)
            self.stdout.write(f"\n{ml_model.name}, version {version.number}, is built and waits.")
            self.stdout.write(f"Let it answer (or give --live next time): {versions}")
            return
        page = self._address(options, "ml_model", ml_model.slug)
        call = self._address(options, "api:predict", ml_model.slug)
        row = example_row(Signature.from_document(live.current_revision.document))
        self._wait_for_an_answer(ml_model, version)
        self.stdout.write(f"Page: {page}")
        self.stdout.write(f"Call:\n{snippets.curl(call, row)}")
        if ml_model.visibility != MLModel.Visibility.PUBLIC:
            self.stdout.write("A key to call it with: script/manage create_api_key NAME --user USERNAME")

    def _tell_proof(self, version: ModelVersion, *, wanted_live: bool) -> None:
        """What failed and how to go on. Raises CommandError where it should be live and is not."""
        failed = proofs.failed_checks(version.report)
        if not failed:
            return
        ml_model = version.ml_model
        state = "is built but not live" if wanted_live else "is built"
        lines = [f"{ml_model.name}, version {version.number}, {state}: it failed its proof."]
        lines += [f"  {check.title}: {check.message}" for check in failed]
        lines.append("Bring a corrected file, or let it answer all the same and say why:")
        lines.append(f'  script/manage go_live {ml_model.slug} {version.number} --reason "…"')
        if wanted_live:
            raise CommandError("\n".join(lines), returncode=NOT_PROVEN)
        self.stdout.write("\n" + "\n".join(lines))

    def _tell_questions(self, version: ModelVersion) -> None:
        """What only the owner knows: until it is said, values are taken exactly as the model takes them."""
        asked = version.report.get("questions") if isinstance(version.report, dict) else None
        for question in (asked if isinstance(asked, list) else [])[:MOST_QUESTIONS]:
            self.stdout.write(f"  ? {question.get('message', '')}")

    def _wait_for_an_answer(self, ml_model: MLModel, version: ModelVersion) -> None:
        """The example row, answered by a worker and not stored: the libraries of an old file take seconds to load."""
        name = f"{ml_model.name}, version {version.number}"
        try:
            gateway.probe(live_target(EVERYTHING, ml_model.slug, fresh=True), seconds=LOADING_SECONDS)
        except DeskError as error:
            self.stdout.write(f"\n{name}, is live, but gave no answer to its example yet: {error.message}")
        else:
            self.stdout.write(f"\n{name}, answers now.")

    def _address(self, options: dict[str, Any], name: str, *args: Any) -> str:
        base: str = options["base_url"]
        return urljoin(base.rstrip("/") + "/", reverse(name, args=args).lstrip("/"))


def _reason(job: Job) -> str:
    advice = snippets.without_own_code() if job.error_code in snippets.OWN_CODE_CODES else ""
    return f"{job.error_message}\n\n{advice}" if advice else job.error_message


def _opened(file: Path) -> BinaryIO:
    if file.is_dir():
        raise CommandError(f"{file} is a folder; give the file inside it.")
    try:
        return file.open("rb")
    except FileNotFoundError:
        raise CommandError(f"There is no file {file}.") from None
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None


def _layer(name: str | None) -> str:
    """The text of a layer file, looked at for what is wrong whatever the model."""
    if name is None:
        return ""
    with _opened(Path(name)) as stream:
        data = stream.read(layer_yaml.MAX_BYTES + 1)
    try:
        layer_yaml.read(data)
    except DeskError as error:
        raise CommandError(error.message) from None
    return data.decode("utf-8-sig")
