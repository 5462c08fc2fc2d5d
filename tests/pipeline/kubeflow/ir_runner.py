"""Runs a compiled pipeline as Kubeflow Pipelines v2 does, each step in a process of its own in place of a container.

It reads nothing but the IR: the specification's tasks, their inputs, conditions and dependencies, and the platform
document's secrets and labels. Volumes are expected to lie where the IR mounts them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

# Of all pods.
NAMESPACE = "team"
# As many pods as run at once.
_PODS = 2
_CONDITION = re.compile(r"inputs\.parameter_values\['([^']+)'\] == '([^']*)'")
_PLACEHOLDER = re.compile(r"\{\{\$(\.[^}]*)?\}\}")


@dataclass
class StepRun:
    """What came of a task.

    Attributes:
        state: SUCCEEDED, FAILED or SKIPPED.
        attempts: exit codes of its processes.
        seconds: of the last one.
        outputs: parameters, by name.
        artifacts: local path and metadata, by name.
        log: of all attempts.
    """

    state: str = "SKIPPED"
    attempts: list[int] = field(default_factory=list)
    seconds: float = 0.0
    outputs: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, tuple[Path, dict[str, Any]]] = field(default_factory=dict)
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class _Pod:
    """One try of a step."""

    name: str
    attempt: int
    component: Mapping[str, Any]
    container: Mapping[str, Any]
    platform: Mapping[str, Any]
    values: Mapping[str, Any]


class IrRunner:
    """Kubeflow's driver and launcher, as far as Darkroom's pipelines need them."""

    def __init__(self, compiled: str, folder: Path, secrets: Mapping[tuple[str, str], str]) -> None:
        """Takes what to run.

        Args:
            compiled: the two YAML documents.
            folder: for logs and Kubeflow's own artifacts.
            secrets: values by Secret and key.
        """
        self._spec, platform = yaml.safe_load_all(compiled)
        self._platform = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        self._folder, self._secrets = folder, secrets
        self._watch: Callable[[str, int, subprocess.Popen[bytes], Path], None] | None = None

    def run(
        self,
        run_id: str,
        parameters: Mapping[str, Any] | None = None,
        watch: Callable[[str, int, subprocess.Popen[bytes], Path], None] | None = None,
    ) -> dict[str, StepRun]:
        """Runs the pipeline to its end.

        Args:
            run_id: Kubeflow's.
            parameters: in place of defaults.
            watch: is given each attempt's step, number, process and log.

        Returns:
            What came of each step, by task name.
        """
        self._watch = watch
        definitions = self._spec["root"]["inputDefinitions"]["parameters"]
        values = {name: definition.get("defaultValue") for name, definition in definitions.items()}
        unknown = set(parameters or {}) - set(values)
        assert not unknown, unknown
        results: dict[str, StepRun] = {}
        self._dag(self._spec["root"]["dag"], {**values, **(parameters or {})}, run_id, results)
        return results

    def _dag(self, dag: Mapping[str, Any], inputs: Mapping[str, Any], run_id: str, results: dict[str, StepRun]) -> bool:
        """Runs a DAG; returns whether no task failed."""
        tasks, made = dag["tasks"], {}
        with ThreadPoolExecutor(_PODS) as pods:
            waiting, running = dict(tasks), {}
            while waiting or running:
                for name, task in list(waiting.items()):
                    upstream = [made.get(other) for other in task.get("dependentTasks", [])]
                    if None in upstream:
                        continue
                    del waiting[name]
                    anyway = task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
                    if anyway or all(state == "SUCCEEDED" for state in upstream):
                        running[pods.submit(self._task, name, task, inputs, run_id, results)] = name
                    else:
                        made[name] = "SKIPPED"
                        results.setdefault(name, StepRun())
                self._collect(running, made)
        return "FAILED" not in made.values() and all(made[name] != "SKIPPED" or _may_skip(tasks[name]) for name in made)

    @staticmethod
    def _collect(running: dict[Future[str], str], made: dict[str, str]) -> None:
        done = [future for future in running if future.done()]
        if not done and running:
            threading.Event().wait(0.02)
        for future in done:
            made[running.pop(future)] = future.result()

    def _task(
        self, name: str, task: Mapping[str, Any], inputs: Mapping[str, Any], run_id: str, results: dict[str, StepRun]
    ) -> str:
        values = {
            key: self._value(source, inputs, run_id, results)
            for key, source in task.get("inputs", {}).get("parameters", {}).items()
        }
        condition = task.get("triggerPolicy", {}).get("condition")
        if condition is not None:
            found = _CONDITION.fullmatch(condition)
            assert found, condition
            if values[found[1]] != found[2]:
                results[name] = StepRun()
                return "SUCCEEDED"
        component = self._spec["components"][task["componentRef"]["name"]]
        if "dag" in component:
            return "SUCCEEDED" if self._dag(component["dag"], values, run_id, results) else "FAILED"
        result = results[name] = StepRun(log=self._folder / run_id / name / "log")
        executor = component["executorLabel"]
        for attempt in range(task.get("retryPolicy", {}).get("maxRetryCount", 0) + 1):
            pod = _Pod(name, attempt, component, self._container(executor), self._platform.get(executor, {}), values)
            self._attempt(pod, run_id, result)
            if result.attempts[-1] == 0:
                result.state = "SUCCEEDED"
                return result.state
        result.state = "FAILED"
        return result.state

    @staticmethod
    def _value(
        source: Mapping[str, Any], inputs: Mapping[str, Any], run_id: str, results: Mapping[str, StepRun]
    ) -> Any:
        if "componentInputParameter" in source:
            return inputs[source["componentInputParameter"]]
        if "taskOutputParameter" in source:
            output = source["taskOutputParameter"]
            return results[output["producerTask"]].outputs[output["outputParameterKey"]]
        constant = source["runtimeValue"]["constant"]
        # The driver fills it in where it is the whole value of a task's input, and nowhere else.
        return run_id if constant == "{{$.pipeline_job_uuid}}" else constant

    def _container(self, executor: str) -> Mapping[str, Any]:
        container: Mapping[str, Any] = self._spec["deploymentSpec"]["executors"][executor]["container"]
        return container

    def _attempt(self, pod: _Pod, run_id: str, result: StepRun) -> None:
        name, component, container, platform, values = (
            pod.name,
            pod.component,
            pod.container,
            pod.platform,
            pod.values,
        )
        folder = self._folder / run_id / name
        folder.mkdir(parents=True, exist_ok=True)
        outputs = component.get("outputDefinitions", {})
        parameters = {key: folder / "outputs" / key for key in outputs.get("parameters", {})}
        artifacts = {key: folder / "artifacts" / key for key in outputs.get("artifacts", {})}
        executor_input = {
            "inputs": {"parameterValues": dict(values)},
            "outputs": {
                "parameters": {key: {"outputFile": str(path)} for key, path in parameters.items()},
                "artifacts": {
                    key: {
                        "artifacts": [
                            {
                                "name": key,
                                "uri": f"minio://mlpipeline/{run_id}/{name}/{key}",
                                "type": outputs["artifacts"][key]["artifactType"],
                                "metadata": {},
                            }
                        ]
                    }
                    for key in artifacts
                },
                "outputFile": str(folder / "output_metadata.json"),
            },
        }

        def filled(match: re.Match[str]) -> str:
            path = match[1]
            if path is None:
                return json.dumps(executor_input)
            if found := re.fullmatch(r"\.inputs\.parameters\['(.+)'\]", path):
                return _as_argument(values[found[1]], component["inputDefinitions"]["parameters"][found[1]])
            if found := re.fullmatch(r"\.outputs\.parameters\['(.+)'\]\.output_file", path):
                return str(parameters[found[1]])
            found = re.fullmatch(r"\.outputs\.artifacts\['(.+)'\]\.path", path)
            assert found, path
            return str(artifacts[found[1]])

        command = [_PLACEHOLDER.sub(filled, part) for part in (*container["command"], *container["args"])]
        fields = {
            "metadata.labels['pipeline/runid']": run_id,
            "metadata.name": f"{name}-{pod.attempt}",
            "metadata.uid": f"{run_id}-{name}-{pod.attempt}",
            "metadata.namespace": NAMESPACE,
        }
        for path in (*parameters.values(), *artifacts.values()):
            path.parent.mkdir(parents=True, exist_ok=True)
        environment = {
            "HOME": str(folder),
            # Where the steps' image has the command.
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            **{entry["name"]: entry["value"] for entry in container.get("env", [])},
            **{
                variable["envVar"]: self._secrets[secret["secretName"], variable["secretKey"]]
                for secret in platform.get("secretAsEnv", [])
                for variable in secret["keyToEnv"]
            },
            **{entry["name"]: fields[entry["fieldPath"]] for entry in platform.get("fieldPathAsEnv", [])},
        }
        for mount in platform.get("pvcMount", []):
            assert Path(mount["mountPath"]).is_dir(), mount
        start = time.monotonic()
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
            if self._watch is not None:
                threading.Thread(target=self._watch, args=(name, pod.attempt, process, folder / "log")).start()
            deadline = int(platform.get("activeDeadlineSeconds", 0)) or None
            try:
                process.wait(deadline)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
        result.seconds = time.monotonic() - start
        result.attempts.append(process.returncode)
        if process.returncode == 0:
            result.outputs = {key: path.read_text() for key, path in parameters.items()}
            described = folder / "output_metadata.json"
            found = json.loads(described.read_text())["artifacts"] if described.exists() else {}
            result.artifacts = {
                key: (path, found.get(key, {}).get("artifacts", [{}])[0].get("metadata", {}))
                for key, path in artifacts.items()
            }


def _may_skip(task: Mapping[str, Any]) -> bool:
    return "condition" in task.get("triggerPolicy", {})


def _as_argument(value: Any, definition: Mapping[str, Any]) -> str:
    """A value as Kubeflow's launcher writes it into a command line."""
    if isinstance(value, str):
        return value
    if definition["parameterType"] == "NUMBER_INTEGER":
        return str(int(value))
    return json.dumps(value)
