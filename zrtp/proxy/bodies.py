"""Finds the session description in the body of a SIP message and puts another one in its place.

Other bodies, and the other parts of a multipart body (RFC 2046 section 5.1), pass as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from zrtp.proxy.description import MalformedDescription
from zrtp.proxy.sip import SipMessage

_SDP: Final = "application/sdp"
_BOUNDARY: Final = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^;\s"]{1,70}))', re.IGNORECASE)
_PART_IS_SDP: Final = re.compile(rb"(?im)^content-type\s*:\s*application/sdp\s*(;|\r?$)")


def has_description(message: SipMessage) -> bool:
    """Whether there is a session description in the message."""
    kind = _kind(message)
    if not message.body:
        return False
    return kind == _SDP or (kind.startswith("multipart/") and _sdp_part(message) is not None)


def change_description(message: SipMessage, change: Callable[[str], str]) -> None:
    """Let `change` rewrite the session description; the length in the header follows.

    Raises MalformedDescription for one that cannot be read here, and whatever `change` raises.
    """
    if message.first("content-encoding").strip().lower() not in ("", "identity"):
        raise MalformedDescription("The session description is compressed, and cannot be read here.")
    start, end = (0, len(message.body)) if _kind(message) == _SDP else (_sdp_part(message) or (0, 0))
    text = message.body[start:end].decode("utf-8", "surrogateescape")
    new = change(text).encode("utf-8", "surrogateescape")
    message.with_body(message.body[:start] + new + message.body[end:])


def _kind(message: SipMessage) -> str:
    """The media type in lower case. A body that looks like a session description is one."""
    kind = message.first("content-type").partition(";")[0].strip().lower()
    return _SDP if not kind and message.body.lstrip().startswith(b"v=0") else kind


def _sdp_part(message: SipMessage) -> tuple[int, int] | None:
    """Where the content of the first application/sdp part begins and ends."""
    found = _BOUNDARY.search(message.first("content-type"))
    if found is None:
        return None
    mark = b"--" + (found[1] or found[2]).encode("utf-8", "surrogateescape")
    position = message.body.find(mark)
    while position >= 0:
        position += len(mark)
        following = message.body.find(b"\r\n" + mark, position)
        head_end = message.body.find(b"\r\n\r\n", position)
        if following < 0 or head_end < 0:
            return None
        if head_end < following and _PART_IS_SDP.search(message.body, position, head_end + 2):
            return head_end + 4, following
        position = following + 2
    return None
