"""The bridge of docs/fleet.md over a database; over a file it runs with the other programs of the documents."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stores.server import Server
from tests.support.documents import programs
from tests.support.tables import ROOT


@pytest.mark.long
def test_the_bridge_of_the_documents_works_over_a_database(server: Server, address: str, tmp_path: Path) -> None:
    (program,) = programs(ROOT / "docs" / "fleet.md")
    file = tmp_path / "bridge.py"
    file.write_text(program.code, "utf-8")
    environment = os.environ | {"BRIDGE_CACHE": address, "PYTHONPATH": str(ROOT)}
    shown = subprocess.run([sys.executable, file], check=True, capture_output=True, text=True, env=environment)  # noqa: S603
    assert shown.stdout.splitlines() == [
        "both phones trust the bridge",
        "Bob hears: good morning",
        "known from the call before: CONTINUED CONTINUED",
        "both see the same words: True",
    ]
    assert server.command("SELECT count(*), count(pbxsecret) FROM zrtp_peers", address) == [(2, 2)]
