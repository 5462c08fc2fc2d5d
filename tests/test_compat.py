"""The stand-ins in compat/ are what the environment holds, and what TFDV needs of them works."""

import importlib.metadata
import subprocess
import sys


def test_fingerprints_are_the_same_in_every_process():
    import farmhash

    code = "import farmhash; print(farmhash.fingerprint64('a feature'), farmhash.fingerprint32(b'a feature'))"
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert [int(value) for value in other] == [
        farmhash.fingerprint64("a feature"),
        farmhash.fingerprint32("a feature"),
    ]
    assert 0 <= farmhash.fingerprint32("a feature") < 2**32


def test_no_compiler_is_needed_for_farmhash():
    [module] = [str(file) for file in importlib.metadata.files("pyfarmhash") if str(file).startswith("farmhash")]
    assert module == "farmhash.py"


def test_tfdv_imports_with_tfx_bsl():
    done = subprocess.run(
        [sys.executable, "-c", "import tensorflow_data_validation, tfx_bsl.arrow.sql_util"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
