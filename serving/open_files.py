"""The limit of open files, and so of connections, of this process."""

from __future__ import annotations

import logging
import resource

_LOG = logging.getLogger(__name__)

# For what is no client's connection: files, gRPC's channels, the libraries' own.
_RESERVED = 256
# macOS and some containers say "no limit", which is not to be planned with.
_ENOUGH = 1 << 16


def raise_open_files_limit() -> None:
    """Lift the soft limit, often 1,024, to the hard one, or to what is enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:
            _LOG.warning("The limit of open files stays at %d: %s", soft, error)


def connections_allowed() -> int:
    """Connections that fit into the soft limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, (_ENOUGH if soft == resource.RLIM_INFINITY else min(soft, _ENOUGH)) - _RESERVED)
