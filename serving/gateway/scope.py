"""What surrounds every request of either protocol: it is counted, timed, logged, and any failure gets its code."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from serving.errors import Code, ServingError
from serving.gateway.labels import note_answer
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.overload.errors import OverloadedError
from serving.gateway.process_log import CURRENT_REQUEST
from serving.gateway.record import RequestRecord
from serving.gateway.request_log import RequestLog
from serving.gateway.request_observer import RequestObservers
from serving.gateway.security.caller import CURRENT_CALLER
from serving.gateway.security.errors import RateLimitedError
from serving.gateway.tracing.spans import PassingTracer, Tracer, traced

_LOG = logging.getLogger(__name__)


class RequestScope:
    """Opened by an adapter when a request arrives, closed when it is answered.

    Attributes:
        open_requests: how many have arrived and are not answered yet.
        refusing: set while the gateway drains; new requests then get UNAVAILABLE.
        observers: who else is shown each request once it is done.
        tracer: opens the trace of each request; one that traces nothing unless it is replaced.
    """

    def __init__(self, metrics: GatewayMetrics, log: RequestLog) -> None:
        self._metrics = metrics
        self._log = log
        self.tracer: Tracer = PassingTracer()
        self.observers = RequestObservers(metrics.observer_failed)
        self.open_requests = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.refusing = False

    @contextmanager
    def request(self, record: RequestRecord) -> Iterator[None]:
        """Answer one request inside.

        Raises:
            ServingError: whatever went wrong inside; an unforeseen exception is logged and becomes INTERNAL.
        """
        with traced(self.tracer, record), self._accounted(record):
            yield

    @contextmanager
    def _accounted(self, record: RequestRecord) -> Iterator[None]:
        self.open_requests += 1
        self._idle.clear()
        self._metrics.request_arrived(record.protocol)
        record.caller = CURRENT_CALLER.get()
        CURRENT_REQUEST.set((record.request_id, record.trace_id))
        try:
            self._refuse_when_draining()
            yield
        except ServingError as error:
            _note(record, error)
            if isinstance(error, RateLimitedError) and record.caller is not None:
                self._metrics.rate_limited(record.caller.name)
            elif isinstance(error, OverloadedError):
                self._metrics.request_shed(record.protocol, error.reason.value)
            raise
        except asyncio.CancelledError:
            _note(record, ServingError(Code.CANCELLED, "the client went away"))
            raise
        except Exception as error:
            _LOG.exception("Request %s failed unexpectedly", record.request_id)
            internal = ServingError(Code.INTERNAL, f"internal error; the log has it under request {record.request_id}")
            _note(record, internal)
            raise internal from error
        finally:
            # Not before the answer, which the adapter hands to its server before the loop comes to this.
            asyncio.get_running_loop().call_soon(self._account, record)

    def _account(self, record: RequestRecord) -> None:
        """Count, log and show a request that is done."""
        try:
            note_answer(record)
        except (ServingError, ValueError) as error:
            # The client has the answer as the model gave it. Metrics and drift do without its classes.
            _LOG.warning("The answer to request %s can't be counted by class: %s", record.request_id, error)
            self._metrics.observer_failed()
        self._metrics.request_answered(record)
        self._log.write(record)
        self.observers(record)
        self.open_requests -= 1
        if not self.open_requests:
            self._idle.set()

    def _refuse_when_draining(self) -> None:
        if self.refusing:
            raise ServingError(Code.UNAVAILABLE, "the gateway is stopping; ask another one")

    async def until_idle(self, seconds: float) -> bool:
        """Wait until no request is open; False when `seconds` pass before."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


def _note(record: RequestRecord, error: ServingError) -> None:
    record.code = error.code
    record.error = error.message
    if record.http_status is None and record.protocol == "rest":
        record.http_status = error.http_status
