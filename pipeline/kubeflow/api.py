"""Kubeflow Pipelines' API, as far as Darkroom needs it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp_server_api
import urllib3.exceptions
from kfp.client import Client

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError, DarkroomError
from pipeline.kubeflow.compilation import kubeflow_name
from pipeline.kubeflow.parameters import TRIGGER
from pipeline.triggers import Trigger

_PAGE = 100
# As much of the hash of a pipeline's YAML as tells its versions apart.
_HASH_LETTERS = 12

UNDER_WAY = ("PENDING", "RUNNING", "PAUSED", "CANCELING")


@dataclass(frozen=True, slots=True)
class PipelineVersion:
    """An uploaded pipeline.

    Attributes:
        pipeline_id, version_id: Kubeflow's.
        name: of the version.
        is_new: whether it was not there before.
    """

    pipeline_id: str
    version_id: str
    name: str
    is_new: bool


class KubeflowApi:
    """One model's pipeline, its runs and its schedule."""

    def __init__(self, config: DarkroomConfig) -> None:
        """Takes where the API is.

        Raises:
            ConfigurationError: `kubeflow.host` is not set, or the token's file cannot be read.
        """
        section = config.kubeflow
        if section.host is None:
            raise ConfigurationError(
                "kubeflow.host is not set: it is the address of the Pipelines API, such as "
                "http://ml-pipeline.kubeflow:8888, or http://127.0.0.1:8888 with kubectl port-forward"
            )
        self._host, self._namespace = section.host, section.namespace
        self._pipeline = kubeflow_name(config)
        self._experiment = section.experiment or config.pipeline_name
        options: dict[str, Any] = {}
        if section.token_file is not None:
            options["existing_token"] = _token(config.resolve(section.token_file))
        if section.ca_file is not None:
            options["ssl_ca_cert"] = config.resolve(section.ca_file)
        with self._asking(), warnings.catch_warnings():
            _knock(section.host, options)
            # That it is for Kubeflow Pipelines 2, which Darkroom is, too.
            warnings.simplefilter("ignore")
            self._client = Client(host=section.host, namespace=section.namespace or "kubeflow", **options)

    def upload(self, compiled: str) -> PipelineVersion:
        """Uploads a compiled pipeline, unless it is there."""
        name = f"{self._pipeline}-{hashlib.sha256(compiled.encode()).hexdigest()[:_HASH_LETTERS]}"
        with self._asking(), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.yaml"
            path.write_text(compiled, encoding="utf-8")
            pipeline_id = self._client.get_pipeline_id(self._pipeline)
            if pipeline_id is None:
                pipeline_id = self._client.upload_pipeline(
                    str(path), self._pipeline, namespace=self._namespace
                ).pipeline_id
            found = [version for version in self._versions(pipeline_id) if version.display_name == name]
            if found:
                return PipelineVersion(pipeline_id, found[0].pipeline_version_id, name, is_new=False)
            made = self._client.upload_pipeline_version(str(path), name, pipeline_id=pipeline_id)
            return PipelineVersion(pipeline_id, made.pipeline_version_id, name, is_new=True)

    def run_under_way(self) -> str | None:
        """The id of a run of this pipeline that has not ended; None where there is none."""
        with self._asking():
            experiment_id = self._experiment_id()
            wanted = {"key": "state", "operation": "IN", "string_values": {"values": list(UNDER_WAY)}}
            found = self._client.list_runs(
                page_size=1, experiment_id=experiment_id, filter=json.dumps({"predicates": [wanted]})
            )
            return found.runs[0].run_id if found.runs else None

    def start(self, version: PipelineVersion, name: str, parameters: Mapping[str, Any]) -> str:
        """Starts a run; returns its id."""
        with self._asking():
            made = self._client.run_pipeline(
                self._experiment_id(),
                name,
                params=dict(parameters),
                pipeline_id=version.pipeline_id,
                version_id=version.version_id,
            )
            return str(made.run_id)

    def run(self, run_id: str) -> Any:
        """A run as Kubeflow describes it (`V2beta1Run`)."""
        with self._asking():
            return self._client.get_run(run_id)

    def schedule(self, version: PipelineVersion, cron: str, parameters: Mapping[str, Any], trigger: Trigger) -> bool:
        """Makes the recurring run what is asked for; returns whether anything changed.

        Only one run at a time, and missed times are not made up for. Kubeflow cannot change a recurring run: another
        one takes its place.
        """
        wanted = {**parameters, TRIGGER: trigger.value}
        with self._asking():
            experiment_id = self._experiment_id()
            found = self._recurring(experiment_id)
            fitting = [one for one in found if _is_as(one, version, cron, wanted)]
            for one in found:
                if one not in fitting[:1]:
                    self._client.delete_recurring_run(one.recurring_run_id)
            if fitting:
                return len(found) > 1
            self._client.create_recurring_run(
                experiment_id,
                self._schedule_name,
                cron_expression=cron,
                max_concurrency=1,
                no_catchup=True,
                params=wanted,
                pipeline_id=version.pipeline_id,
                version_id=version.version_id,
            )
            return True

    def unschedule(self) -> int:
        """Removes the recurring run; returns how many there were."""
        with self._asking():
            found = self._recurring(self._experiment_id())
            for one in found:
                self._client.delete_recurring_run(one.recurring_run_id)
            return len(found)

    @property
    def _schedule_name(self) -> str:
        return f"{self._pipeline}-schedule"

    def _experiment_id(self) -> str:
        return str(self._client.create_experiment(self._experiment, namespace=self._namespace).experiment_id)

    def _versions(self, pipeline_id: str) -> Iterator[Any]:
        yield from _pages(
            lambda token: self._client.list_pipeline_versions(pipeline_id, page_token=token, page_size=_PAGE),
            "pipeline_versions",
        )

    def _recurring(self, experiment_id: str) -> list[Any]:
        found = _pages(
            lambda token: self._client.list_recurring_runs(
                page_token=token, page_size=_PAGE, experiment_id=experiment_id
            ),
            "recurring_runs",
        )
        return [one for one in found if one.display_name == self._schedule_name]

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Keeps the client's links off standard output; its errors become a line."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except kfp_server_api.ApiException as error:
            raise DarkroomError(
                f"Kubeflow at {self._host} answered {error.status} {error.reason}: {_said(error)}"
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise DarkroomError(f"Kubeflow at {self._host} cannot be reached: {error}") from error


def _knock(host: str, options: Mapping[str, Any]) -> None:
    """Asks once whether the API is there: the client asks five times, and each time logs a traceback."""
    configuration = kfp_server_api.Configuration(host=host.rstrip("/"))
    if "ssl_ca_cert" in options:
        configuration.ssl_ca_cert = options["ssl_ca_cert"]
    if options.get("existing_token"):
        configuration.api_key["authorization"] = options["existing_token"]
        configuration.api_key_prefix["authorization"] = "Bearer"
    kfp_server_api.HealthzServiceApi(kfp_server_api.ApiClient(configuration)).healthz_service_get_healthz()


def _pages(page: Callable[[str], Any], key: str) -> Iterator[Any]:
    token = ""
    while True:
        answer = page(token)
        yield from getattr(answer, key) or ()
        token = answer.next_page_token or ""
        if not token:
            return


def _is_as(one: Any, version: PipelineVersion, cron: str, parameters: Mapping[str, Any]) -> bool:
    reference, config = one.pipeline_version_reference, one.runtime_config
    return (
        one.mode == kfp_server_api.RecurringRunMode.ENABLE
        and one.trigger is not None
        and one.trigger.cron_schedule is not None
        and one.trigger.cron_schedule.cron == cron
        and one.max_concurrency == "1"
        and bool(one.no_catchup)
        and reference is not None
        and reference.pipeline_version_id == version.version_id
        and (config.parameters if config is not None else None) == dict(parameters)
    )


def _token(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"kubeflow.token_file: {path} cannot be read: {error}") from error


def _said(error: kfp_server_api.ApiException) -> str:
    """The API's own words, out of a `google.rpc.Status`."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:500]
