"""Take the security checks out one at a time, and see a test fail for each.

    python -m tests.security.mutate [NAME ...]

`tests.security.checks` lists them. Without a check the tests of the named modules run until the first failure, which
is printed. A check whose absence no test notices, or which is no longer found, fails the run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.security.checks import CHECKS, ROOT, Check, files_called
from tests.security.laboratory import Change, failures


def without(check: Check) -> Change[Check]:
    """The package without one check, and the tests that have to notice.

    Raises:
        LookupError: the check does not stand in the code exactly once.
    """
    found = check.found()
    files = [file.relative_to(ROOT).as_posix() for name in check.tests for file in files_called(name)]
    return Change(check, found.path, found.without(check.without), tuple((file,) for file in files))


def main(names: Sequence[str]) -> int:
    chosen = [without(check) for check in CHECKS if not names or check.name in names]
    missed = 0
    for check, failed in failures(chosen):
        print(f"{check.name:<50} {failed or 'NOT NOTICED'}", flush=True)
        missed += failed is None
    print(f"{len(chosen)} checks removed one at a time, {len(chosen) - missed} noticed by a test, {missed} not.")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
