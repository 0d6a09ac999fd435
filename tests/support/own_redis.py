"""A Redis of a test's own, to be stopped and broken at will, and a worker's hand on its queues."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import redis

from deploy_site.embedded import valkey
from predictions.gateway.tiers import COLD, TIERS
from predictions.services import inference
from predictions.values import Group

QUEUES = [tier.queue for tier in (*TIERS, COLD)]
_encode = msgspec.json.Encoder().encode


class OwnRedis:
    """In ``home``; it runs once it is started."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.start()
        self.url = valkey.ensure(home)
        self.client = redis.Redis.from_url(self.url)

    def start(self) -> None:
        """Run it, unless it runs."""
        valkey.ensure(self._home)

    def stop(self) -> None:
        """End it in order."""
        valkey.stop(self._home)

    def crash(self) -> None:
        """End it at once."""
        server = self._server()
        server.kill()
        server.wait(10)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """It hangs for as long as the block runs."""
        server = self._server()
        server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            server.send_signal(signal.SIGCONT)

    def hang_up(self, kind: str) -> int:
        """Cut the connections of a kind ("normal", "pubsub") but this one's; how many those were."""
        cut: Any = self.client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        return int(cut)

    def take(self, seconds: float = 5) -> Group:
        """The next group of any queue, as a worker takes it."""
        taken: Any = self.client.brpop(QUEUES, timeout=seconds)
        assert taken is not None, "no message came"
        body = json.loads(json.loads(taken[1])["body"])
        return msgspec.convert(body[0][0], Group)

    def work(self, group: Group) -> int:
        """Answer a group as a worker does; how many heard the reply."""
        heard: Any = self.client.publish(group.reply_to, _encode(inference.answer(group)))
        return int(heard)

    def _server(self) -> psutil.Process:
        information: Any = self.client.info("server")
        return psutil.Process(int(information["process_id"]))
