"""The README: five minutes, two commands, and a long description without links that lead nowhere."""

from __future__ import annotations

import re
import tomllib

from tests.support import documents
from tests.support.tables import ROOT

TEXT = documents.README.read_text("utf-8")


def test_there_are_two_commands_one_runs_the_demo_and_one_the_tests() -> None:
    demo, tests = documents.commands(TEXT)
    assert demo.endswith("zrtp demo")
    assert "pytest" in tests


def test_a_newcomer_reads_it_in_five_minutes() -> None:
    """At 200 words a minute, code and screens included."""
    assert len(TEXT.split()) <= 1000


def test_in_the_package_it_has_no_link_into_the_repository() -> None:
    """There the files that it links to are not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    shown = TEXT
    for change in project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        shown = re.sub(change["pattern"], change["replacement"], shown)
    assert documents.links(TEXT)
    assert not documents.links(shown)
