"""Running model servers that are told of a new model configuration (ModelService.HandleReloadConfigRequest)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from typing import Any

import grpc

from darkroom.errors import ConfigurationError, DarkroomError
from serving.backend_tls.credentials import BackendCredentials
from serving.model_repository.model_config_file import Config
from serving.protos import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc

# A server answers a reload when the models that are new to it are loaded.
_CALL_SECONDS = 300.0
_POLL_SECONDS = 0.1

_State = get_model_status_pb2.ModelVersionStatus
_LOADED = (_State.START, _State.LOADING, _State.AVAILABLE, _State.UNLOADING)


class ModelServers:
    """The servers behind some addresses, each of which is asked by itself. Use as a context manager, more than
    once if need be.

    A name that stands for several IP addresses, such as a headless Service of Kubernetes, stands for as many servers.
    """

    def __init__(self, addresses: Iterable[str], credentials: BackendCredentials | None = None) -> None:
        """Nothing is asked yet.

        Args:
            addresses: `HOST:PORT` each.
            credentials: whom to believe; None speaks plain text.
        """
        self._named = tuple(addresses)
        self._credentials = credentials
        # Of each IP address the host that it was found by, whose name is in the server's certificate.
        self._hosts: dict[str, str] = {}
        self._stack = ExitStack()
        self._stubs: dict[str, Any] = {}

    @property
    def addresses(self) -> tuple[str, ...]:
        """The servers that were found, by IP address."""
        return tuple(self._hosts)

    def __enter__(self) -> ModelServers:
        """Looks for the servers.

        Raises:
            ConfigurationError: an address is not HOST:PORT.
            DarkroomError: a host is not known.
        """
        self._hosts = {found: host for named in self._named for found, host in _resolve(named)}
        for address in self.addresses:
            channel = self._stack.enter_context(self._channel(address))
            self._stubs[address] = model_service_pb2_grpc.ModelServiceStub(channel)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def reload(self, config: Config) -> None:
        """Gives every server this configuration, all of them even when one refuses.

        Raises:
            DarkroomError: which servers did not take it, and what they said.
        """
        request = model_management_pb2.ReloadConfigRequest(config=config)

        def tell(stub: Any) -> str | None:
            status = stub.HandleReloadConfigRequest(request, timeout=_CALL_SECONDS).status
            return str(status.error_message) if status.error_code else None

        refusals = []
        for address in self.addresses:
            problem = self._asked(address, tell)
            if problem is not None:
                refusals.append(problem)
        if refusals:
            raise DarkroomError("\n".join(refusals))

    def loaded(self, model: str) -> set[int]:
        """The versions that some server has, or is loading or unloading.

        Raises:
            DarkroomError: a server can't be asked.
        """
        return {version for states in self._states(model) for version, (state, _) in states.items() if state in _LOADED}

    def wait_available(self, model: str, versions: Collection[int], seconds: float) -> None:
        """Returns when every server answers requests for these versions.

        Raises:
            DarkroomError: a server could not load one, or not within `seconds`.
        """
        end = time.monotonic() + seconds
        while True:
            missing = []
            for address, states in zip(self.addresses, self._states(model), strict=True):
                for version in sorted(versions):
                    state, message = states.get(version, (_State.UNKNOWN, ""))
                    if state == _State.END and message:
                        raise DarkroomError(
                            f"The model server at {address} could not load version {version} of {model}: {message}"
                        )
                    if state != _State.AVAILABLE:
                        missing.append(f"{address} does not have version {version} of {model}")
            if not missing:
                return
            if time.monotonic() >= end:
                raise DarkroomError(f"After {seconds:.0f} s the model server at {'; '.join(missing)}")
            time.sleep(_POLL_SECONDS)

    def _channel(self, address: str) -> grpc.Channel:
        if self._credentials is None:
            return grpc.insecure_channel(address)
        return self._credentials.blocking_channel(address, self._hosts[address])

    def _states(self, model: str) -> list[dict[int, tuple[int, str]]]:
        """For each server: version to state and what went wrong."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        found: list[dict[int, tuple[int, str]]] = []

        def ask(stub: Any) -> None:
            try:
                answer = stub.GetModelStatus(request, timeout=10)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                found.append({})  # it does not know the model yet
                return
            found.append(
                {
                    status.version: (status.state, status.status.error_message if status.status.error_code else "")
                    for status in answer.model_version_status
                }
            )

        for address in self.addresses:
            problem = self._asked(address, ask)
            if problem is not None:
                raise DarkroomError(problem)
        return found

    def _asked(self, address: str, call: Callable[[Any], str | None]) -> str | None:
        """What went wrong, for people."""
        try:
            refusal = call(self._stubs[address])
        except grpc.RpcError as error:
            return f"The model server at {address} can't be asked: {error.code().name}: {error.details()}"
        return None if refusal is None else f"The model server at {address} refused: {refusal}"


def _resolve(address: str) -> list[tuple[str, str]]:
    """The IP addresses with their port, and for each the host that has it."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise ConfigurationError(f"{address!r} is not the address of a model server; it must read HOST:PORT")
    host = host.strip("[]")
    try:
        infos = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, OverflowError) as error:
        raise DarkroomError(f"The model server's address {address} can't be resolved: {error}") from error
    # A host that has both kinds of addresses is one server: the first kind is enough.
    family = socket.AF_INET if any(info[0] == socket.AF_INET for info in infos) else socket.AF_INET6
    hosts = dict.fromkeys(str(info[4][0]) for info in infos if info[0] == family)
    return [(f"[{found}]:{port}" if ":" in found else f"{found}:{port}", host) for found in hosts]
