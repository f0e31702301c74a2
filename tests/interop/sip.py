"""A SIP user agent just large enough to make or take a call with a softphone on the same machine.

Its point is that RTP and ZRTP go to ports of our own choice. UDP only; no registrar, no authentication, no
threads: what arrives is handled inside `call`, `answer`, `hang_up` and `poll`.
"""

from __future__ import annotations

import itertools
import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from tests.interop.ports import LOOPBACK

Address = tuple[str, int]
COMPACT_NAMES = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
METHODS_JUST_CONFIRMED = ("BYE", "CANCEL", "OPTIONS", "NOTIFY", "INFO", "UPDATE", "MESSAGE")
FIRST_PATIENCE = 0.5
"""Timer T1 of RFC 3261: an INVITE is repeated after it, and then after twice as long each time."""


# SDP


@dataclass(frozen=True, slots=True)
class Media:
    """One m= section."""

    kind: str
    """"audio" (PCMU) or "video" (VP8)."""
    port: int
    address: str = LOOPBACK
    profile: str = "RTP/AVP"
    zrtp_hash: str | None = None
    """The value of a=zrtp-hash, "1.10 <hex>", as written; None if there is no such line."""


CODECS = {"audio": (0, "PCMU/8000"), "video": (96, "VP8/90000")}


def describe(media: Sequence[Media]) -> str:
    """An SDP offer or answer."""
    lines = ["v=0", f"o=zrtp 1 1 IN IP4 {LOOPBACK}", "s=-", f"c=IN IP4 {LOOPBACK}", "t=0 0"]
    for section in media:
        number, codec = CODECS[section.kind]
        lines += [f"m={section.kind} {section.port} {section.profile} {number}"]
        lines += [f"a=rtpmap:{number} {codec}", "a=sendrecv"]
        if section.zrtp_hash is not None:
            lines.append(f"a=zrtp-hash:{section.zrtp_hash}")
    return "\r\n".join(lines) + "\r\n"


def sections(sdp: str) -> list[Media]:
    """The m= sections of an SDP offer or answer; of several zrtp-hash lines the first counts."""
    head, *bodies = re.split(r"^m=", sdp, flags=re.MULTILINE)
    session_address = _line("c=IN IP4 ", head) or LOOPBACK
    found = []
    for body in bodies:
        kind, port, profile, *_ = body.split()
        address = _line("c=IN IP4 ", body) or session_address
        found.append(Media(kind, int(port), address, profile, _line("a=zrtp-hash:", body)))
    return found


def _line(start: str, text: str) -> str | None:
    found = re.search(rf"^{re.escape(start)}([^\r\n]*)", text, flags=re.MULTILINE)
    return found.group(1).strip() if found else None


# SIP


@dataclass(frozen=True, slots=True)
class Message:
    """A received request or response. Header names are in lower case."""

    start: str
    headers: dict[str, list[str]]
    body: str
    source: Address

    @classmethod
    def parse(cls, data: bytes, source: Address) -> Message:
        head, _, body = data.decode("utf8", "replace").partition("\r\n\r\n")
        start, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            headers.setdefault(COMPACT_NAMES.get(name, name), []).append(value.strip())
        return cls(start, headers, body, source)

    def header(self, name: str) -> str:
        return self.headers.get(name, [""])[0]

    @property
    def method(self) -> str:
        """Of a request; "SIP/2.0" for a response."""
        return self.start.split()[0]

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.start.split()[1]) if self.method == "SIP/2.0" else 0


@dataclass(slots=True)
class Dialog:
    """One call: who we are in it, who they are, and where to send."""

    call_id: str
    local: str
    remote: str
    target: str
    destination: Address
    local_sdp: str
    remote_sdp: str = ""
    tag: str = ""
    """Ours, if they called; empty if we did."""
    cseq: int = 1
    ended: bool = False
    """They hung up."""

    @property
    def media(self) -> list[Media]:
        """What they described: where to send, and their zrtp-hash."""
        return sections(self.remote_sdp)


class CallRefused(Exception):
    """The other side answered INVITE with a final refusal, e.g. "SIP/2.0 488 Not acceptable here"."""


class UserAgent:
    """One SIP address on loopback. To be closed, best by `with`."""

    def __init__(self, user: str = "zrtp") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.setblocking(False)
        self._host = f"{LOOPBACK}:{self._socket.getsockname()[1]}"
        self._identity = f"<sip:{user}@{self._host}>"
        self._waiting: list[Message] = []
        self._dialogs: dict[str, Dialog] = {}
        self._serial = itertools.count(1)

    @property
    def uri(self) -> str:
        """What others call: "sip:zrtp@127.0.0.1:PORT"."""
        return self._identity.strip("<>")

    def call(self, uri: str, sdp: str, timeout: float = 10.0) -> Dialog:
        """Invite somebody; returns after 200 and ACK. Raises CallRefused or TimeoutError."""
        local = f"{self._identity};tag={self._token('tag')}"
        dialog = Dialog(self._token("call"), local, f"<{uri}>", uri, _address(uri), sdp)
        self._dialogs[dialog.call_id] = dialog
        branch = self._token("branch")
        answer = self._final_answer(dialog, self._request(dialog, "INVITE", branch, sdp), timeout)
        dialog.remote = answer.header("to")
        if answer.status >= 300:
            self._send(self._request(dialog, "ACK", branch), dialog.destination)
            raise CallRefused(answer.start)
        dialog.remote_sdp = answer.body
        dialog.target = _uri(answer.header("contact")) or uri
        dialog.destination = _address(dialog.target)
        self._send(self._request(dialog, "ACK", self._token("branch")), dialog.destination)
        return dialog

    def answer(self, accept: Callable[[list[Media]], str], timeout: float = 10.0) -> Dialog:
        """Take the next call; `accept` makes our SDP from their offer. Raises TimeoutError."""
        invite = self._wait(lambda message: message.method == "INVITE", timeout)
        if invite is None:
            raise TimeoutError("Nobody called.")
        tag = self._token("tag")
        dialog = Dialog(
            call_id=invite.header("call-id"),
            local=f"{invite.header('to')};tag={tag}",
            remote=invite.header("from"),
            target=_uri(invite.header("contact")),
            destination=invite.source,
            local_sdp=accept(sections(invite.body)),
            remote_sdp=invite.body,
            tag=tag,
        )
        self._dialogs[dialog.call_id] = dialog
        self._send(self._response(invite, "180 Ringing", tag=tag), invite.source)
        self._send(self._response(invite, "200 OK", dialog.local_sdp, tag), invite.source)
        return dialog

    def hang_up(self, dialog: Dialog, timeout: float = 3.0) -> bool:
        """Send BYE; whether it was confirmed."""
        if dialog.ended:
            return True
        dialog.cseq += 1
        self._send(self._request(dialog, "BYE", self._token("branch")), dialog.destination)
        dialog.ended = True
        return self._wait(lambda message: _answers(message, dialog, "BYE"), timeout) is not None

    def poll(self, timeout: float = 0.0) -> None:
        """Handle what has arrived; to be called now and then during a call."""
        while select.select([self._socket], [], [], timeout)[0]:
            data, source = self._socket.recvfrom(65536)
            timeout = 0.0
            message = Message.parse(data, source)
            if len(data) >= 20 and not self._handled(message):  # anything shorter keeps the path alive
                self._waiting.append(message)

    def close(self) -> None:
        for dialog in self._dialogs.values():
            self.hang_up(dialog)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _final_answer(self, dialog: Dialog, invite: str, timeout: float) -> Message:
        """Send the INVITE, again until anything is heard, and wait for 200 or above."""
        end, patience = time.monotonic() + timeout, FIRST_PATIENCE
        self._send(invite, dialog.destination)
        while (left := end - time.monotonic()) > 0:
            answer = self._wait(lambda message: _answers(message, dialog, "INVITE"), min(left, patience))
            if answer is None:
                self._send(invite, dialog.destination)
                patience *= 2
            elif answer.status >= 200:
                return answer
            else:
                patience = timeout
        raise TimeoutError(f"{dialog.target} did not answer the call.")

    def _handled(self, message: Message) -> bool:
        """Answer what needs no thought."""
        dialog = self._dialogs.get(message.header("call-id"))
        if message.method == "BYE" and dialog:
            dialog.ended = True
        if message.method in METHODS_JUST_CONFIRMED:
            self._send(self._response(message, "200 OK"), message.source)
        elif message.method == "INVITE" and dialog and dialog.tag:  # a copy, or a re-INVITE
            self._send(self._response(message, "200 OK", dialog.local_sdp, dialog.tag), message.source)
        else:
            return message.method == "ACK"
        return True

    def _wait(self, wanted: Callable[[Message], bool], timeout: float) -> Message | None:
        end = time.monotonic() + timeout
        while True:
            for index, message in enumerate(self._waiting):
                if wanted(message):
                    return self._waiting.pop(index)
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.poll(left)

    def _request(self, dialog: Dialog, method: str, branch: str, sdp: str = "") -> str:
        lines = [
            f"{method} {dialog.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host};branch=z9hG4bK{branch};rport",
            "Max-Forwards: 70",
            f"From: {dialog.local}",
            f"To: {dialog.remote}",
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {dialog.cseq} {method}",
        ]
        return self._finished(lines, sdp)

    def _response(self, request: Message, status: str, sdp: str = "", tag: str = "") -> str:
        to = request.header("to")
        if tag and "tag=" not in to:
            to += f";tag={tag}"
        lines = [f"SIP/2.0 {status}", *(f"Via: {value}" for value in request.headers["via"])]
        lines += [f"From: {request.header('from')}", f"To: {to}"]
        lines += [f"Call-ID: {request.header('call-id')}", f"CSeq: {request.header('cseq')}"]
        return self._finished(lines, sdp)

    def _finished(self, lines: list[str], sdp: str) -> str:
        lines = [*lines, f"Contact: {self._identity}", "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE"]
        if sdp:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(sdp)}", "", sdp])

    def _send(self, text: str, destination: Address) -> None:
        self._socket.sendto(text.encode(), destination)

    def _token(self, purpose: str) -> str:
        """Unique within and among the user agents of a test run."""
        return f"{purpose}-{self._host.rpartition(':')[2]}-{time.monotonic_ns()}-{next(self._serial)}"


def _answers(message: Message, dialog: Dialog, method: str) -> bool:
    return (
        message.status > 0 and message.header("call-id") == dialog.call_id and message.header("cseq").endswith(method)
    )


def _uri(header: str) -> str:
    found = re.search(r"<([^>]*)>", header)
    return found.group(1) if found else header


def _address(uri: str) -> Address:
    found = re.match(r"sip:(?:[^@]*@)?([^:;]+)(?::(\d+))?", uri)
    if not found:
        raise ValueError(f"{uri} is not a SIP address.")
    return found.group(1), int(found.group(2) or 5060)
