"""The private port: what /metrics shows, for a Prometheus that reaches processes rather than the site.

Of the processes of one machine or container that are told the same port, one answers for all; when it ends, another
takes over within seconds. Whoever reaches the port may read, so it is on the loopback address unless told otherwise.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.0

_server: ThreadingHTTPServer | None = None


def start() -> None:
    """Answer at METRICS_PORT from now on, or as soon as no other process does; nothing where it is 0."""
    if settings.METRICS_PORT:
        threading.Thread(target=_serve, name="metrics-port", daemon=True).start()


def stop() -> None:
    """Let go of the port, where this process has it."""
    global _server
    server, _server = _server, None
    if server is not None:
        server.shutdown()
        server.server_close()


def _serve() -> None:
    global _server
    address = (settings.METRICS_HOST, settings.METRICS_PORT)
    while True:
        try:
            _server = _Server(address, _Handler)
        except OSError:
            time.sleep(RETRY_SECONDS)
        else:
            logger.info("Metrics are at port %s.", settings.METRICS_PORT)
            _server.serve_forever()
            return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.exception("A look at the metrics failed.")


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server_version = "modeldesk"
    sys_version = ""

    def do_GET(self) -> None:
        """``/metrics``; nothing else is here."""
        # Only here are the rooms loaded for certain: this module is imported before Django is set up.
        from django.db import connections  # noqa: PLC0415

        from predictions.selectors import metrics  # noqa: PLC0415

        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        try:
            body = metrics.text()
        finally:
            connections.close_all()
        self.send_response(200)
        self.send_header("Content-Type", metrics.CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no news."""


def _close_in_child() -> None:
    """A forked child must not keep the port from whoever takes over."""
    global _server
    if _server is not None:
        _server.socket.close()
        _server = None


os.register_at_fork(after_in_child=_close_in_child)
