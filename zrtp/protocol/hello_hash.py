"""The value of a=zrtp-hash (RFC 6189 section 8): the hash of a Hello, in every form that programs hand around."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zrtp.errors import ApiMisuse

LENGTH = 32
"""Octets of a SHA-256 hash."""

MISMATCH = (
    "The peer's Hello is not the one that its signalling announced: somebody changed one of the two on the way. "
    "Call again; if it happens again, do not trust this connection."
)
"""For people."""

_VALUE = re.compile(
    r"(?:a=zrtp-hash:)?[ \t]*(?:(?P<version>[0-9]\.[0-9]{2})[ \t]*)?(?P<hash>[0-9A-Fa-f]{64})", re.ASCII
)


def hello_hash(value: object, versions: Iterable[bytes]) -> bytes:
    """The 32 octets of a hello hash.

    Args:
        value: "1.10 HEX", with one space or none, "a=zrtp-hash:1.10 HEX", 64 digits alone, 32 octets, or anything
            whose `str()` is one of these, such as `zrtp.media.sdp.ZrtpHash`.
        versions: those of our Hello; of a version only three characters count (section 4.1.1).

    Raises:
        ApiMisuse: it is none of these, or belongs to another version of the protocol.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        if len(value) != LENGTH:
            raise ApiMisuse(f"A zrtp-hash has 32 octets, not {len(value)}; as text it has 64 hexadecimal digits.")
        return bytes(value)
    match = _VALUE.fullmatch(str(value).strip())
    if match is None:
        raise ApiMisuse("A zrtp-hash is a version and 64 hexadecimal digits, for example 1.10 and the digits.")
    version = match["version"]
    if version is not None and version[:3].encode() not in {known[:3] for known in versions}:
        raise ApiMisuse(f"The zrtp-hash is that of a Hello in version {version}, which is not spoken here.")
    return bytes.fromhex(match["hash"])
