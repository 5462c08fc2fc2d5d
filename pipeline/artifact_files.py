"""Small files in artifacts: local ones without TensorFlow, whose import takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# In the artifacts of the serving check and of the LiteRT export; reports read them, too.
SERVING_CHECK_FILE = "serving_check.json"
LITE_FACTS_FILE = "lite.json"


def read_text(uri: str) -> str:
    """A file's text.

    Raises:
        OSError: it cannot be read.
    """
    if "://" not in uri:
        return Path(uri).read_text(encoding="utf-8")
    with _gfile(uri, "r") as file:
        return str(file.read())


def read_text_if_there(uri: str) -> str | None:
    """A file's text; None where there is none.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        return read_text(uri)
    except FileNotFoundError:
        return None
    except Exception as error:
        # TensorFlow's file systems, for object stores, have errors of their own, and importing them takes seconds.
        if type(error).__name__ == "NotFoundError":
            return None
        raise


def write_text(uri: str, text: str) -> None:
    """Writes a file; its folder is there."""
    if "://" not in uri:
        Path(uri).write_text(text, encoding="utf-8")
        return
    with _gfile(uri, "w") as file:
        file.write(text)


def _gfile(uri: str, mode: str) -> Any:
    import tensorflow as tf  # noqa: PLC0415

    return tf.io.gfile.GFile(uri, mode)
