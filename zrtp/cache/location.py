"""Where a person's cache file is by default: in the data folder that the system keeps for each user."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from zrtp.errors import CacheError

FILE_NAME = "secrets.db"


def default_path(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> Path:
    """The cache file of the current user. Raises CacheError if the system names no home folder.

    On Windows it is the folder that stays on this computer: a roaming profile would give two devices one ZID.
    """
    if platform == "win32":
        return _absolute(environment, "LOCALAPPDATA", "AppData/Local") / "zrtp" / FILE_NAME
    if platform == "darwin":
        return _home() / "Library/Application Support" / "zrtp" / FILE_NAME
    return _absolute(environment, "XDG_DATA_HOME", ".local/share") / "zrtp" / FILE_NAME


def _absolute(environment: Mapping[str, str], variable: str, in_home: str) -> Path:
    """The folder that a variable names; relative ones are ignored, as the XDG specification asks."""
    folder = environment.get(variable, "")
    return Path(folder) if os.path.isabs(folder) else _home() / in_home


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise CacheError(
            "There is no home folder to keep retained secrets in: set HOME, or name a cache file."
        ) from error
