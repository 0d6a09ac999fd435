"""The site's own PostgreSQL and Redis-protocol server, for a machine that has neither.

Both are real servers, from wheels, and keep their data in one folder (`var/` for the site, `var/test/…` for
tests). They listen on unix sockets in a folder only their own account can enter: no port, no password.

Who stops them: everybody who uses the servers holds a shared lock on one file for as long as he needs them, and
whoever lets go of it last stops them. The kernel releases the lock of a killed process, so nothing has to be
tidied up by hand: servers left behind by a `kill -9` are found and used again by the next one to ask, and stopped
with him.
"""

from __future__ import annotations

from deploy_site.embedded.lifecycle import Servers, ensure, hold, stop
from deploy_site.embedded.process import EmbeddedServerError

__all__ = ["EmbeddedServerError", "Servers", "ensure", "hold", "stop"]
