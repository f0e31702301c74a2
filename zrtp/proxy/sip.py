"""SIP messages as lines and headers (RFC 3261 section 7), which is all of SIP that a proxy beside a phone has to know.

A message keeps every header as it came, folding and spelling included: what nobody changes leaves as it arrived.
Octets that are not UTF-8 survive too. What is malformed raises `MalformedSip` here, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zrtp.errors import ZrtpError

LONGEST_HEAD: Final = 65536
"""Octets of start line and headers that are read."""
LONGEST_BODY: Final = 262144
"""Octets of a body that are read from a stream."""
MOST_HEADERS: Final = 256

KEEPALIVE: Final = b"\r\n\r\n"
"""What phones send now and then to keep the path through a NAT open (RFC 5626 section 3.5.1)."""

PONG: Final = b"\r\n"
"""The answer to it, on a connection."""

OWN_TAG: Final = "zrtp-proxy"
"""Our tag in answers of our own: an ACK that bears it is meant for nobody else."""

_COMPACT: Final = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "e": "content-encoding",
}
_NEEDED: Final = ("via", "from", "to", "call-id", "cseq")
_REQUEST: Final = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+ [^ ]+ SIP/2\.0")
_RESPONSE: Final = re.compile(r"SIP/2\.0 [1-6][0-9]{2}(?: .*)?")
_CSEQ: Final = re.compile(r"([0-9]{1,10})\s+(\S+)")
_TAG: Final = re.compile(r";\s*tag\s*=\s*([^;,\s>]+)", re.IGNORECASE)
_URI: Final = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@>]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:;?>\s\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?P<rest>(?:[;?][^>\s]*)?)",
    re.IGNORECASE,
)


class MalformedSip(ZrtpError):
    """Octets that are no complete SIP message. `request` is what could be read of one that deserves an answer."""

    def __init__(self, text: str, request: SipMessage | None = None) -> None:
        super().__init__(text)
        self.request = request


@dataclass(frozen=True, slots=True)
class Header:
    """One header, as it came."""

    name: str
    """In lower case and its long form: "via" for "V"."""
    raw: str
    """The line, or several if it is folded, without the last line end."""

    @classmethod
    def of(cls, raw: str) -> Header:
        """Of a line. Raises MalformedSip if it has no colon."""
        name, colon, _ = raw.partition(":")
        if not colon:
            raise MalformedSip("A header of the SIP message has no colon.")
        folded = name.strip().lower()
        return cls(_COMPACT.get(folded, folded), raw)

    @property
    def value(self) -> str:
        """What follows the colon, in one line."""
        return re.sub(r"\r\n[ \t]+", " ", self.raw.partition(":")[2]).strip()


@dataclass(slots=True)
class SipMessage:
    """A request or a response."""

    start: str
    headers: list[Header]
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0 ")

    @property
    def method(self) -> str:
        """Of the request, or of the request that this answers."""
        if self.is_request:
            return self.start.split(" ", 1)[0]
        return self.cseq[1]

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return 0 if self.is_request else int(self.start[8:11])

    @property
    def target(self) -> str:
        """The request URI; empty for a response."""
        return self.start.split(" ")[1] if self.is_request else ""

    @target.setter
    def target(self, uri: str) -> None:
        method, _, version = self.start.split(" ")
        self.start = f"{method} {uri} {version}"

    @property
    def call_id(self) -> str:
        return self.first("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq."""
        found = _CSEQ.fullmatch(self.first("cseq"))
        return (int(found[1]), found[2]) if found else (0, "")

    def tag(self, name: str) -> str:
        """The tag of "from" or "to", empty if it has none."""
        found = _TAG.search(self.first(name).rpartition(">")[2])
        return found[1] if found else ""

    def first(self, name: str) -> str:
        """The value of the first header of that name, empty if there is none."""
        return next((header.value for header in self.headers if header.name == name), "")

    def values(self, name: str) -> list[str]:
        """All values of the headers of that name, lists taken apart."""
        return [value for header in self.headers if header.name == name for value in split_values(header.value)]

    def replace(self, name: str, values: Sequence[str], *, at: int | None = None) -> None:
        """Other values for a header, one line each, where the first of them stood; none takes it out.

        `at` is where they go if there was none, the end by default.
        """
        place = next((index for index, header in enumerate(self.headers) if header.name == name), at)
        spelt = next((h.raw.partition(":")[0] for h in self.headers if h.name == name), name.title())
        self.headers = [header for header in self.headers if header.name != name]
        new = [Header(name, f"{spelt}: {value}") for value in values]
        place = len(self.headers) if place is None else place
        self.headers[place:place] = new

    def prepend(self, name: str, value: str, *, after: str = "") -> None:
        """A header above the others of its name; if there are none, after those called `after`, or above all."""
        place = next((index for index, header in enumerate(self.headers) if header.name == name), None)
        if place is None:
            place = max((index + 1 for index, header in enumerate(self.headers) if header.name == after), default=0)
        self.headers.insert(place, Header(name, f"{name.title()}: {value}"))

    def drop_first(self, name: str) -> str:
        """Take the topmost value of a header out and return it; the other values stay as they are."""
        for index, header in enumerate(self.headers):
            if header.name == name:
                first, *rest = split_values(header.value)
                spelt = header.raw.partition(":")[0]
                self.headers[index : index + 1] = [Header(name, f"{spelt}: {', '.join(rest)}")] if rest else []
                return first
        return ""

    def with_body(self, body: bytes) -> None:
        """Another body, and its length in the header, which is added if there was none."""
        if body == self.body:
            return
        self.body = body
        self.replace("content-length", [str(len(body))])

    def encode(self, *, stream: bool = False) -> bytes:
        """The message as octets; on a stream with the length without which it has no end there."""
        if stream and not self.first("content-length"):
            self.replace("content-length", [str(len(self.body))])
        head = "\r\n".join([self.start, *(header.raw for header in self.headers)])
        return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Uri:
    """A SIP URI; everything behind the port stays one piece."""

    scheme: str
    user: str | None
    host: str
    """IPv6 without brackets."""
    port: int | None
    rest: str = ""
    """Parameters and headers, with their ";" or "?"."""

    @classmethod
    def parse(cls, text: str) -> Uri | None:
        """Of a URI; None for other schemes than sip and sips, and for what is none."""
        found = _URI.fullmatch(text.strip())
        if found is None or (found["port"] and int(found["port"]) > 65535):
            return None
        port = int(found["port"]) if found["port"] else None
        return cls(found["scheme"].lower(), found["user"], found["host"].strip("[]"), port, found["rest"])

    @classmethod
    def of(cls, value: str) -> Uri | None:
        """Of a value of Contact, Route and the like."""
        return cls.parse(bare_uri(value))

    def parameter(self, name: str) -> str | None:
        """The value of a parameter, empty if it has none; None if it is not there."""
        for part in self.rest.partition("?")[0].split(";")[1:]:
            key, _, value = part.partition("=")
            if key.strip().lower() == name:
                return value.strip()
        return None

    def without(self, *names: str) -> str:
        """`rest` without some parameters."""
        parameters, mark, headers = self.rest.partition("?")
        kept = [part for part in parameters.split(";") if part.partition("=")[0].strip().lower() not in names]
        return ";".join(kept) + mark + headers

    def __str__(self) -> str:
        user = "" if self.user is None else f"{self.user}@"
        return f"{self.scheme}:{user}{host_port(self.host, self.port)}{self.rest}"


def host_port(host: str, port: int | None) -> str:
    """ "192.0.2.1:5060", "[2001:db8::1]:5060"."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def bare_uri(value: str) -> str:
    """The URI in a value of From, To, Contact, Route: what is in angle brackets, or what stands before the ";"."""
    found = re.search(r"<([^>]*)>", value)
    return found[1].strip() if found else value.partition(";")[0].strip()


def split_values(value: str) -> list[str]:
    """The elements of a comma separated header; commas in quotes and in angle brackets separate nothing."""
    values, start, quoted, bracketed = [], 0, False, False
    position = 0
    while position < len(value):
        character = value[position]
        if quoted:
            position += character == "\\"
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character in "<>":
            bracketed = character == "<"
        elif character == "," and not bracketed:
            values.append(value[start:position].strip())
            start = position + 1
        position += 1
    values.append(value[start:].strip())
    return [each for each in values if each]


def parse(octets: bytes) -> SipMessage:
    """The message in a datagram. Raises MalformedSip.

    What follows a body of the stated length is cut off (RFC 3261 section 18.3); without a length the body ends with
    the datagram.
    """
    head, found, body = octets.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not found:
        raise MalformedSip("The datagram does not contain a whole SIP message.")
    message = _parse_head(head)
    length = _length(message)
    if length is not None and length > len(body):
        request = message if message.is_request else None
        raise MalformedSip(f"The body has {len(body)} octets, and Content-Length says {length}.", request)
    message.body = body if length is None else body[:length]
    return message


class Framer:
    """Cuts the octets of a TCP or TLS connection into messages, by Content-Length (RFC 3261 section 18.3)."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def feed(self, octets: bytes) -> list[SipMessage | bytes]:
        """The messages that are complete now; a keepalive is returned as its octets.

        Raises MalformedSip when the beginning of the next message cannot be found: the connection is of no use then.
        """
        self._octets += octets
        complete: list[SipMessage | bytes] = []
        while (item := self._next()) is not None:
            complete.append(item)
        return complete

    def _next(self) -> SipMessage | bytes | None:
        if self._octets.startswith(KEEPALIVE):
            del self._octets[: len(KEEPALIVE)]
            return KEEPALIVE
        if KEEPALIVE.startswith(self._octets):
            return None
        while self._octets.startswith(b"\r\n"):
            del self._octets[:2]
        end = self._octets.find(b"\r\n\r\n")
        if end < 0:
            if len(self._octets) > LONGEST_HEAD:
                raise MalformedSip("What arrives on the connection is not SIP.")
            return None
        message = _parse_head(bytes(self._octets[:end]))
        length = _length(message) or 0
        if length > LONGEST_BODY:
            raise MalformedSip(f"A body of {length} octets is longer than any that is taken here.", message)
        if len(self._octets) < end + 4 + length:
            return None
        message.body = bytes(self._octets[end + 4 : end + 4 + length])
        del self._octets[: end + 4 + length]
        return message


def answer(request: SipMessage, status: int, reason: str, *, more: Sequence[str] = ()) -> SipMessage:
    """A response of our own to a request, without a body; `more` are further header lines."""
    copied = ("via", "from", "to", "call-id", "cseq")
    headers = [header for name in copied for header in request.headers if header.name == name]
    if not request.tag("to"):
        headers = [Header("to", f"{h.raw};tag={OWN_TAG}") if h.name == "to" else h for h in headers]
    headers += [Header.of(line) for line in (*more, "Content-Length: 0")]
    return SipMessage(f"SIP/2.0 {status} {reason}", headers)


def _parse_head(head: bytes) -> SipMessage:
    if len(head) > LONGEST_HEAD:
        raise MalformedSip("The headers of the SIP message are too long.")
    start, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if not (_RESPONSE if start.startswith("SIP/2.0 ") else _REQUEST).fullmatch(start):
        raise MalformedSip("What arrived is not SIP: its first line is neither a request nor a response.")
    raw: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t") and raw:
            raw[-1] += "\r\n" + line
        else:
            raw.append(line)
    if len(raw) > MOST_HEADERS:
        raise MalformedSip("The SIP message has too many headers.")
    message = SipMessage(start, [Header.of(line) for line in raw])
    missing = [name for name in _NEEDED if not message.first(name)]
    if missing or (message.is_request and message.cseq[1] != message.method):
        text = f"The SIP message has no {missing[0].title()}." if missing else "CSeq does not name the request."
        raise MalformedSip(text, message if message.is_request and message.first("via") else None)
    return message


def _length(message: SipMessage) -> int | None:
    text = message.first("content-length")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise MalformedSip("Content-Length is not a number.", message if message.is_request else None)
    return int(text)
