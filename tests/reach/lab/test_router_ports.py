"""Ports at a real router program, miniupnpd."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from tests.reach.lab.laboratory import Router, laboratory, outputs
from tests.support.figures import Note

pytestmark = pytest.mark.long

PUBLIC = "45.67.89"
"""miniupnpd gives no port where the outer address is private or an example's."""

MAPPER = """
import asyncio, json, socket, sys, time
from zrtp.reach.mapping import mapped
async def run():
    begun = time.monotonic()
    async with mapped(5004) as mapping:
        took = time.monotonic() - begun
        heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        heard.bind(("", 5004))
        print("ready", flush=True)
        heard.settimeout(10)
        octets, _ = heard.recvfrom(100)
    print(json.dumps([mapping.protocol.name, mapping.host, mapping.port, took, octets.decode()]))
asyncio.run(run())
"""


def test_a_datagram_from_outside_comes_in_and_the_port_is_given_back(figure: Note) -> None:
    with laboratory(Router.CONE, Router.CONE, wan_a=PUBLIC) as lab:
        lab.serve_mapping("a")
        mapper = lab.run("home-a", sys.executable, "-c", MAPPER, stdout=subprocess.PIPE)
        assert mapper.stdout is not None and mapper.stdout.readline() == b"ready\n"
        send = f"import socket; socket.socket(2, 2).sendto(b'hello', ('{PUBLIC}.2', 5004))"
        lab.run("home-b", sys.executable, "-c", send).wait(10)
        protocol, host, port, took, heard = json.loads(outputs([mapper], 20)[0])
        figure(f"a port by {protocol}", took, "s", target=1)
        assert (protocol, host, port, heard) == ("PCP", f"{PUBLIC}.2", 5004, "hello")
        for _ in range(50):
            if "5004" not in lab.do("router-a", "nft list table inet miniupnpd"):
                return
            time.sleep(0.1)
        raise AssertionError("the router still has the mapping")
