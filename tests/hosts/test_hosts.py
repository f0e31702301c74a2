"""Real media programs and libraries as they are, each with its few lines of glue.

Two processes call each other, the SAS is equal, and the tone of each is found in what the other one heard.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.ports import free_udp_ports

ROOT = Path(__file__).parents[2]
INTERPRETER = os.environ.get("ZRTP_HOSTS_PYTHON", sys.executable)
"""The Python that has the libraries, if they are in an environment of their own."""

ROOM = 32
"""Ports for each program, which may put more beside its first one."""

pytestmark = pytest.mark.long


def has_module(name: str) -> bool:
    if sys.executable == INTERPRETER:
        return importlib.util.find_spec(name) is not None
    probe = [INTERPRETER, "-c", f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"]
    return subprocess.run(probe, check=False).returncode == 0  # noqa: S603


def module(name: str) -> Callable[[], str | None]:
    """What to install for a Python library, if it is missing."""
    return lambda: None if has_module(name) else f"{name} is not installed: pip install {name}"


def program(name: str) -> Callable[[], str | None]:
    """What to install for a program, if it is missing."""
    return lambda: None if shutil.which(name) else f"{name} is not installed: apt-get install {name}"


def gstreamer() -> str | None:
    """What to install for GStreamer, if it is missing."""
    wanted = "python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
    probe = (
        "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; Gst.init(None); "
        "assert all(map(Gst.ElementFactory.find, ('srtpenc', 'srtpdec', 'rtpopuspay', 'opusenc')))"
    )
    found = subprocess.run([INTERPRETER, "-c", probe], check=False, capture_output=True).returncode == 0  # noqa: S603
    return None if found else f"GStreamer is not installed: apt-get install {wanted} gstreamer1.0-plugins-bad"


HOSTS: dict[str, Callable[[], str | None]] = {
    "aiortp_phone": module("aiortp"),
    "aiosipua_phone": lambda: module("aiosipua")() or module("aiortp")(),
    "trio_phone": module("trio"),
    "threads_phone": lambda: None,
    "rfcvoip_phone": module("rfcvoip"),
    "ffmpeg_phone": program("ffmpeg"),
    "aioice_phone": module("aioice"),
    "aiortc_phone": module("aiortc"),
    "gstreamer_phone": gstreamer,
}


def call_each_other(name: str, folder: Path) -> list[dict[str, Any]]:
    one = free_udp_ports(2 * ROOM)
    two = one + ROOM
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    running = [
        subprocess.Popen(  # noqa: S603
            [INTERPRETER, "-m", f"tests.hosts.programs.{name}", str(ours), str(theirs), str(hertz), str(folder)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for ours, theirs, hertz in ((one, two, 440), (two, one, 700))
    ]
    told = []
    for each in running:
        try:
            out, err = each.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            for other in running:
                other.kill()
            out, err = each.communicate()
        assert out.strip(), err
        told.append(json.loads(out.strip().splitlines()[-1]))
    return told


@pytest.mark.parametrize("name", HOSTS)
def test_two_programs_agree_on_keys_and_hear_each_other(name: str, tmp_path: Path) -> None:
    missing = HOSTS[name]()
    if missing is not None:
        pytest.skip(missing)
    one, two = call_each_other(name, tmp_path)
    assert one["sas"] == two["sas"]
    assert one["heard"] == pytest.approx(700, abs=12), one
    assert two["heard"] == pytest.approx(440, abs=12), two
    for told in (one, two):
        assert told.get("rejected", 0) <= 2, told
        assert told.get("assurance", "signalling") == "signalling", "both hashes were announced, and they fit"
