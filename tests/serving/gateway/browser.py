"""A real browser: chromium without a window, driven through the DevTools protocol over a pair of pipes."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_SECONDS = 30.0


class Browser:
    """One tab.

    Attributes:
        requests: URLs that it asked for since it was opened.
        problems: uncaught exceptions and whatever the browser logged as an error, such as a violated policy.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._number = 0
        self._session: str | None = None

    def __enter__(self) -> Self:
        assert CHROMIUM is not None
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # DevTools' pipe is descriptors 3 and 4 of the browser, which a shell can arrange.
        wiring = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        options = [
            *("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--no-proxy-server"),
            f"--user-data-dir={self._folder}",
        ]
        self._process = subprocess.Popen(
            ["bash", "-c", wiring, "bash", CHROMIUM, *options, "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        threading.Thread(target=self._listen, daemon=True).start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)

    def _listen(self) -> None:
        with os.fdopen(self._read, "rb", 0) as stream:
            pending = b""
            while chunk := stream.read(65536):
                *messages, pending = (pending + chunk).split(b"\0")
                for message in map(json.loads, messages):
                    if "id" in message:
                        self._answers.put(message)
                    else:
                        self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        method, values = event["method"], event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(values["exceptionDetails"])[:500])
        elif method == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.problems.append(values["entry"]["text"])
        else:
            self.events.put(event)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a DevTools method and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._answers.get(timeout=_SECONDS)
            if answer["id"] == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])

    def open(self, url: str) -> None:
        self.requests.clear()
        self.problems.clear()
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, JSON values only."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression is true; returns its value. While the page loads it may also fail."""
        end = time.monotonic() + _SECONDS
        careful = f"(() => {{ try {{ return {expression} }} catch {{ return false }} }})()"
        while not (value := self.evaluate(careful)):
            assert time.monotonic() < end, f"{expression} is not true in:\n{self.text()}\n{self.problems}"
            time.sleep(0.05)
        return value

    def text(self) -> str:
        """What a person could read."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def choose(self, selector: str, path: Path) -> None:
        """Choose a file in a file input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def drop(self, x: float, y: float, path: Path) -> None:
        """Drop a file."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def press(self, key: str, code: int) -> None:
        """Press and release a key."""
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def next_event(self, method: str) -> dict[str, Any]:
        """Wait for an event; those before it are dropped."""
        while True:
            event = self.events.get(timeout=_SECONDS)
            if event["method"] == method:
                return dict(event["params"])
