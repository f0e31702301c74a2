"""`python -m zrtp` is the `zrtp` command."""

from __future__ import annotations

import sys

from zrtp.cli.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
