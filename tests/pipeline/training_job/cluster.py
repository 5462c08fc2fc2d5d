"""A Kubernetes API on loopback with Kubeflow's operators behind it, which start pods' command lines as processes here.

Objects live in memory. What is asked of them has the paths and JSON of the Kubernetes API (`/apis/<group>/<version>/
namespaces/<namespace>/<plural>`, `/api/v1/namespaces/<namespace>/pods`), as far as training jobs need it. Pods of
TFJobs get TF_CONFIG, and those of TrainJobs JOB_COMPLETION_INDEX, as operators and Kubernetes set them; hosts of
workers, which DNS would find, are this one.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pipeline.kubeflow.ir_runner import NAMESPACE
from tests.pipeline.training_job.published import check_manifest

_OBJECTS = re.compile(
    r"/apis/(?P<group>[^/]+)/(?P<version>[^/]+)/namespaces/team/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?"
)
_PODS = re.compile(rf"/api/v1/namespaces/{NAMESPACE}/pods(?:/(?P<name>[^/]+)/log)?")
_ROOT = Path(__file__).resolve().parents[3]


class Pod:
    """A pod, and the process that its container runs."""

    def __init__(
        self, name: str, template: dict[str, Any], labels: dict[str, str], extra: dict[str, str], folder: Path
    ):
        self.name, self.uid, self.labels = name, str(uuid.uuid4()), template["metadata"]["labels"] | labels
        self._spec = template["spec"]
        [self._container] = self._spec["containers"]
        self.lines: list[str] = []
        self.said = threading.Condition()
        self.is_going, self.is_disrupted, self._ended = False, False, ""
        folder.mkdir(parents=True, exist_ok=True)
        given = {one["name"]: one["value"] for one in self._container["env"] if "value" in one}
        # The image's search path; its scratch volume is the pod's own.
        given |= {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)}
        self.environment = given | extra
        self.process = subprocess.Popen(
            self._container["command"],
            env=self.environment,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
            with self.said:
                self.lines.append(f"{stamp} {line.decode(errors='replace')}")
                self.said.notify_all()
        self.process.wait()
        with self.said:
            self._ended = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.said.notify_all()

    @property
    def phase(self) -> str:
        if not self._ended:
            return "Running"
        return "Failed" if self.process.returncode else "Succeeded"

    @property
    def has_ended(self) -> bool:
        return bool(self._ended)

    def log(self) -> Iterator[str]:
        """Its lines, as they come, until it has ended."""
        sent = 0
        while True:
            with self.said:
                while sent == len(self.lines) and not self._ended:
                    self.said.wait()
                lines, ended = self.lines[sent:], self._ended
            yield from lines
            sent += len(lines)
            if ended:
                return

    def end(self, number: int) -> None:
        """Ends the process, and waits for it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        self._reader.join()

    def json(self) -> dict[str, Any]:
        status: dict[str, Any] = {"phase": self.phase}
        if self._ended:
            code = self.process.returncode
            terminated = {"exitCode": 128 - code if code < 0 else code, "finishedAt": self._ended, "reason": "Error"}
            status["containerStatuses"] = [{"name": self._container["name"], "state": {"terminated": terminated}}]
        if self.is_disrupted:
            status["conditions"] = [{"type": "DisruptionTarget", "status": "True"}]
        metadata = {"name": self.name, "uid": self.uid, "labels": self.labels, "namespace": NAMESPACE}
        if self.is_going:
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return {"metadata": metadata, "spec": self._spec, "status": status}


class Cluster:
    """What the API keeps.

    Attributes:
        pods: that are there now, by name.
        requests: method and path of each.
        known: plurals of the kinds that are installed.
        refuses: status codes that the next questions are answered with.
        started: names of all pods that were ever started, with the environments of their processes.
    """

    def __init__(self, folder: Path) -> None:
        self.pods: dict[str, Pod] = {}
        self.requests: list[str] = []
        self.known = {"tfjobs", "trainjobs", "trainingruntimes"}
        self.refuses: list[int] = []
        self.started: list[tuple[str, dict[str, str]]] = []
        self._objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._folder = folder
        self._lock = threading.RLock()

    def refuse_if_asked(self) -> None:
        """Raises the next of `refuses`."""
        if self.refuses:
            raise RefusedError(self.refuses.pop(0), "not now")

    def objects(self, plural: str) -> dict[str, dict[str, Any]]:
        """Those of a kind, by name."""
        return {name: found for (kind, name), found in self._objects.items() if kind == plural}

    def create(self, plural: str, body: dict[str, Any]) -> dict[str, Any]:
        check_manifest(body)
        with self._lock:
            key = plural, body["metadata"]["name"]
            if key in self._objects:
                raise RefusedError(409, f'{plural} "{key[1]}" already exists')
            self._objects[key] = body
            body["metadata"]["uid"] = str(uuid.uuid4())
            body["status"] = {"conditions": [{"type": "Created", "status": "True"}]}
            if plural == "tfjobs":
                self._start_tf_job(body)
            if plural == "trainjobs":
                self._start_train_job(body)
            return body

    def _start_tf_job(self, job: dict[str, Any]) -> None:
        [(kind, replicas)] = job["spec"]["tfReplicaSpecs"].items()
        name, count = job["metadata"]["name"], replicas["replicas"]
        addresses = _addresses(count)
        for index in range(count):
            task = {"type": kind.lower(), "index": index}
            config = json.dumps({"cluster": {kind.lower(): addresses}, "task": task, "environment": "cloud"})
            labels = {"training.kubeflow.org/job-name": name, "training.kubeflow.org/replica-index": str(index)}
            self._start(f"{name}-worker-{index}", replicas["template"], labels, {"TF_CONFIG": config})

    def _start_train_job(self, job: dict[str, Any]) -> None:
        name, reference = job["metadata"]["name"], job["spec"]["runtimeRef"]
        assert reference["kind"] == "TrainingRuntime", reference
        runtime = self._objects["trainingruntimes", reference["name"]]
        [replicated] = runtime["spec"]["template"]["spec"]["replicatedJobs"]
        assert replicated["template"]["metadata"]["labels"] == {
            "trainer.kubeflow.org/trainjob-ancestor-step": "trainer"
        }
        template, count = replicated["template"]["spec"]["template"], job["spec"]["trainer"]["numNodes"]
        [container] = template["spec"]["containers"]
        [variable] = [one for one in container["env"] if one["name"] == "DARKROOM_WORKER_ADDRESSES"]
        hosts = [f"{name}-node-0-{index}.{name}" for index in range(count)]
        assert [address.partition(":")[0] for address in variable["value"].split(",")] == hosts
        here = ",".join(_addresses(count))
        for index in range(count):
            labels = {"jobset.sigs.k8s.io/jobset-name": name, "batch.kubernetes.io/job-completion-index": str(index)}
            extra = {"JOB_COMPLETION_INDEX": str(index), "DARKROOM_WORKER_ADDRESSES": here}
            self._start(f"{name}-node-0-{index}-x7k2p", template, labels, extra)

    def _start(self, name: str, template: dict[str, Any], labels: dict[str, str], extra: dict[str, str]) -> None:
        pod = self.pods[name] = Pod(name, template, labels, extra, self._folder / f"{name}-{len(self.started)}")
        self.started.append((name, pod.environment))

    def get(self, plural: str, name: str) -> dict[str, Any]:
        with self._lock:
            found = self._objects.get((plural, name))
            if found is None or plural not in self.known:
                raise RefusedError(404, f'{plural} "{name}" not found')
            if plural != "trainingruntimes":
                self._reconcile(found, "Complete" if plural == "trainjobs" else "Succeeded")
            return found

    def patch(self, plural: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        found = self.get(plural, name)
        found["metadata"] |= body["metadata"]
        return found

    def delete(self, plural: str, name: str) -> dict[str, Any]:
        with self._lock:
            self.get(plural, name)
            if plural != "trainingruntimes":
                for pod in self._pods_of(name):
                    pod.end(signal.SIGTERM)
                    del self.pods[pod.name]
            del self._objects[plural, name]
        return {"kind": "Status", "status": "Success"}

    def _reconcile(self, job: dict[str, Any], success: str) -> None:
        """What the operator does when its job's pods change."""
        pods, conditions = self._pods_of(job["metadata"]["name"]), job["status"]["conditions"]
        if conditions[-1]["type"] in ("Failed", success):
            return
        if any(pod.phase == "Failed" for pod in pods):
            conditions.append({"type": "Failed", "status": "True", "message": "1 Worker replica(s) failed."})
            for pod in pods:
                if not pod.has_ended:
                    pod.is_going = True
                    pod.end(signal.SIGTERM)
        elif all(pod.phase == "Succeeded" for pod in pods):
            conditions.append({"type": success, "status": "True"})

    def _pods_of(self, name: str) -> list[Pod]:
        return [pod for pod in self.pods.values() if pod.labels["app.kubernetes.io/instance"] == name]

    def list_pods(self, selector: str) -> dict[str, Any]:
        wanted = dict(pair.split("=") for pair in selector.split(","))
        with self._lock:
            found = [pod.json() for pod in self.pods.values() if wanted.items() <= pod.labels.items()]
        return {"kind": "PodList", "items": found}

    def worker(self, index: int) -> Pod:
        """The pod of a worker that runs."""
        return sorted(self.pods.values(), key=lambda pod: pod.name)[index]

    def close(self) -> None:
        """Ends all processes."""
        for pod in self.pods.values():
            pod.end(signal.SIGKILL)


class RefusedError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def _addresses(count: int) -> list[str]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    found = [f"127.0.0.1:{one.getsockname()[1]}" for one in held]
    for one in held:
        one.close()
    return found


def kubeconfig(url: str) -> str:
    """The file that leads Kubernetes' clients to the cluster."""
    return (
        f"clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
    )


@contextmanager
def serving(cluster: Cluster) -> Iterator[str]:
    """Serves the API on loopback; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self) -> None:
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            cluster.requests.append(f"{self.command} {url.path}")
            try:
                cluster.refuse_if_asked()
                found = _PODS.fullmatch(url.path)
                if found is None:
                    self._send(200, self._object(url.path, json.loads(data) if data else {}))
                elif found["name"] is None:
                    self._send(200, cluster.list_pods(query["labelSelector"]))
                else:
                    self._stream(found["name"], query)
            except RefusedError as error:
                self._send(error.status, {"kind": "Status", "code": error.status, "message": str(error)})

        def _object(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
            found = _OBJECTS.fullmatch(path)
            if found is None or found["plural"] not in cluster.known:
                raise RefusedError(404, "the server could not find the requested resource")
            if self.command == "POST":
                assert body["apiVersion"] == f"{found['group']}/{found['version']}"
                return cluster.create(found["plural"], body)
            if self.command == "PATCH":
                assert self.headers["Content-Type"] == "application/merge-patch+json"
                return cluster.patch(found["plural"], found["name"], body)
            if self.command == "DELETE":
                return cluster.delete(found["plural"], found["name"])
            return cluster.get(found["plural"], found["name"])

        def _stream(self, name: str, query: dict[str, str]) -> None:
            pod = cluster.pods.get(name)
            if pod is None:
                raise RefusedError(404, f'pods "{name}" not found')
            assert query["timestamps"] == query["follow"] == "True"
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in pod.log():
                text = line.encode()
                self.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

        def _send(self, status: int, answer: Any) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_PATCH = _answer  # noqa: N815 - the base class's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        cluster.close()
        server.shutdown()
        thread.join()
        server.server_close()
