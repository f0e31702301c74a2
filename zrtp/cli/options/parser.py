"""A parser whose complaints look like the command's other errors."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from zrtp.cli.errors import CommandError, Exit


class Parser(argparse.ArgumentParser):
    """Raises CommandError instead of ending the process."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise CommandError(message, f"{self.prog} --help shows every option", code=Exit.USAGE)
