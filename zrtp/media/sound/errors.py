"""What goes wrong with sound files and devices."""

from __future__ import annotations

from zrtp.errors import ZrtpError


class AudioError(ZrtpError):
    """A sound file or device cannot be used; the message says which and what to do."""
