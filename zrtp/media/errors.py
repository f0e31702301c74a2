"""What can go wrong with a call over `zrtp.media`, beside the errors of the whole package."""

from __future__ import annotations

from zrtp.errors import ZrtpError


class HostDraining(ZrtpError):
    """The call was not made: its host is about to stop."""


class NotSecured(ZrtpError):
    """The call did not become secure: nobody answers ZRTP, or the key agreement failed."""
