"""A real headless Chromium, driven over the WebDriver protocol by chromedriver (Debian's chromium-driver)."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.interop.ports import free_udp_ports
from tests.interop.process import Process

T = TypeVar("T")
PATIENCE = 15.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # in a container there may be too little of it, and pages crash
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Past any proxy that the environment names."""
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Chromium:
    """One window with an empty profile. To be ended, best by `with`."""

    def __init__(self, folder: Path) -> None:
        self._port = free_udp_ports()
        self._driver = Process(["chromedriver", f"--port={self._port}"], folder, {"HOME": str(folder)})
        try:
            if self._driver.wait_for("started successfully", PATIENCE) is None:
                raise RuntimeError(f"chromedriver does not start: {self._driver.output}")
            self._session = self._begin(folder / "profile")
        except BaseException:
            self._driver.interrupt()
            self._driver.end()
            raise

    def open(self, address: str) -> None:
        """Go to an address and wait until it is loaded."""
        self._of_session("POST", "/url", {"url": address})

    @property
    def address(self) -> str:
        return str(self._of_session("GET", "/url"))

    def text(self, selector: str) -> str:
        """What a person sees of an element, once there is one."""
        return str(self._of_session("GET", f"/element/{self._find(selector)}/text"))

    def click(self, selector: str) -> None:
        self._of_session("POST", f"/element/{self._find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self._of_session("POST", f"/element/{self._find(selector)}/value", {"text": text})

    def run(self, script: str) -> Any:
        """The value of a script on the page."""
        return self._of_session("POST", "/execute/sync", {"script": script, "args": []})

    def cookies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._of_session("GET", "/cookie")
        return found

    def complaints(self) -> list[str]:
        """What the browser wrote into its console: errors of scripts, and what the page's policy refused."""
        entries = self._of_session("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]

    def shows(self, selector: str, wanted: str) -> str:
        """Wait until the element contains that; returns all of it."""
        return self.until(lambda: self.text(selector), lambda text: wanted in text)

    def until(self, look: Callable[[], T], good: Callable[[T], bool]) -> T:
        """Look until it is good."""
        end = time.monotonic() + PATIENCE
        while True:
            seen = look()
            if good(seen):
                return seen
            assert time.monotonic() < end, seen
            time.sleep(0.05)

    def _begin(self, profile: Path) -> str:
        options = {"binary": "/usr/bin/chromium", "args": [*FLAGS, f"--user-data-dir={profile}"]}
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        return str(self._ask("POST", "/session", {"capabilities": capabilities})["sessionId"])

    def _find(self, selector: str) -> str:
        query = {"using": "css selector", "value": selector}
        found = self.until(lambda: self._of_session("POST", "/elements", query), bool)
        return str(found[0][_ELEMENT])

    def _of_session(self, method: str, path: str, body: object = None) -> Any:
        return self._ask(method, f"/session/{self._session}{path}", body)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with _DIRECTLY.open(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._of_session("DELETE", "")
        self._driver.interrupt()
        self._driver.end()
