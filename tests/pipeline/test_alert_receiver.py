"""What the webhook takes and what it refuses."""

import json

import pytest
from starlette.testclient import TestClient

from darkroom.errors import DarkroomError
from pipeline.alert_receiver import AlertReceiver, read_token
from pipeline.drift_runs import Reception

TOKEN = "a token of many letters"


class Received:
    """Keeps what would have started a run."""

    def __init__(self):
        self.alerts = []
        self.error = None

    def receive(self, alerts):
        if self.error is not None:
            raise self.error
        self.alerts.append(alerts)
        return Reception.STARTED if alerts else Reception.NOT_MEANT


@pytest.fixture
def received():
    return Received()


@pytest.fixture
def token_file(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return tmp_path / "token"


@pytest.fixture
def client(received, token_file):
    receiver = AlertReceiver(received, "pets", ["DarkroomDrift"], token_file)
    return TestClient(receiver.app, headers={"authorization": f"Bearer {TOKEN}"})


def alert(name="DarkroomDrift", model="pets", status="firing", fingerprint="1"):
    return {
        "status": status,
        "labels": {"alertname": name, "model": model, "feature": "brightness"},
        "annotations": {"summary": "something"},
        "startsAt": "2026-01-02T03:04:05Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint,
    }


def notification(*alerts):
    return {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "retraining", "alerts": list(alerts)}


def test_an_alert_about_drift_of_the_model_starts_a_run(client, received):
    answer = client.post("/alerts", json=notification(alert(), alert(fingerprint="2")))
    assert (answer.status_code, answer.json()) == (202, {"outcome": "started"})
    assert received.alerts == [{"1 2026-01-02T03:04:05Z", "2 2026-01-02T03:04:05Z"}]


@pytest.mark.parametrize("other", [alert(name="DarkroomShedding"), alert(model="cars"), alert(status="resolved")])
def test_other_alerts_start_nothing(client, received, other):
    answer = client.post("/alerts", json=notification(other))
    assert (answer.status_code, answer.json()) == (200, {"outcome": "not_meant"})
    assert received.alerts == [set()]


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"])
def test_without_the_token_nothing_is_read(client, received, given):
    del client.headers["authorization"]
    headers = {} if given is None else {"authorization": given.encode("latin-1")}
    answer = client.post("/alerts", content=b"not read", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert received.alerts == []


def test_a_new_token_counts_at_once_and_the_old_no_longer(client, token_file):
    token_file.write_text("another token of many letters")
    assert client.post("/alerts", json=notification()).status_code == 401
    answer = client.post(
        "/alerts", json=notification(), headers={"authorization": "Bearer another token of many letters"}
    )
    assert answer.status_code == 200


def test_a_token_that_is_gone_opens_nothing(client, token_file):
    token_file.unlink()
    assert client.post("/alerts", json=notification(alert())).status_code == 503


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "body: Invalid JSON"),
        (b"{", "body: Invalid JSON"),
        (b"[]", "body: Input should be"),
        (json.dumps(notification() | {"version": "3"}).encode(), "version: Input should be '4'"),
        (json.dumps(notification({"status": "firing"})).encode(), "alerts.0.labels: Field required"),
    ],
)
def test_what_is_no_notification_is_refused_by_name(client, received, body, said):
    answer = client.post("/alerts", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert received.alerts == []


def test_a_body_without_end_is_cut(client):
    answer = client.post("/alerts", content=b" " * (1 << 21))
    assert answer.status_code == 413


def test_a_run_that_cannot_be_started_is_asked_for_again(client, received):
    received.error = OSError("no memory")
    assert client.post("/alerts", json=notification(alert())).status_code == 500


def test_probes_need_no_token(client):
    del client.headers["authorization"]
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("content", [b"", b"short", b"  \n"])
def test_a_token_that_can_be_guessed_is_refused(token_file, content):
    token_file.write_bytes(content)
    with pytest.raises(DarkroomError, match="16 letters"):
        read_token(token_file)
