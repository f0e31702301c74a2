"""SIP messages as lines and headers: as much of RFC 3261 as an observer needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from zrtp.errors import ZrtpError

LONGEST: Final = 1 << 16
"""Octets of the longest message that is looked at."""

MOST_HEADERS: Final = 256

_START: Final = re.compile(rb"(?:SIP/2\.0 [1-6][0-9]{2} |[A-Z]{3,12} [^ \r\n]{1,512} SIP/2\.0\r?\n)")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_COMPACT: Final = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "s": "subject",
    "k": "supported",
    "e": "content-encoding",
}
_TAG: Final = re.compile(r";\s*tag\s*=\s*([^;>\s]+)", re.IGNORECASE)
_URI: Final = re.compile(r"sips?:([^;>\s?]+)", re.IGNORECASE)
_BOUNDARY: Final = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_VIA: Final = re.compile(r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9-]+)\s+([^\s;,]+)", re.IGNORECASE)


class NotSip(ZrtpError):
    """Octets that are no SIP message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSipMessage:
    """A request or a response."""

    first_line: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Names in lower case and in their long form."""
    body: str = field(repr=False)
    cut: bool
    """Whether the body is shorter than Content-Length says."""

    @property
    def is_response(self) -> bool:
        return self.first_line.startswith("SIP/2.0 ")

    @property
    def title(self) -> str:
        """The method of a request; status and reason of a response."""
        first, _, rest = self.first_line.partition(" ")
        return rest if self.is_response else first

    def header(self, name: str) -> str:
        """The first header of this name; empty without one."""
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        """All headers of this name."""
        return [value for key, value in self.headers if key == name]

    @property
    def call_id(self) -> str:
        return self.header("call-id")

    @property
    def author(self) -> str:
        """The tag of whoever wrote the body: From in a request, To in a response."""
        found = _TAG.search(self.header("to" if self.is_response else "from"))
        return found[1] if found else ""

    def user(self, name: str) -> str:
        """user@host of From or To."""
        value = self.header(name)
        found = _URI.search(value)
        return found[1] if found else value

    def vias(self) -> list[tuple[str, str]]:
        """Transport and host of each element on the way here, the newest first."""
        return [(found[1].upper(), found[2]) for value in self.all("via") for found in _VIA.finditer(value)]

    @property
    def sdp(self) -> str:
        """The session description in the body, also one part of several; empty without one."""
        kind = self.header("content-type").lower()
        if kind.startswith("application/sdp"):
            return self.body
        found = _BOUNDARY.search(self.header("content-type")) if kind.startswith("multipart/") else None
        if found is None:
            return ""
        for part in self.body.split(f"--{found[1]}")[:MOST_HEADERS]:
            head, _, content = part.lstrip("\r\n").replace("\r\n", "\n").partition("\n\n")
            if "application/sdp" in head.lower():
                return content
        return ""


def begins(octets: bytes) -> bool:
    """Whether octets start as a SIP message does; cheap enough for every datagram, never raises."""
    first = octets[:1]
    return b"A" <= first <= b"Z" and _START.match(octets[:1024]) is not None


def length_in_stream(octets: bytes) -> int | None:
    """Octets of the message at the start of a TCP stream; None while its headers are incomplete."""
    end = _HEAD_END.search(octets)
    if end is None:
        return None
    found = re.search(rb"(?:^|\n)(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,7})", octets[: end.end()], re.IGNORECASE)
    return end.end() + (int(found[1]) if found else 0)


def parse(octets: bytes) -> RecordedSipMessage:
    """Read a message; raises NotSip for anything else."""
    octets = octets[:LONGEST]
    if not begins(octets):
        raise NotSip("The first line is not that of a SIP message.")
    end = _HEAD_END.search(octets)
    head = octets if end is None else octets[: end.start()]
    body = b"" if end is None else octets[end.end() :]
    first, *lines = re.split(r"\r?\n", head.decode("utf-8", "replace"))
    headers: list[tuple[str, str]] = []
    for line in lines[:MOST_HEADERS]:
        if line[:1] in (" ", "\t") and headers:  # a folded line
            headers[-1] = headers[-1][0], f"{headers[-1][1]} {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            headers.append((_COMPACT.get(name, name), value.strip()))
    length = next((value for name, value in headers if name == "content-length"), "")
    declared = int(length) if length.isdecimal() and len(length) < 8 else len(body)
    return RecordedSipMessage(
        first_line=first,
        headers=tuple(headers),
        body=body[:declared].decode("utf-8", "replace"),
        cut=declared > len(body),
    )
