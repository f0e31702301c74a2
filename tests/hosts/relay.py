"""rtpengine between two UDP ports, told what to do by its control protocol (JSON over UDP), without SIP."""

from __future__ import annotations

import json
import re
import secrets
import socket
from pathlib import Path
from typing import Any, Self

from tests.interop.process import Process
from tests.proxy.real.bed import ADDRESS, MEDIA_PORTS, RTPENGINE, free_ports, wait_until

CODECS = {"PCMU": 0, "PCMA": 8}
Address = tuple[str, int]

__all__ = ["RTPENGINE", "Engine", "Relay"]


class Engine:
    """The relay as a process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._control, media = free_ports(), free_ports(MEDIA_PORTS)
        config = folder / "rtpengine.conf"
        config.write_text("[rtpengine]\ntable = -1\nnum-threads = 2\n")
        options = {
            "config-file": config,
            "interface": ADDRESS,
            "listen-ng": f"{ADDRESS}:{self._control}",
            "port-min": media,
            "port-max": media + MEDIA_PORTS - 1,
            "log-level": 5,
        }
        command = ["rtpengine", *(f"--{name}={value}" for name, value in options.items())]
        self._process = Process([*command, "--log-stderr", "--foreground", "--delete-delay=0"], folder, {})
        wait_until(lambda: self._answer("ping") is not None, "rtpengine does not start", process=self._process)

    def ask(self, command: str, **keys: Any) -> dict[str, Any]:
        """One command; raises RuntimeError for what the relay refuses."""
        answer = self._answer(command, **keys)
        if answer is None or answer["result"] == "error":
            raise RuntimeError(f"rtpengine: {command}: {answer}")
        return answer

    def _answer(self, command: str, **keys: Any) -> dict[str, Any] | None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.5)
            request = {"command": command, **{name.replace("_", "-"): value for name, value in keys.items()}}
            asking.sendto(f"{secrets.token_hex(4)} {json.dumps(request)}".encode(), (ADDRESS, self._control))
            try:
                answer: dict[str, Any] = json.loads(asking.recv(1 << 16).partition(b" ")[2])
            except OSError:
                return None
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.interrupt()
        self._process.end()


class Relay:
    """One call through the relay: A offers, B answers. `for_a` is where A sends, `for_b` where B does."""

    def __init__(self, engine: Engine, a: Address, b: Address, *, answers: str = "PCMU", flags: list[str]) -> None:
        self._engine = engine
        self._names = {"call_id": secrets.token_hex(8), "from_tag": "a"}
        self._flags = flags
        self._answers = answers
        self.for_a: Address
        self.for_b: Address
        self.say(a, b)

    def say(self, a: Address, b: Address) -> None:
        """Offer and answer, or a re-INVITE with other addresses."""
        offer = self._tell("offer", _sdp(a, "PCMU"), flags=self._flags)
        answer = self._tell("answer", _sdp(b, self._answers), to_tag="b")
        self.for_b, self.for_a = _media(offer), _media(answer)

    def _tell(self, command: str, sdp: str, **more: Any) -> str:
        answer = self._engine.ask(command, sdp=sdp, replace=["origin", "session-connection"], **self._names, **more)
        return str(answer["sdp"])


def _sdp(address: Address, codec: str) -> str:
    number = CODECS[codec]
    lines = ["v=0", f"o=x 1 1 IN IP4 {address[0]}", "s=-", f"c=IN IP4 {address[0]}", "t=0 0"]
    lines += [f"m=audio {address[1]} RTP/AVP {number}", f"a=rtpmap:{number} {codec}/8000", "a=sendrecv", ""]
    return "\r\n".join(lines)


def _media(sdp: str) -> Address:
    found = re.search(r"m=audio (\d+)", sdp)
    assert found
    return ADDRESS, int(found[1])
