"""`darkroom submit` and `darkroom schedule` against a server that speaks Kubeflow Pipelines' API."""

import pytest
import yaml

from tests.darkroom.command import darkroom
from tests.pipeline.kubeflow.api_server import Kubeflow, serving


@pytest.fixture
def kubeflow():
    return Kubeflow()


@pytest.fixture
def project(kubeflow, tmp_path):
    """A function that calls darkroom with a configuration whose API is the server."""
    with serving(kubeflow) as url:
        config = tmp_path / "darkroom.yaml"
        config.write_text(f"""\
data: {{images: images}}
model: {{name: pets}}
pipeline: {{metadata: {{host: 127.0.0.1, port: 1}}}}
kubeflow: {{host: '{url}', token_file: token}}
""")
        (tmp_path / "token").write_text("")

        def call(command, *arguments):
            return darkroom(command, "-c", config, *arguments)

        yield call


def only(things):
    [one] = things.values()
    return one


def test_a_schedule_is_made_with_what_it_needs_and_once(kubeflow, project):
    done = project("schedule", "--cron", "0 3 * * *", "--set", "training.epochs=5", "--set", "training.batch_size=16")
    assert (done.returncode, done.stdout) == (0, "pets: scheduled at 0 3 * * *\n"), done.stderr
    made = only(kubeflow.recurring)
    assert made.trigger.cron_schedule.cron == "0 0 3 * * *"
    assert (made.max_concurrency, made.no_catchup, made.mode) == ("1", True, "ENABLE")
    assert made.runtime_config.parameters == {
        "training_epochs": 5,
        "overrides": ["training.batch_size=16"],
        "trigger": "schedule",
    }
    spec = kubeflow.specs[made.pipeline_version_reference.pipeline_version_id][0]
    assert spec["pipelineInfo"]["name"] == "pets"
    again = project("schedule", "--cron", "0 3 * * *", "--set", "training.epochs=5", "--set", "training.batch_size=16")
    assert again.stdout == "pets: is already scheduled at 0 3 * * *\n", again.stderr
    assert only(kubeflow.recurring) is made
    later = project("schedule", "--cron", "30 4 * * 1-5")
    assert later.returncode == 0, later.stderr
    assert only(kubeflow.recurring).trigger.cron_schedule.cron == "0 30 4 * * 1-5"
    assert len(kubeflow.pipelines) == 1
    removed = project("schedule", "--remove")
    assert removed.stdout == "pets: the schedule was removed\n", removed.stderr
    assert kubeflow.recurring == {}


def test_a_run_is_followed_to_its_end(kubeflow, project):
    kubeflow.states = [
        ("PENDING", {}),
        ("RUNNING", {"Prepare": "RUNNING", "Prepare-driver": "SUCCEEDED"}),
        ("RUNNING", {"Prepare": "SUCCEEDED", "Trainer": "RUNNING"}),
        ("SUCCEEDED", {"Prepare": "SUCCEEDED", "Trainer": "SUCCEEDED"}),
    ]
    done = project("submit", "--set", "training.epochs=5", "--poll", "0.05")
    run = only(kubeflow.runs)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{run.run_id}\n"
    assert run.runtime_config.parameters == {"training_epochs": 5, "trigger": "manual"}
    seen = [line.split() for line in done.stderr.splitlines() if line.startswith(" ")]
    assert seen == [["Prepare", "running"], ["Prepare", "succeeded"], ["Trainer", "running"], ["Trainer", "succeeded"]]
    assert "whether it pushed a model is not known here" in done.stderr


def test_a_run_that_fails_is_a_failure(kubeflow, project):
    kubeflow.states = [("FAILED", {"Trainer": "FAILED"})]
    done = project("submit", "--poll", "0.05")
    assert done.returncode == 1
    assert "Trainer                  failed" in done.stderr
    assert "ended as failed" in done.stderr


def test_no_two_runs_of_one_model_at_once(kubeflow, project):
    kubeflow.states = [("RUNNING", {})]
    first = project("submit", "--detach")
    assert first.returncode == 0, first.stderr
    second = project("submit", "--detach")
    assert second.returncode == 1
    assert f"The run {first.stdout.strip()} of pets is under way" in second.stderr
    assert len(kubeflow.runs) == 1


def test_the_token_opens_the_api(kubeflow, project, tmp_path):
    kubeflow.token = "geheim"
    refused = project("submit", "--detach")
    assert refused.returncode == 1
    assert "answered 401 Unauthorized: Request not authenticated" in refused.stderr
    (tmp_path / "token").write_text("geheim\n")
    assert project("submit", "--detach").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("schedule", "--cron", "0 3 * *"), "found 4"),
        (("schedule",), "give either --cron"),
        (("schedule", "--cron", "0 3 * * *", "--trigger", "span"), "does not come in spans"),
        (("submit", "--set", "training.epoks=5"), "did you mean training.epochs?"),
        (("submit", "--set", "training.epochs=-5"), "training.epochs"),
    ],
)
def test_what_is_wrong_is_said_before_kubeflow_is_asked(arguments, said, kubeflow, project):
    done = project(*arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert kubeflow.requests == []


def test_an_api_that_is_not_there_is_one_line(tmp_path):
    config = tmp_path / "darkroom.yaml"
    config.write_text("pipeline: {metadata: {host: db}}\nkubeflow: {host: 'http://127.0.0.1:1'}\n")
    done = darkroom("submit", "-c", config)
    assert done.returncode == 1
    assert "Kubeflow at http://127.0.0.1:1 cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cluster_without_kubeflow_gets_a_cron_job(project):
    done = project("schedule", "--cron", "0 3 * * *", "--render", "--set", "training.epochs=5")
    assert done.returncode == 0, done.stderr
    [configuration, job] = yaml.safe_load_all(done.stdout)
    assert yaml.safe_load(configuration["data"]["darkroom.yaml"])["training"] == {"epochs": 5}
    assert (job["kind"], job["spec"]["schedule"]) == ("CronJob", "0 3 * * *")


def test_a_schedule_may_look_for_spans(kubeflow, project):
    arguments = ("schedule", "--cron", "*/15 * * * *", "--trigger", "span", "--set", "data.images=span-{SPAN}")
    done = project(*arguments)
    assert done.returncode == 0, done.stderr
    assert only(kubeflow.recurring).runtime_config.parameters["trigger"] == "span"
    rendered = project(*arguments, "--render")
    [_, job] = yaml.safe_load_all(rendered.stdout)
    [container] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"][-1] == "--if-new-span"
