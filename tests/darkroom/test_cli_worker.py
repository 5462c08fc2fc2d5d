"""`darkroom worker`, as a pod of a training job runs it."""

import json

from tests.darkroom.command import darkroom


def test_a_job_that_is_not_there_is_one_line(tmp_path):
    done = darkroom("worker", tmp_path / "job.json")
    assert done.returncode == 2
    assert "there is no such file; it must be the job's" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_job_is_one_line(tmp_path):
    (tmp_path / "job.json").write_text('{"function": "x"}')
    done = darkroom("worker", tmp_path / "job.json")
    assert (done.returncode, done.stderr) == (
        2,
        f"darkroom: {tmp_path / 'job.json'} is no job: argument: Field required\n",
    )


def test_an_error_for_people_is_one(tmp_path):
    job = {"function": "tests.pipeline.distribution.jobs.fail", "argument": {}}
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = darkroom("worker", tmp_path / "job.json")
    assert (done.returncode, done.stderr) == (2, "darkroom: there is nothing to learn from\n")
