"""The operating system's randomness and wall clock: the only place below `zrtp.media` that knows them.

The engine takes both as arguments; these are the defaults.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

RandomSource = Callable[[int], bytes]
"""Returns that many octets fit for keys; a failure raises and ends whatever needed them."""

WallClock = Callable[[], float]
"""Seconds since 1970, for the expiry of retained secrets; timers never use it."""

system_random: RandomSource = os.urandom
wall_clock: WallClock = time.time
