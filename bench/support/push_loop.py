"""Pushes until it is killed: `python push_loop.py SOURCE MODEL_FOLDER`; a line on standard output for each version."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.pusher.repository import push


def main(source: str, model_folder: str) -> None:
    print("ready", flush=True)
    while True:
        print(push(Path(source), Path(model_folder)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
