"""A real SIP server with a media relay, on a loopback address of its own: Kamailio and rtpengine, as people run them.

with Bed(folder) as bed:
    ...                     # phones register at bed.domain; all media goes through rtpengine
    bed.logs()              # what both wrote, at their highest levels
    bed.query(call_id)      # what rtpengine knows about a call
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.interop.ports import free_udp_ports
from tests.interop.process import Process
from tests.interop.requirements import Peer

ADDRESS = "127.0.37.5"
MEDIA_PORTS = 200
PATIENCE = 10.0


def _needs(name: str, package: str, root: bool = False) -> Peer:
    def missing() -> str:
        if shutil.which(name) is None and shutil.which(name, path="/usr/sbin") is None:
            return f"The program {name} is not installed."
        return f"The program {name} needs root." if root and os.geteuid() != 0 else ""

    return Peer(name, package, missing)


KAMAILIO = _needs("kamailio", "kamailio")
RTPENGINE = _needs("rtpengine", "rtpengine-daemon")
BARESIP = _needs("baresip", "baresip-core")
TCPDUMP = _needs("tcpdump", "tcpdump", root=True)
CHROMEDRIVER = _needs("chromedriver", "chromium chromium-driver")


class Bed:
    """Both servers, started and ready. To be ended, best by `with`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.domain = ADDRESS
        self._asked = 0
        self.port, self._ng, media = free_ports(), free_ports(), free_ports(MEDIA_PORTS)
        config = folder / "rtpengine.conf"
        config.write_text("[rtpengine]\ntable = -1\nnum-threads = 2\n")
        self._relay = Process(
            [
                *(
                    "rtpengine",
                    f"--config-file={config}",
                    f"--interface={ADDRESS}",
                    f"--listen-ng={ADDRESS}:{self._ng}",
                ),
                *(f"--port-min={media}", f"--port-max={media + MEDIA_PORTS - 1}", "--log-level=7", "--log-stderr"),
                *("--foreground", "--timeout=60", "--delete-delay=0"),
            ],
            folder,
            {},
        )
        wait_until(lambda: self._answers("ping") is not None, "rtpengine does not start", process=self._relay)
        values = {"SERVER": ADDRESS, "SIP_PORT": str(self.port), "NG_SOCKET": f'"udp:{ADDRESS}:{self._ng}"'}
        program = shutil.which("kamailio") or "/usr/sbin/kamailio"
        command = [program, "-f", str(Path(__file__).with_name("kamailio.cfg")), "-DD", "-E", "-m", "32", "-M", "8"]
        command += ["-w", str(folder), "-Y", str(folder)]
        command += [part for name, value in values.items() for part in ("-A", f"{name}={value}")]
        environment = {"RTPENGINE_FLAGS": "replace-origin replace-session-connection"}
        self._proxy = Process(command, folder, environment)
        wait_until(self._listens, "kamailio does not start", process=self._proxy)

    def logs(self) -> str:
        """All that both servers wrote."""
        return self._proxy.output + self._relay.output

    def query(self, call_id: str) -> str:
        """All that rtpengine tells about a call."""
        return json.dumps(self._answers("query", **{"call-id": call_id}))

    def _answers(self, command: str, **more: str) -> dict[str, Any] | None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.5)
            self._asked += 1  # rtpengine answers a number that it knows with what it answered then
            asking.sendto(b"%d " % self._asked + json.dumps({"command": command, **more}).encode(), (ADDRESS, self._ng))
            try:
                answer: dict[str, Any] = json.loads(asking.recv(1 << 20).partition(b" ")[2])
            except OSError:
                return None
        return answer

    def _listens(self) -> bool:
        with socket.socket() as trying:
            return trying.connect_ex((ADDRESS, self.port)) == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._proxy, self._relay):
            process.interrupt()
            process.end()


class Capture:
    """Everything on loopback, recorded by tcpdump."""

    def __init__(self, path: Path) -> None:
        self.path = path
        command = ["tcpdump", "-i", "lo", "-U", "-B", "8192", "-s", "0", "-w", str(path), "udp or tcp"]
        self._process = Process(command, path.parent, {})
        if self._process.wait_for("listening on", PATIENCE) is None:
            raise RuntimeError(f"tcpdump does not start: {self._process.output}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)  # the last packets are still in the kernel
        self._process.interrupt()
        self._process.end()


def free_ports(count: int = 1) -> int:
    """The first of so many ports of the server's address."""
    return free_udp_ports(count, ADDRESS)


def wait_until(
    condition: Callable[[], object], complaint: str, seconds: float = PATIENCE, *, process: Process | None = None
) -> None:
    """Look until it is so. Raises RuntimeError with what the process wrote."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{complaint}: {process.output[-2000:] if process is not None else ''}")
        time.sleep(0.02)
