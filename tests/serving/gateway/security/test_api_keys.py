"""The file of keys."""

import hashlib
import json
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest

from darkroom.errors import ConfigurationError
from serving.gateway.security.api_key_file import add_key, revoke_key
from serving.gateway.security.api_keys import ApiKeys, make_key, read_keys
from serving.gateway.security.errors import AccessError, Denial
from serving.gateway.security.principal import Scope
from serving.gateway.security.settings import RateLimitSettings

PREDICT = (Scope.PREDICT,)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def test_the_file_has_the_hash_and_not_the_key(path):
    key = add_key(path, "a", PREDICT)

    (entry,) = read_keys(path).keys
    assert entry.sha256 == hashlib.sha256(key.encode()).hexdigest()
    assert key.split("_", 2)[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_have_256_random_bits_and_never_come_twice():
    keys = {make_key()[0] for _ in range(200)}

    assert len(keys) == 200
    assert {len(key.split("_", 2)[2]) for key in keys} == {43}  # 32 bytes as base64


def test_a_key_finds_its_entry(path):
    limit = RateLimitSettings(requests_per_second=3)
    keys = [add_key(path, name, PREDICT, rate_limit=limit if name == "b" else None) for name in "abc"]
    found = ApiKeys(path)

    assert [found.identify(key).name for key in keys] == ["a", "b", "c"]
    assert found.identify(keys[1]).rate_limit == limit
    assert found.identify(keys[0]).scopes == {Scope.PREDICT}


def test_the_secret_of_one_key_with_the_id_of_another_is_refused(path):
    one, other = (add_key(path, name, PREDICT) for name in "ab")
    mixed = "_".join([*one.split("_", 2)[:2], other.split("_", 2)[2]])

    with pytest.raises(AccessError) as failure:
        ApiKeys(path).identify(mixed)
    assert failure.value.reason is Denial.UNKNOWN_KEY


def test_hashes_are_compared_in_constant_time(path, monkeypatch):
    key = add_key(path, "a", PREDICT)
    compared = []
    monkeypatch.setattr(
        "serving.gateway.security.api_keys.hmac.compare_digest", lambda one, other: compared.append((one, other))
    )
    keys = ApiKeys(path)
    for offered in (key, make_key()[0], "no key", "\udce4"):
        with pytest.raises(AccessError):
            keys.identify(offered)

    # Also where there is nothing to compare with.
    assert len(compared) == 4


def test_a_key_ends_at_its_expiry(path):
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    key = add_key(path, "a", PREDICT, expires=ends)
    now = ends.timestamp() - 1
    keys = ApiKeys(path, clock=lambda: now)
    assert keys.identify(key).name == "a"
    now += 1
    with pytest.raises(AccessError, match="expired at") as failure:
        keys.identify(key)

    assert failure.value.reason is Denial.EXPIRED_KEY


def test_keys_made_at_the_same_time_are_all_kept(path):
    threads = [threading.Thread(target=add_key, args=(path, f"key-{number}", PREDICT)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {key.name for key in read_keys(path).keys} == {f"key-{number}" for number in range(20)}
    assert [item.name for item in path.parent.iterdir()] == ["keys.json"]


def test_a_change_keeps_the_files_mode(path):
    add_key(path, "a", PREDICT)
    path.chmod(0o640)
    add_key(path, "b", PREDICT)
    revoke_key(path, "a")

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_that_cannot_be_written_keeps_what_it_has(path, monkeypatch):
    add_key(path, "a", PREDICT)
    before = path.read_text()

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("serving.gateway.security.api_key_file.os.fsync", fail)
    with pytest.raises(ConfigurationError, match="No space left"):
        add_key(path, "b", PREDICT)

    assert path.read_text() == before
    assert [item.name for item in path.parent.iterdir()] == ["keys.json"]


ENTRY = {"name": "a", "id": "0" * 16, "sha256": "0" * 64, "scopes": ["predict"], "created": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("nothing", "Invalid JSON"),
        ("[]", "an object"),
        ({"key": []}, "key: Extra inputs"),
        ({"keys": [{**ENTRY, "scopes": ["everything"]}]}, "keys.0.scopes.0: Input should be 'predict', 'status'"),
        ({"keys": [{**ENTRY, "scopes": []}]}, "keys.0.scopes"),
        ({"keys": [{**ENTRY, "sha256": "secret"}]}, "keys.0.sha256"),
        ({"keys": [{**ENTRY, "expires": "2030-01-01T00:00:00"}]}, "timezone"),
        ({"keys": [ENTRY, {**ENTRY, "name": "b"}]}, "two keys have the id"),
        ({"keys": [ENTRY, {**ENTRY, "id": "1" * 16}]}, "two keys have the name a"),
    ],
)
def test_a_wrong_file_is_named(path, document, words):
    path.write_text(document if isinstance(document, str) else json.dumps(document))

    with pytest.raises(ConfigurationError, match=r"keys\.json") as failure:
        ApiKeys(path)
    assert words in str(failure.value)
    assert "secret" not in str(failure.value)


def test_a_file_without_keys_lets_nobody_in(path):
    path.write_text('{"keys": []}')

    with pytest.raises(AccessError):
        ApiKeys(path).identify(make_key()[0])
