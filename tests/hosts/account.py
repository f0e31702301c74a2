"""A phone's account at a SIP server: registers, calls and is called through it, over UDP or TCP, on loopback.

It does what a softphone does there: digest authentication, the route that the server recorded, early media, re-INVITEs.
No threads: what arrives is handled inside the methods.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.interop.ports import LOOPBACK
from tests.interop.sip import METHODS_JUST_CONFIRMED, Address, Media, Message, sections

PATIENCE = 10.0
FIRST_REPEAT = 0.5
"""Timer T1 of RFC 3261, of requests over UDP."""


@dataclass(slots=True)
class Dialog:
    """One call by way of the server."""

    call_id: str
    local: str
    remote: str
    target: str
    sdp: str
    route: list[str] = field(default_factory=list)
    remote_sdp: str = ""
    cseq: int = 0
    ended: bool = False

    @property
    def media(self) -> list[Media]:
        return sections(self.remote_sdp)


class Account:
    """One user at the server. To be closed, best by `with`."""

    def __init__(self, user: str, server: Address, *, tcp: bool = False) -> None:
        self._server, self._user, self._tcp = server, user, tcp
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.connect(server)
        self._transport = "TCP" if tcp else "UDP"
        self._host = f"{LOOPBACK}:{self._socket.getsockname()[1]}"
        self._contact = f"<sip:{user}@{self._host};transport={self._transport.lower()}>"
        self._stream = b""
        self._waiting: list[Message] = []
        self._dialogs: dict[str, Dialog] = {}
        self._cseq = itertools.count(1)

    @property
    def uri(self) -> str:
        return f"sip:{self._user}@{self._server[0]}"

    def register(self) -> None:
        """Raises RuntimeError if the server refuses."""
        address = f"<{self.uri}>"
        dialog = Dialog(secrets.token_hex(8), f"{address};tag={secrets.token_hex(4)}", address, f"sip:{self._at}", "")
        answer = self._ask(dialog, "REGISTER")
        if answer.status != 200:
            raise RuntimeError(answer.start)

    def call(self, user: str, sdp: str, *, early: bool = False) -> Dialog:
        """Invite somebody; returns after 200 and ACK, or, with `early`, when 183 has brought an SDP."""
        local = f"<{self.uri}>;tag={secrets.token_hex(4)}"
        to = f"sip:{user}@{self._at}"
        dialog = Dialog(secrets.token_hex(8), local, f"<{to}>", to, sdp)
        self._dialogs[dialog.call_id] = dialog
        self._invite(dialog, early=early)
        return dialog

    def wait_for_answer(self, dialog: Dialog) -> None:
        """After early media: until the other side picks up."""
        answer = self._wait(lambda message: _answers(message, dialog) and message.status >= 200, PATIENCE)
        assert answer is not None
        assert answer.status == 200, answer.start
        self._established(dialog, answer)

    def change(self, dialog: Dialog, sdp: str) -> None:
        """A re-INVITE with another offer."""
        dialog.sdp = sdp
        self._invite(dialog)

    def answer(self, accept: Callable[[list[Media]], str]) -> Dialog:
        """Take the next call; `accept` makes our SDP from their offer."""
        invite = self._wait(lambda message: message.method == "INVITE", PATIENCE)
        assert invite is not None, "nobody called"
        dialog = Dialog(
            call_id=invite.header("call-id"),
            local=f"{invite.header('to')};tag={secrets.token_hex(4)}",
            remote=invite.header("from"),
            target=_uri(invite.header("contact")),
            sdp=accept(sections(invite.body)),
            route=_listed(invite.headers.get("record-route", [])),
            remote_sdp=invite.body,
        )
        self._dialogs[dialog.call_id] = dialog
        self._respond(invite, "200 OK", dialog)
        return dialog

    def hang_up(self, dialog: Dialog) -> None:
        if not dialog.ended:
            dialog.ended = True
            self._ask(dialog, "BYE")

    def poll(self, timeout: float = 0.0) -> None:
        """Handle what has arrived; to be called now and then during a call."""
        while select.select([self._socket], [], [], timeout)[0]:
            timeout = 0.0
            data = self._socket.recv(65536)
            for text in self._whole(data) if self._tcp else [data]:
                message = Message.parse(text, self._server)
                if len(text) > 20 and not self._handled(message):
                    self._waiting.append(message)
            if not data:
                return

    def close(self) -> None:
        for dialog in self._dialogs.values():
            self.hang_up(dialog)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _at(self) -> str:
        return f"{self._server[0]}:{self._server[1]}"

    def _whole(self, data: bytes) -> list[bytes]:
        """The messages that a TCP connection has brought so far."""
        self._stream += data
        found = []
        while (head := self._stream.lstrip(b"\r\n").find(b"\r\n\r\n")) >= 0:
            self._stream = self._stream.lstrip(b"\r\n")
            length = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", self._stream[:head])
            end = head + 4 + (int(length[1]) if length else 0)
            if len(self._stream) < end:
                break
            found.append(self._stream[:end])
            self._stream = self._stream[end:]
        return found

    def _handled(self, message: Message) -> bool:
        dialog = self._dialogs.get(message.header("call-id"))
        if message.method == "BYE" and dialog:
            dialog.ended = True
        if message.method in METHODS_JUST_CONFIRMED:
            self._respond(message, "200 OK", dialog, sdp=False)
        elif message.method == "INVITE" and dialog and "tag=" in message.header("to"):  # a re-INVITE, as for hold
            dialog.remote_sdp = message.body
            self._respond(message, "200 OK", dialog)
        elif message.method == "INVITE" and dialog:
            self._respond(message, "200 OK", dialog)  # a copy
        else:
            return message.method == "ACK"
        return True

    def _invite(self, dialog: Dialog, *, early: bool = False) -> None:
        answer = self._ask(dialog, "INVITE", dialog.sdp, until=183 if early else 200)
        assert answer.status == (183 if early else 200), answer.start
        if early:
            dialog.remote_sdp = answer.body
        else:
            self._established(dialog, answer)

    def _established(self, dialog: Dialog, answer: Message) -> None:
        dialog.remote, dialog.remote_sdp = answer.header("to"), answer.body
        dialog.target = _uri(answer.header("contact"))
        dialog.route = dialog.route or _listed(answer.headers.get("record-route", []))[::-1]
        self._send(self._request(dialog, "ACK"))

    def _ask(self, dialog: Dialog, method: str, sdp: str = "", until: int = 200) -> Message:
        """A request and its answer; once more with the password, if the server asks for it."""
        proof = ""
        while True:
            dialog.cseq += 1
            request = self._request(dialog, method, sdp, proof)
            answer = self._answered(dialog, request, until)
            if answer.status not in (401, 407) or proof:
                return answer
            if method == "INVITE":
                self._send(self._request(dialog, "ACK", branch=_branch(request)))
            proof = self._proof(answer, method, dialog.target)

    def _answered(self, dialog: Dialog, request: str, until: int) -> Message:
        end, patience = time.monotonic() + PATIENCE, FIRST_REPEAT
        self._send(request)
        while (left := end - time.monotonic()) > 0:
            answer = self._wait(lambda message: _answers(message, dialog), min(left, patience))
            if answer is not None and answer.status >= until:
                return answer
            if answer is not None:
                patience = PATIENCE  # it arrived
            elif not self._tcp and patience < PATIENCE:
                self._send(request)
                patience *= 2
        raise TimeoutError(f"No answer to {request.splitlines()[0]}")

    def _proof(self, challenge: Message, method: str, uri: str) -> str:
        name = "www-authenticate" if challenge.status == 401 else "proxy-authenticate"
        asked = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.header(name)))
        realm, nonce = asked["realm"], asked["nonce"]
        account, what = _md5(f"{self._user}:{realm}:{self._user}-secret"), _md5(f"{method}:{uri}")
        counted = ":00000001:c0ffee:auth" if "qop" in asked else ""
        response = _md5(f"{account}:{nonce}{counted}:{what}")
        more = ', qop=auth, nc=00000001, cnonce="c0ffee"' if counted else ""
        return (
            f"{'Authorization' if challenge.status == 401 else 'Proxy-Authorization'}: Digest "
            f'username="{self._user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"{more}'
        )

    def _request(self, dialog: Dialog, method: str, sdp: str = "", proof: str = "", branch: str = "") -> str:
        lines = [
            f"{method} {dialog.target} SIP/2.0",
            f"Via: SIP/2.0/{self._transport} {self._host};branch={branch or 'z9hG4bK' + secrets.token_hex(8)};rport",
            *(f"Route: {hop}" for hop in dialog.route),
            "Max-Forwards: 70",
            f"From: {dialog.local}",
            f"To: {dialog.remote}",
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {dialog.cseq} {method}",
            *([proof] if proof else []),
        ]
        return self._finished(lines, sdp)

    def _respond(self, request: Message, status: str, dialog: Dialog | None, *, sdp: bool = True) -> None:
        to = request.header("to")
        if dialog is not None and "tag=" not in to:
            to = dialog.local
        lines = [f"SIP/2.0 {status}", *(f"Via: {value}" for value in request.headers["via"])]
        lines += [f"Record-Route: {hop}" for hop in request.headers.get("record-route", [])]
        lines += [f"From: {request.header('from')}", f"To: {to}"]
        lines += [f"Call-ID: {request.header('call-id')}", f"CSeq: {request.header('cseq')}"]
        self._send(self._finished(lines, dialog.sdp if sdp and dialog is not None else ""))

    def _finished(self, lines: list[str], sdp: str) -> str:
        lines = [*lines, f"Contact: {self._contact}", "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE"]
        if sdp:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(sdp)}", "", sdp])

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

    def _send(self, text: str) -> None:
        self._socket.sendall(text.encode())


def _answers(message: Message, dialog: Dialog) -> bool:
    """Whether it answers the last request of that dialog."""
    mine = message.status > 0 and message.header("call-id") == dialog.call_id
    return mine and message.header("cseq").startswith(f"{dialog.cseq} ")


def _listed(headers: list[str]) -> list[str]:
    return [hop.strip() for header in headers for hop in header.split(",")]


def _uri(header: str) -> str:
    found = re.search(r"<([^>]*)>", header)
    return found[1] if found else header


def _branch(request: str) -> str:
    found = re.search(r"branch=([^;\r\n]+)", request)
    assert found
    return found[1]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
