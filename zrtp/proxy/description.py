"""Session descriptions (RFC 8866) on their way through the proxy: what they say, and how addresses become ours.

Lines that nobody here understands pass unchanged and in their places. Taken out of a section that is protected, in
both directions, is what would lead media past the proxy (ICE), or several streams onto one port (BUNDLE), where ZRTP
could not tell them apart. RTP and RTCP on one port (rtcp-mux) are for the two ends to agree on. `a=zrtp-hash` is put in
towards the network and taken out towards the phone.

An offer that may ring at several places has a second announcement, `a=zrtp-hash-fork`, for the second place that
answers: a Hello of its own, which a proxy there counts as announced as well. RFC 6189 does not know it; it has the form
of `a=zrtp-hash`, and means nothing to others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zrtp.errors import ZrtpError
from zrtp.media.sdp import ZrtpHash, add_zrtp_hash, media_zrtp_hashes, parse_zrtp_hash

PLAIN_PROFILES: Final = ("RTP/AVP", "RTP/AVPF")
SECURE_PROFILES: Final = ("RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF")
MOST_SECTIONS: Final = 8
"""Media sections of a description that are taken; each costs four UDP ports."""
ON_HOLD: Final = ("0.0.0.0", "::")  # noqa: S104
"""The address of a stream on hold, in the old way (RFC 3264 section 8.4)."""

_MEDIA: Final = re.compile(r"m=(\S+) ([0-9]{1,5})(/[0-9]+)? (\S+)( .*)?")
_CONNECTION: Final = re.compile(r"c=IN IP[46] ([^\s/]+)(?:/\S+)?\s*")
_ORIGIN: Final = re.compile(r"(o=\S+ \S+ \S+ )IN IP[46] \S+")
_RTCP: Final = re.compile(r"a=rtcp:([0-9]{1,5})(?: IN IP[46] (\S+))?\s*")
_SSRC: Final = re.compile(r"a=ssrc:([0-9]{1,10})(?:\s.*)?")
_PAST_THE_PROXY: Final = re.compile(r"a=(candidate:|ice-|remote-candidates:|end-of-candidates|bundle-only)")
_BUNDLE: Final = re.compile(r"a=group:BUNDLE\s(.*)")
_MID: Final = re.compile(r"a=mid:(\S+)\s*")
_MUX: Final = re.compile(r"a=rtcp-mux(-only)?\s*")
_KEYS: Final = re.compile(r"a=(crypto:|fingerprint:|key-mgmt:)")
_AROUND_KEYS: Final = re.compile(r"a=(crypto:|fingerprint:|key-mgmt:|setup:|tls-id:)")
_FORK: Final = re.compile(r"a=zrtp-hash-fork:(.*)")
_DIRECTION: Final = re.compile(r"a=(sendrecv|sendonly|recvonly|inactive)\s*")


class MalformedDescription(ZrtpError):
    """A session description that cannot be followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What an m= line and the lines after it say."""

    kind: str
    """ "audio", "video", "image", ..."""
    host: str
    """Where media is wanted."""
    port: int
    """0: this section is not used."""
    protocol: str
    rtcp: tuple[str, int]
    """Where RTCP is wanted, if it is apart from RTP."""
    mux: bool
    """RTCP may come on the port of RTP (RFC 5761), which is so if both sides say it."""
    sends: bool
    """Whoever wrote this wants to send media."""
    receives: bool
    has_keys: bool
    """It brings keys of its own, or the fingerprint of some (RFC 4568, 5763)."""
    ssrc: int | None
    """The first SSRC that is announced (RFC 5576)."""
    zrtp_hashes: tuple[ZrtpHash, ...]
    formats: tuple[str, ...] = ()
    """The payload types that are taken."""
    fork_hashes: tuple[ZrtpHash, ...] = ()
    """Of Hellos that count as announced too."""

    @property
    def used(self) -> bool:
        return self.port != 0

    @property
    def plain_rtp(self) -> bool:
        """RTP in clear, or with keys that are agreed on the media path."""
        if self.protocol in PLAIN_PROFILES:
            return True
        return self.protocol in SECURE_PROFILES and bool(self.zrtp_hashes) and not self.has_keys

    @property
    def secure_profile(self) -> bool:
        """A profile that never carries clear media."""
        return self.protocol in SECURE_PROFILES

    @property
    def reachable(self) -> bool:
        return self.used and self.host not in ON_HOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionChange:
    """What becomes of a section."""

    port: int
    """Ours; 0 refuses the section."""
    hello_hash: str | None = None
    """The value of a=zrtp-hash to put in."""
    fork_hash: str | None = None
    """That of a=zrtp-hash-fork."""
    protocol: str | None = None
    """Another profile in the m= line."""
    keys: bool = True
    """Lines with keys stay."""


def read(text: str) -> list[Section]:
    """The media sections, in order. Raises MalformedDescription."""
    session, sections = _split(text)
    if len(sections) > MOST_SECTIONS:
        raise MalformedDescription(f"The session description has more than {MOST_SECTIONS} media sections.")
    hashes = media_zrtp_hashes(text)
    return [_section(lines, session, found) for lines, found in zip(sections, hashes, strict=True)]


def rewritten(text: str, host: str, changes: Sequence[SectionChange | None]) -> str:
    """The description with our address, one change for each section; None leaves a section alone."""
    session, sections = _split(text)
    connection = next((line for line in session if line.startswith("c=")), None)
    all_ours = all(change is not None for change in changes)
    ours = f"c=IN IP{6 if ':' in host else 4} {host}"
    left_alone = {_mid(lines) for lines, change in zip(sections, changes, strict=True) if change is None}
    out = [_session_line(line, ours, left_alone, strip=all_ours) for line in session]
    for lines, change in zip(sections, changes, strict=True):
        if change is None:
            own = any(line.startswith("c=") for line in lines)
            out += lines[:1] + ([connection] if connection is not None and not own else []) + lines[1:]
        else:
            out += _changed(lines, ours, change)
    body = "\r\n".join(line for line in out if line is not None) + "\r\n"
    return _with_hashes(body, changes)


def _with_hashes(body: str, changes: Sequence[SectionChange | None]) -> str:
    """Put ours in; a section that is left alone keeps what it has."""
    kept = media_zrtp_hashes(body)
    hashes: list[ZrtpHash | str | None] = [
        (found[0] if found else None) if change is None else change.hello_hash
        for found, change in zip(kept, changes, strict=True)
    ]
    return add_zrtp_hash(body, hashes)


def _split(text: str) -> tuple[list[str], list[list[str]]]:
    """The lines before the first m=, and those of each section."""
    session: list[str] = []
    sections: list[list[str]] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith("m="):
            sections.append([line])
        elif line:
            (sections[-1] if sections else session).append(line)
    return session, sections


def _section(lines: list[str], session: list[str], hashes: tuple[ZrtpHash, ...]) -> Section:
    media = _MEDIA.fullmatch(lines[0])
    if media is None or int(media[2]) > 65535:
        raise MalformedDescription("A media line (m=) of the session description cannot be read.")
    kind, port, protocol = media[1], int(media[2]), media[4]
    found = _first(_CONNECTION, lines) or _first(_CONNECTION, session)
    if found is None and port:
        raise MalformedDescription("The session description does not say where media is wanted: it has no c= line.")
    host = found[1] if found is not None else ""
    rtcp = _first(_RTCP, lines)
    direction = _first(_DIRECTION, lines) or _first(_DIRECTION, session)
    way = direction[1] if direction is not None else "sendrecv"
    ssrc = _first(_SSRC, lines)
    return Section(
        kind=kind,
        host=host,
        port=port,
        protocol=protocol,
        rtcp=(rtcp[2] or host, int(rtcp[1])) if rtcp is not None else (host, port + 1),
        mux=_first(_MUX, lines) is not None,
        sends=way in ("sendrecv", "sendonly"),
        receives=way in ("sendrecv", "recvonly"),
        has_keys=any(_KEYS.match(line) for line in (*session, *lines)),
        ssrc=int(ssrc[1]) if ssrc is not None and int(ssrc[1]) <= 0xFFFFFFFF else None,
        zrtp_hashes=hashes,
        formats=tuple((media[5] or "").split()),
        fork_hashes=_fork_hashes(lines),
    )


def _fork_hashes(lines: list[str]) -> tuple[ZrtpHash, ...]:
    values = [match[1] for line in lines if (match := _FORK.fullmatch(line))]
    return tuple(parsed for value in values if (parsed := parse_zrtp_hash(value)) is not None)


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    return next((found for line in lines if (found := pattern.fullmatch(line))), None)


def _mid(lines: list[str]) -> str | None:
    mid = _first(_MID, lines)
    return mid[1] if mid is not None else None


def _session_line(line: str, ours: str, left_alone: set[str | None], *, strip: bool) -> str | None:
    bundle = _BUNDLE.fullmatch(line)
    if bundle is not None:
        together = [mid for mid in bundle[1].split() if mid in left_alone]
        return f"a=group:BUNDLE {' '.join(together)}" if together else None
    if line.startswith("c="):
        return _connection(line, ours)
    if line.startswith("o="):
        return _ORIGIN.sub(rf"\g<1>{ours[2:]}", line)
    if strip and _PAST_THE_PROXY.match(line):
        return None
    return line


def _connection(line: str, ours: str) -> str:
    found = _CONNECTION.fullmatch(line)
    return line if found is not None and found[1] in ON_HOLD else ours


def _changed(lines: list[str], ours: str, change: SectionChange) -> list[str]:
    media = _MEDIA.fullmatch(lines[0])
    changed = [_MEDIA.sub(lambda m: f"m={m[1]} {change.port} {change.protocol or m[4]}{m[5] or ''}", lines[0])]
    for line in lines[1:]:
        if line.startswith("c="):
            changed.append(_connection(line, ours))
        elif (rtcp := _RTCP.fullmatch(line)) is not None:
            apart = media is None or rtcp[1] != media[2]
            changed += [f"a=rtcp:{change.port + apart}"] if change.port else []
        elif not (_PAST_THE_PROXY.match(line) or _FORK.match(line)) and (change.keys or not _AROUND_KEYS.match(line)):
            changed.append(line)
    return changed if change.fork_hash is None else [*changed, f"a=zrtp-hash-fork:{change.fork_hash}"]
