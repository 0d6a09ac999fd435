"""One site on several hosts: the Procfile's own commands, settings that name the store host by its address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks import http_calls, load
from benchmarks.cases import Subject
from benchmarks.contestants import Contestant
from benchmarks.folders import ROOT
from benchmarks.hosts import Host
from benchmarks.processes import check_alive
from benchmarks.site import Site
from benchmarks.store_host import Store
from deploy_site import embedded, procfile

PORT = 8000


class Fleet:
    """The hosts of one site and its subject. ``bodies``: the file of request bodies for wrk."""

    def __init__(
        self, store: Store, subject: Subject, folder: Path, *, webs: Sequence[Host], workers: Sequence[Host]
    ) -> None:
        self.subject = subject
        self.workers = workers
        self._webs = webs
        self._folder = folder
        self._site = Site(embedded.Servers(database_url=store.database_url, redis_url=store.redis_url))
        self._site.environment |= {
            "ALLOWED_HOSTS": ",".join(["localhost", *(host.address for host in webs)]),
            "ARTIFACTS_DIR": str(folder / "artifacts"),
            "STATIC_ROOT": str(folder / "static"),
            "PORT": str(PORT),
        }
        self.bodies = folder / "bodies"

    def prepare(self, builder: Host) -> None:
        """Migrate, and bring the subject in with a builder that is gone afterwards. Raises SetupError."""
        self._site.prepare()
        with ExitStack() as stack:
            for name in ("background", "maintenance"):
                self.start(stack, builder, name)
            self._site.deploy(self.subject)
        asked = self._contestant(self._webs[0])
        load.write_bodies([asked.body_of([row]) for row in self.subject.rows], self.bodies)

    @contextmanager
    def running(self, webs: int, workers: int) -> Iterator[list[Contestant]]:
        """So many of the hosts at work for the length of the block: how to reach each web host.

        Raises ProgramEndedError, RefusedError.
        """
        with ExitStack() as stack:
            for host in self.workers[:workers]:
                self.start(stack, host, "interactive")
            served = [(host, self.start(stack, host, "web")) for host in self._webs[:webs]]
            contestants = []
            for host, process in served:
                contestant = self._contestant(host)
                log = self._log(host, "web")

                def alive(process: psutil.Process = process, log: Path = log) -> None:
                    check_alive(process, log)

                http_calls.first_answer(contestant, self.subject.rows[0], alive)
                contestants.append(contestant)
            yield contestants

    def start(self, stack: ExitStack, host: Host, name: str) -> psutil.Process:
        """Start one of the Procfile's processes on a host; ``stack`` ends it."""
        environment = {
            **self._site.environment,
            "HOST": host.address,
            # Hosts share no files but the artifacts.
            "METRICS_DIR": str(self._folder / "metrics" / host.name),
        }
        command = procfile.shell(procfile.commands()[name])
        log = self._log(host, name)
        return stack.enter_context(host.running(command, environment=environment, cwd=ROOT, log=log))

    def _contestant(self, host: Host) -> Contestant:
        found = self._site.contestant(self.subject)
        path = found.url.split("/", 3)[3]
        return replace(found, name=host.name, url=f"http://{host.address}:{PORT}/{path}", processes=dict)

    def _log(self, host: Host, name: str) -> Path:
        return self._folder / "log" / f"{host.name}-{name}.log"
