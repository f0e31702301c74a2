"""What people call the pictures of the SAS type B32E.

For terminals that cannot show them: the other side may see nothing else, and its user will name them aloud.
"""

from __future__ import annotations

from typing import Final

from zrtp.crypto.sas import Sas

NAMES: Final = {
    "\U0001f601": "face",
    "\U0001f63a": "cat",
    "\U0001f465": "two people",
    "\U0001f332": "tree",
    "\U0001f45f": "shoe",
    "\u270b": "hand",
    "\U0001f44d": "thumb up",
    "\U0001f435": "monkey",
    "\U0001f434": "horse",
    "\U0001f40d": "snake",
    "\U0001f41f": "fish",
    "\U0001f338": "flower",
    "\U0001f310": "globe",
    "\U0001f3e0": "house",
    "\U0001f31e": "sun",
    "\U0001f698": "car",
    "\U0001f535": "blue circle",
    "\U0001f6a2": "ship",
    "\U0001f53a": "red triangle",
    "\U0001f42a": "camel",
    "\U0001f525": "fire",
    "\U0001f388": "balloon",
    "\U0001f426": "bird",
    "\U0001f50d": "magnifying glass",
    "\U0001f4d7": "green book",
    "\U0001f4a1": "light bulb",
    "\U0001f536": "orange diamond",
    "\U0001f528": "hammer",
    "\U0001f55b": "clock",
    "\U0001f31f": "star",
    "\u274e": "cross",
    "\U0001f6a9": "flag",
}
"""By emoji, in the order of their values from 0 to 31."""


def names(sas: Sas) -> tuple[str, ...]:
    """The four pictures of a SAS, in words."""
    return tuple(NAMES[picture] for picture in sas.emoji())
