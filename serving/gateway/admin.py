"""What changes the model servers. Passed on only where the configuration lets it, and to every one of them."""

from __future__ import annotations

import asyncio

from serving.errors import Code, ServingError
from serving.gateway.pool import BackendPool
from serving.gateway.record import RequestRecord
from serving.protos import model_management_pb2


class AdminCalls:
    """Answers what needs the scope admin."""

    def __init__(self, pool: BackendPool, *, allowed: bool) -> None:
        """Nothing is asked yet.

        Args:
            pool: the model servers.
            allowed: `serving.authentication.admin_calls`.
        """
        self._pool = pool
        self._allowed = allowed

    async def reload_config(
        self, request: model_management_pb2.ReloadConfigRequest, record: RequestRecord
    ) -> model_management_pb2.ReloadConfigResponse:
        """Give every model server a new configuration: its models, their versions and labels.

        Returns:
            The first refusal of a model server, or the last one's agreement.

        Raises:
            ServingError: PERMISSION_DENIED where this is off; UNAVAILABLE when there is no model server; what the
                first model server that failed said, with its address. The others have the configuration then.
        """
        if not self._allowed:
            raise ServingError(
                Code.PERMISSION_DENIED,
                "the gateway does not pass on what changes the model server: serving.authentication.admin_calls is off",
            )
        backends = self._pool.backends()
        if not backends:
            raise ServingError(
                Code.UNAVAILABLE, "no model server is running yet; it may be starting, try again shortly"
            )
        answers = await asyncio.gather(
            *(backend.call("HandleReloadConfigRequest", request, record.remaining()) for backend in backends),
            return_exceptions=True,
        )
        response = model_management_pb2.ReloadConfigResponse()
        for backend, answer in zip(backends, answers, strict=True):
            if isinstance(answer, ServingError):
                raise ServingError(
                    answer.code,
                    f"the model server at {backend.address} did not take the configuration: {answer.message}",
                ) from answer
            if isinstance(answer, BaseException):
                raise answer
            response = answer
            if response.status.error_code:
                break
        return response
