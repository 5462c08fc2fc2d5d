"""`darkroom api-key`, and the commands that use what it makes."""

import json
import re
from dataclasses import dataclass

import pytest

from darkroom.cli import main
from tests.serving.certificates import Authority
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.process import ServeProcess
from tests.serving.gateway.running import eventually
from tests.serving.gateway.security.secured import KeyFile, secured_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


@dataclass
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def darkroom(monkeypatch, capsys):
    """Runs a command in this process, where it takes a tenth of the time of one of its own."""

    def run(folder, *arguments, **environment):
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.argv", ["darkroom", *map(str, arguments)])
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, *capsys.readouterr())

    return run


def test_a_new_key_is_printed_once_and_its_hash_is_kept(darkroom, tmp_path):
    limits = ("--requests-per-second", "5", "--image-burst", "9", "--images-per-second", "3")
    made = darkroom(
        tmp_path, "api-key", "new", "app", "--scope", "status", "--scope", "predict", "--expires", "90d", *limits,
        "--file", "keys.json",
    )  # fmt: skip
    key = made.stdout.strip()
    listed = darkroom(tmp_path, "api-key", "list", "--file", "keys.json")

    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"dkr_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", key)
    assert key not in made.stderr + listed.stdout + (tmp_path / "keys.json").read_text()
    assert "app   predict,status" in listed.stdout
    (entry,) = json.loads((tmp_path / "keys.json").read_text())["keys"]
    assert entry["rate_limit"] == {"requests_per_second": 5.0, "images_per_second": 3.0, "image_burst": 9}


def test_the_file_is_the_one_that_darkroom_yaml_names(darkroom, tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "darkroom.yaml").write_text("serving: {authentication: {api_keys_file: secrets/keys.json}}\n")
    (tmp_path / "conf" / "secrets").mkdir()
    config = ("--config", "conf/darkroom.yaml")

    assert darkroom(tmp_path, "api-key", "new", "a", "--scope", "admin", *config).returncode == 0
    assert (tmp_path / "conf" / "secrets" / "keys.json").exists()
    assert "a     admin" in darkroom(tmp_path / "conf", "api-key", "list").stdout
    assert darkroom(tmp_path / "conf", "api-key", "revoke", "a").returncode == 0
    assert "admin" not in darkroom(tmp_path / "conf", "api-key", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("new", "a"), "--scope"),
        (("new", "a", "--scope", "root"), "root"),
        (("new", "a b", "--scope", "predict"), "a key's name is"),
        (("new", "a", "--scope", "predict", "--expires", "2001-01-01"), "is over"),
        (("new", "a", "--scope", "predict", "--expires", "soon"), "90d"),
        (("new", "a", "--scope", "predict", "--request-burst", "2"), "limits nothing"),
        (("revoke", "a"), "can't be read"),
    ],
)
def test_wrong_options_say_what(darkroom, tmp_path, arguments, words):
    done = darkroom(tmp_path, "api-key", *arguments, "--file", "keys.json")

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert not (tmp_path / "keys.json").exists()


def test_without_a_file_it_says_where_one_is_named(darkroom, tmp_path):
    done = darkroom(tmp_path, "api-key", "list")

    assert done.returncode == 2
    assert "serving.authentication.api_keys_file" in done.stderr


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_predict_takes_the_key_from_environment_or_file(darkroom, backend, tmp_path, protocol):
    (tmp_path / "red.png").write_bytes(RED)
    keys = KeyFile(tmp_path / "keys.json")
    (tmp_path / "key").write_text(keys.add("cli") + "\n")
    key = (tmp_path / "key").read_text().strip()
    with secured_gateway(backend.address, keys) as gateway:
        address = gateway.grpc if protocol == "grpc" else f"127.0.0.1:{gateway.rest_port}"
        command = ("predict", "red.png", "--address", address, "--protocol", protocol, "--model", "pets")
        answers = [
            darkroom(tmp_path, *command, DARKROOM_API_KEY=key),
            darkroom(tmp_path, *command, "--api-key-file", "key", DARKROOM_API_KEY="wrong"),
            darkroom(tmp_path, *command, DARKROOM_API_KEY=""),
        ]

    assert [answer.returncode for answer in answers] == [0, 0, 1]
    assert "cat" in answers[0].stdout
    assert "DARKROOM_API_KEY or --api-key-file" in answers[2].stderr
    assert all(key not in answer.stdout + answer.stderr for answer in answers)


@pytest.mark.parametrize("content", ["", "\n", "two words", "\u00e4"])
def test_a_file_without_a_key_is_an_error(darkroom, tmp_path, content):
    (tmp_path / "red.png").write_bytes(RED)
    (tmp_path / "key").write_text(content)
    done = darkroom(tmp_path, "predict", "red.png", "--address", "127.0.0.1:1", "--api-key-file", "key")

    assert done.returncode == 2, done.stderr


def test_no_option_takes_the_key_itself(darkroom, tmp_path):
    (tmp_path / "red.png").write_bytes(RED)
    done = darkroom(tmp_path, "predict", "red.png", "--api-key", "secret")

    assert done.returncode == 2
    assert "No such option" in done.stderr


def test_serve_reads_certificates_and_keys_beside_its_configuration(darkroom, backend, tmp_path):
    authority = Authority()
    made = authority.issue()
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "server.pem").write_text(made.cert)
    (conf / "server.key").write_text(made.key)
    (tmp_path / "ca.pem").write_text(authority.cert)
    (tmp_path / "red.png").write_bytes(RED)
    (conf / "darkroom.yaml").write_text(
        "serving:\n  tls: {certificate_file: server.pem, key_file: server.key}\n"
        "  authentication: {api_keys_file: keys.json}\n"
    )
    key = KeyFile(conf / "keys.json").add("cli")
    arguments = ["--config", str(conf / "darkroom.yaml"), "--backend", backend.address, "--model-name", "pets"]

    class SecuredServe(ServeProcess):
        def get(self, path):
            import httpx

            return httpx.get(f"https://{self.rest}{path}", verify=str(tmp_path / "ca.pem"), timeout=10)

    with SecuredServe(arguments, stderr_path=tmp_path / "stderr") as serve:
        serve.wait_until_ready()
        eventually(lambda: "darkroom predict" in (tmp_path / "stderr").read_text())
        said = (tmp_path / "stderr").read_text()
        suggested = re.search(r"darkroom predict IMAGE.png (--address \S+ --model \S+)", said)
        assert suggested is not None, said
        done = darkroom(
            tmp_path, "predict", "red.png", *suggested[1].split(), "--tls-ca", "ca.pem", DARKROOM_API_KEY=key
        )
        assert done.returncode == 0, done.stderr
        assert "https://" in said
        assert "Authorization: Bearer $DARKROOM_API_KEY" in said
        assert key not in (tmp_path / "stderr").read_text()
        assert '"key": "cli"' in (tmp_path / "stderr").read_text()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("tls: {certificate_file: none.pem, key_file: none.key}", "none.pem can't be read"),
        ("authentication: {api_keys_file: none.json}", "none.json can't be read"),
        ("authentication: {jwt: {issuer: i, audience: a, jwks_file: none.json}}", "none.json can't be read"),
        ("authentication: {admin_calls: true}", "needs api_keys_file or jwt"),
    ],
)
def test_a_missing_file_ends_serve_with_its_name(darkroom, tmp_path, section, words):
    (tmp_path / "darkroom.yaml").write_text(f"serving:\n  {section}\n")
    done = darkroom(
        tmp_path, "serve", "--config", "darkroom.yaml", "--backend", "127.0.0.1:1", "--rest-port", 0, "--grpc-port", 0
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
