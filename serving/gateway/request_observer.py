"""What watches answered requests: the prediction log, drift, and whatever else comes after an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from serving.gateway.record import RequestRecord

_LOG = logging.getLogger(__name__)

RequestObserver = Callable[[RequestRecord], None]


class RequestObservers:
    """Calls each observer after each request. What goes wrong in one is logged and counted; no request suffers."""

    def __init__(self, on_failure: Callable[[], None]) -> None:
        self._observers: Sequence[RequestObserver] = ()
        self._on_failure = on_failure

    def watch(self, *observers: RequestObserver) -> None:
        """Add observers; they run in the event loop and must be quick."""
        self._observers = (*self._observers, *observers)

    def __call__(self, record: RequestRecord) -> None:
        """Show every observer a request that is done, well or not."""
        for observer in self._observers:
            try:
                observer(record)
            except Exception:  # noqa: BLE001 - an answer must not fail over a bug in what only watches it
                _LOG.exception("Request %s is answered, but could not be observed", record.request_id)
                self._on_failure()
