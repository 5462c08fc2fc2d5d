"""Kubeflow Pipelines' API in a process's memory: the paths and messages of its published OpenAPI (v2beta1).

Messages are those of `kfp_server_api`, which is generated from it: a request with a field that a message does not have
is refused, and answers are made of messages alone.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api as messages
import yaml

_CLIENT = messages.ApiClient()


class RefusedError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Kubeflow:
    """What the API keeps.

    Attributes:
        states: that a started run goes through, one at each look, with its steps' states.
        requests: method and path of each.
        token: that requests must bring; none when empty.
    """

    def __init__(self) -> None:
        self.pipelines: dict[str, Any] = {}
        self.versions: dict[str, Any] = {}
        self.specs: dict[str, list[Any]] = {}
        self.experiments: dict[str, Any] = {}
        self.runs: dict[str, Any] = {}
        self.recurring: dict[str, Any] = {}
        self.states: list[tuple[str, dict[str, str]]] = [("SUCCEEDED", {})]
        self.requests: list[str] = []
        self.token = ""
        self._looks: dict[str, int] = {}
        self._last = 0

    def routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        """Method, path, and what answers."""
        root = "/apis/v2beta1"
        return [
            ("GET", f"{root}/healthz", lambda **_: messages.V2beta1GetHealthzResponse(multi_user=False)),
            ("GET", f"{root}/pipelines", self._list_pipelines),
            ("POST", f"{root}/pipelines/upload", self._upload),
            ("POST", f"{root}/pipelines/upload_version", self._upload_version),
            ("GET", f"{root}/pipelines/(?P<key>[^/]+)/versions", self._list_versions),
            ("GET", f"{root}/experiments", self._list_experiments),
            ("POST", f"{root}/experiments", self._create_experiment),
            ("GET", f"{root}/runs", self._list_runs),
            ("POST", f"{root}/runs", self._create_run),
            ("GET", f"{root}/runs/(?P<key>[^/]+)", self._get_run),
            ("GET", f"{root}/recurringruns", self._list_recurring),
            ("POST", f"{root}/recurringruns", self._create_recurring),
            ("DELETE", f"{root}/recurringruns/(?P<key>[^/]+)", self._delete_recurring),
        ]

    def _new_id(self) -> str:
        self._last += 1
        return f"00000000-0000-4000-8000-{self._last:012}"

    def _list_pipelines(self, *, query: dict[str, str], **_: Any) -> Any:
        found = [one for one in self.pipelines.values() if _fits(one, query)]
        return messages.V2beta1ListPipelinesResponse(pipelines=found or None, total_size=len(found))

    def _upload(self, *, query: dict[str, str], file: str, **_: Any) -> Any:
        key = self._new_id()
        self.pipelines[key] = messages.V2beta1Pipeline(pipeline_id=key, display_name=query["name"])
        self._add_version(key, query["name"], file)
        return self.pipelines[key]

    def _upload_version(self, *, query: dict[str, str], file: str, **_: Any) -> Any:
        if any(one.display_name == query["name"] for one in self.versions.values()):
            raise RefusedError(409, f"there is a version {query['name']}")
        return self._add_version(query["pipelineid"], query["name"], file)

    def _add_version(self, pipeline: str, name: str, file: str) -> Any:
        key = self._new_id()
        self.specs[key] = list(yaml.safe_load_all(file))
        self.versions[key] = messages.V2beta1PipelineVersion(
            pipeline_id=pipeline, pipeline_version_id=key, display_name=name
        )
        return self.versions[key]

    def _list_versions(self, *, key: str, query: dict[str, str], **_: Any) -> Any:
        found = [one for one in self.versions.values() if one.pipeline_id == key]
        page, token = _page(found, query)
        return messages.V2beta1ListPipelineVersionsResponse(pipeline_versions=page, next_page_token=token)

    def _list_experiments(self, *, query: dict[str, str], **_: Any) -> Any:
        found = [one for one in self.experiments.values() if _fits(one, query)]
        return messages.V2beta1ListExperimentsResponse(experiments=found or None, total_size=len(found))

    def _create_experiment(self, *, body: Any, **_: Any) -> Any:
        experiment = _message(body, "V2beta1Experiment")
        experiment.experiment_id = self._new_id()
        self.experiments[experiment.experiment_id] = experiment
        return experiment

    def _list_runs(self, *, query: dict[str, str], **_: Any) -> Any:
        found = [
            one
            for one in self.runs.values()
            if one.experiment_id == query.get("experiment_id", one.experiment_id) and _fits(one, query)
        ]
        return messages.V2beta1ListRunsResponse(runs=found or None, total_size=len(found))

    def _create_run(self, *, body: Any, **_: Any) -> Any:
        run = _message(body, "V2beta1Run")
        self._check_parameters(run)
        run.run_id, run.state = self._new_id(), "PENDING"
        self.runs[run.run_id] = run
        return run

    def _get_run(self, *, key: str, **_: Any) -> Any:
        if key not in self.runs:
            raise RefusedError(404, f"Run {key} not found")
        look = self._looks.get(key, 0)
        self._looks[key] = look + 1
        state, steps = self.states[min(look, len(self.states) - 1)]
        run = self.runs[key]
        run.state = state
        run.run_details = messages.V2beta1RunDetails(
            task_details=[
                messages.V2beta1PipelineTaskDetail(display_name=name, state=step) for name, step in steps.items()
            ]
        )
        return run

    def _list_recurring(self, *, query: dict[str, str], **_: Any) -> Any:
        found = [one for one in self.recurring.values() if one.experiment_id == query["experiment_id"]]
        page, token = _page(found, query)
        return messages.V2beta1ListRecurringRunsResponse(recurring_runs=page or None, next_page_token=token)

    def _create_recurring(self, *, body: Any, **_: Any) -> Any:
        one = _message(body, "V2beta1RecurringRun")
        self._check_parameters(one)
        # robfig/cron's, with seconds.
        if len(one.trigger.cron_schedule.cron.split()) != 6:
            raise RefusedError(400, "invalid cron schedule")
        one.recurring_run_id = self._new_id()
        self.recurring[one.recurring_run_id] = one
        return one

    def _delete_recurring(self, *, key: str, **_: Any) -> Any:
        if self.recurring.pop(key, None) is None:
            raise RefusedError(404, f"RecurringRun {key} not found")
        return {}

    def _check_parameters(self, run: Any) -> None:
        spec = self.specs[run.pipeline_version_reference.pipeline_version_id][0]
        known = spec["root"]["inputDefinitions"]["parameters"]
        if unknown := set(run.runtime_config.parameters or {}) - set(known):
            raise RefusedError(400, f"unknown parameters {sorted(unknown)}")


def _page(found: list[Any], query: dict[str, str]) -> tuple[list[Any], str | None]:
    """One at a time, so that clients have to turn pages."""
    start = int(query.get("page_token") or 0)
    return found[start : start + 1], str(start + 1) if start + 1 < len(found) else None


def _fits(one: Any, query: dict[str, str]) -> bool:
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
        value = getattr(one, predicate["key"])
        if predicate["operation"] in ("EQUALS", 1):
            wanted = [predicate.get("stringValue", predicate.get("string_value"))]
        else:
            assert predicate["operation"] == "IN", predicate
            wanted = predicate["string_values"]["values"]
        if value not in wanted:
            return False
    return True


def _message(body: Any, kind: str) -> Any:
    model = getattr(messages, kind)
    unknown = set(body) - set(model.attribute_map.values())
    if unknown:
        raise RefusedError(400, f"{kind} has no {sorted(unknown)}")
    return _CLIENT._ApiClient__deserialize(body, kind)


def _uploaded(content_type: str, data: bytes) -> str:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + data)
    [part] = [part for part in form.iter_parts() if part.get_filename()]
    return part.get_payload(decode=True).decode()


@contextmanager
def serving(kubeflow: Kubeflow) -> Iterator[str]:
    """Serves the API on loopback; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self) -> None:
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kubeflow.requests.append(f"{self.command} {url.path}")
            try:
                answer = self._route(url.path, query, data)
                self._send(200, _CLIENT.sanitize_for_serialization(answer))
            except RefusedError as error:
                self._send(error.status, {"code": error.status, "message": str(error), "details": []})

        def _route(self, path: str, query: dict[str, str], data: bytes) -> Any:
            if kubeflow.token and self.headers.get("authorization") != f"Bearer {kubeflow.token}":
                raise RefusedError(401, "Request not authenticated")
            for method, pattern, action in kubeflow.routes():
                found = re.fullmatch(pattern, path)
                if found and method == self.command:
                    is_form = (self.headers.get("Content-Type") or "").startswith("multipart/")
                    return action(
                        **found.groupdict(),
                        query=query,
                        body=None if is_form or not data else json.loads(data),
                        file=_uploaded(self.headers["Content-Type"], data) if is_form else "",
                    )
            raise RefusedError(404, f"no {self.command} {path}")

        def _send(self, status: int, answer: Any) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the base class's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
