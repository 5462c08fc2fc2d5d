"""The Kubernetes API, as far as training jobs need it."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import urllib3.exceptions
from kubernetes import client
from kubernetes import config as kubernetes_config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException

from darkroom.errors import DarkroomError
from pipeline.training_job.kind import Manifest, Resource

_log = logging.getLogger(__name__)

_NOT_FOUND, _CONFLICT, _FORBIDDEN = 404, 409, 403
# Of an API server that is busy, or changes place: a training of hours shall outlive it.
_PASSING = frozenset({429, 500, 502, 503, 504})
_PATIENCE_SECONDS = 300.0
_PAUSE_SECONDS = 2.0

_REQUEST_SECONDS = 30.0
_LIMIT = {"_request_timeout": _REQUEST_SECONDS}
# Logs stay open while nothing is said; a connection that is gone without a word is found after this.
_SILENCE_SECONDS = 300.0


class AlreadyThereError(DarkroomError):
    """There is an object of this name."""


class ClusterApi:
    """Objects of one namespace, by name."""

    def __init__(self, api: client.ApiClient, namespace: str, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        """Takes how to reach the API.

        Args:
            api: Kubernetes' client.
            namespace: of all objects.
            patience_seconds: how long an API that cannot be reached is asked again.
        """
        self._objects, self._core = client.CustomObjectsApi(api), client.CoreV1Api(api)
        self._namespace, self._patience = namespace, patience_seconds

    @classmethod
    def connect(cls, namespace: str) -> ClusterApi:
        """The cluster of this pod, or that of KUBECONFIG outside of one.

        Raises:
            DarkroomError: neither is there.
        """
        configuration = client.Configuration()
        try:
            if os.environ.get("KUBERNETES_SERVICE_HOST"):
                kubernetes_config.load_incluster_config(client_configuration=configuration)
            else:
                file = os.environ.get("KUBECONFIG")
                kubernetes_config.load_kube_config(file, client_configuration=configuration)
        except ConfigException as error:
            raise DarkroomError(
                f"kubeflow.training_job needs the Kubernetes API: this is no pod with a service account's token, and "
                f"KUBECONFIG names no cluster: {error}"
            ) from error
        return cls(client.ApiClient(configuration), namespace)

    def create(self, resource: Resource, manifest: Manifest) -> None:
        """Makes an object.

        Raises:
            AlreadyThereError: there is one of this name.
            DarkroomError: the API refuses, or cannot be reached.
        """
        where = (resource.group, resource.version, self._namespace, resource.plural)
        name = manifest["metadata"]["name"]
        try:
            self._ask(
                f"create {resource.kind} {name}",
                lambda: self._objects.create_namespaced_custom_object(*where, manifest, **_LIMIT),
            )
        except _NotFoundError as error:
            raise DarkroomError(
                f"The cluster knows no {resource.kind} ({resource.group}/{resource.version}): install Kubeflow's "
                "training operator (TFJob) or Kubeflow Trainer 2 (TrainJob), or set kubeflow.training_job.kind to the "
                "one that is there"
            ) from error

    def get(self, resource: Resource, name: str) -> Manifest | None:
        """An object; None where there is none."""
        where = (resource.group, resource.version, self._namespace, resource.plural, name)
        try:
            found: Manifest = self._ask(
                f"read {resource.kind} {name}", lambda: self._objects.get_namespaced_custom_object(*where, **_LIMIT)
            )
        except _NotFoundError:
            return None
        return found

    def give_to(self, resource: Resource, name: str, owners: list[dict[str, str]]) -> None:
        """Makes other objects the owners of one."""
        where = (resource.group, resource.version, self._namespace, resource.plural, name)
        body = {"metadata": {"ownerReferences": owners}}
        self._ask(
            f"change {resource.kind} {name}",
            lambda: self._objects.patch_namespaced_custom_object(*where, body, **_LIMIT),
        )

    def delete(self, resource: Resource, name: str) -> bool:
        """Begins to take an object away, those that it owns first; returns whether there was one."""
        where = (resource.group, resource.version, self._namespace, resource.plural, name)
        try:
            self._ask(
                f"delete {resource.kind} {name}",
                lambda: self._objects.delete_namespaced_custom_object(
                    *where, propagation_policy="Foreground", **_LIMIT
                ),
            )
        except _NotFoundError:
            return False
        return True

    def pods(self, selector: str) -> list[Manifest]:
        """The pods that have some labels."""

        def ask() -> list[Manifest]:
            answer = self._core.list_namespaced_pod(
                self._namespace, label_selector=selector, _preload_content=False, **_LIMIT
            )
            items: list[Manifest] = json.loads(answer.data)["items"]
            return items

        return self._ask("list pods", ask)

    def log_lines(self, pod: str, container: str, since_seconds: int | None) -> Iterator[str]:
        """A container's log, each line after its time, while the container runs; the caller asks again.

        Raises:
            ApiException: the API refuses.
            urllib3.exceptions.HTTPError: the connection broke.
        """
        answer = self._core.read_namespaced_pod_log(
            pod,
            self._namespace,
            container=container,
            follow=True,
            timestamps=True,
            since_seconds=since_seconds,
            _preload_content=False,
            _request_timeout=(_REQUEST_SECONDS, _SILENCE_SECONDS),
        )
        rest = b""
        try:
            for part in answer.stream(amt=None):
                *lines, rest = (rest + part).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
            if rest:
                yield rest.decode(errors="replace")
        finally:
            answer.release_conn()

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return call()
            except ApiException as error:
                if error.status not in _PASSING or time.monotonic() > deadline:
                    raise _told(what, error) from error
                _log.warning("Kubernetes cannot %s now: %s %s", what, error.status, error.reason)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if time.monotonic() > deadline:
                    raise DarkroomError(f"Kubernetes cannot be reached to {what}: {error}") from error
                _log.warning("Kubernetes cannot be reached to %s: %s", what, error)
            time.sleep(_PAUSE_SECONDS)


class _NotFoundError(DarkroomError):
    pass


def _told(what: str, error: ApiException) -> DarkroomError:
    text = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        text = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        text = text[:500]
    message = f"Kubernetes refuses to {what}: {error.status} {error.reason}: {text}"
    if error.status == _NOT_FOUND:
        return _NotFoundError(message)
    if error.status == _CONFLICT:
        return AlreadyThereError(message)
    if error.status == _FORBIDDEN:
        message += ". The step's service account needs the Role darkroom-training of k8s/overlays/kubeflow"
    return DarkroomError(message)
