"""A whole SIP call of a program that is not ours with a phone that is not ours: pyVoIP calls linphonec."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.hosts.test_hosts import INTERPRETER, ROOT, module
from tests.interop.linphone import Linphonec, Settings
from tests.interop.ports import free_udp_ports
from tests.interop.requirements import LINPHONEC
from tests.support.tones import pitch

pytestmark = pytest.mark.long

OUR_TONE, THEIR_TONE = 880, 440


def test_pyvoip_calls_linphonec_and_both_hear_each_other(tmp_path: Path) -> None:
    missing = module("pyVoIP")() or LINPHONEC.missing()
    if missing:
        pytest.skip(missing)
    with Linphonec(tmp_path, Settings(key_agreements=["X255"], mandatory=True), play=THEIR_TONE) as phone:
        phone.expect_call()
        theirs = int(phone.uri.rpartition(":")[2].strip(">"))
        command = [INTERPRETER, "-m", "tests.hosts.programs.pyvoip_calls", str(free_udp_ports(32)), str(theirs)]
        run = subprocess.run(  # noqa: S603
            [*command, str(OUR_TONE)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.stdout.strip(), run.stderr
        told = json.loads(run.stdout.strip().splitlines()[-1])
        assert told["sas"] == phone.wait_for_sas()
        assert told["heard"] == pytest.approx(THEIR_TONE, abs=12), told
        assert told["rejected"] <= 2
        phone.hang_up()
        heard = phone.heard()
    assert pitch(heard) == pytest.approx(OUR_TONE, abs=12)
