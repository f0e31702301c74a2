"""`python -m zrtp` is the `zrtp` command."""

from __future__ import annotations

import sys


def run() -> int:
    """The command; whoever interrupts it early, while it is being loaded, reads the same line as later."""
    try:
        from zrtp.cli.__main__ import main

        return main()
    except KeyboardInterrupt:
        print("zrtp: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(run())
