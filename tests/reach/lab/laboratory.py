"""Two homes behind routers and an internet between them, out of network namespaces.

::

    laptop A -- router A -- (carrier A) -- internet -- (carrier B) -- router B -- laptop B
                                        STUN, TURN, mailbox

Needs root, iproute2 and nftables; conntrack, coturn and magic-wormhole-mailbox-server where a test uses them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import pytest

from tests.reach.lab import delay

SERVER = "192.0.2.1"
"""STUN and TURN."""
MAILBOX = "ws://192.0.2.2:4000/v1"
TURN_USER, TURN_PASSWORD = "zrtp", "test"
ROUND_TRIP = 0.031
"""Seconds to the servers where there is a delay; twice as long between the homes."""


class Router(Enum):
    """What stands between a laptop and the internet."""

    PUBLIC = "public"
    """No NAT, and everything comes in."""
    CONE = "cone"
    """Keeps the port, lets in who was addressed: the usual home router (port restricted cone)."""
    SYMMETRIC = "symmetric"
    """Another port for each destination."""
    CARRIER = "carrier"
    """A cone at home, and another one at the provider."""
    CARRIER_SYMMETRIC = "carrier, symmetric"


@dataclass
class Laboratory:
    """A built laboratory; `run` starts a program in one of its namespaces."""

    prefix: str
    folder: Path
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)

    def run(self, place: str, *command: str, **options: object) -> subprocess.Popen[bytes]:
        """Start a program: in `internet`, `home-a`, `router-b`, ..."""
        program: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603
            [_IP, "netns", "exec", self.prefix + place, *command], cwd=_PROJECT, **options
        )
        self.programs.append(program)
        return program

    def do(self, place: str, command: str, stdin: str | None = None) -> str:
        """Run a command in a namespace to its end, and give its output."""
        words = [_IP, "netns", "exec", self.prefix + place, *command.split()]
        done = subprocess.run(words, input=stdin, text=True, capture_output=True, check=False)  # noqa: S603
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def add(self, place: str, *, forwarding: bool = False) -> None:
        """A namespace with loopback."""
        _ip(f"netns add {self.prefix}{place}")
        self.namespaces.append(place)
        self.do(place, "ip link set lo up")
        if forwarding:
            self.do(place, "sysctl -qw net.ipv4.ip_forward=1")

    def link(self, one: tuple[str, str, str], other: tuple[str, str, str], seconds: float = 0.0) -> None:
        """A cable between (namespace, device, address) and another; `seconds` is its delay each way."""
        if not seconds:
            self._veth(one[:2], other[:2])
        else:
            between = f"delay-{one[0]}"
            self.add(between)
            self._veth(one[:2], (between, "x0"))
            self._veth(other[:2], (between, "x1"))
            for place, device in (one[:2], other[:2]):
                self.do(place, f"ethtool -K {device} tx off gso off tso off gro off")
            self.run(between, sys.executable, delay.__file__, "x0", "x1", str(seconds))
        for place, device, address in (one, other):
            self.do(place, f"ip addr add {address} dev {device}")

    def _veth(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        _ip(
            f"link add {one[1]} netns {self.prefix}{one[0]} type veth "
            f"peer name {other[1]} netns {self.prefix}{other[0]}"
        )
        for place, device in (one, other):
            self.do(place, f"ip link set {device} up")

    def translate(self, place: str, router: Router, *, udp_timeout: int) -> None:
        """Make a namespace a NAT router between `lan` and `wan` that lets nothing in unasked."""
        how = "masquerade random,fully-random" if router is Router.SYMMETRIC else "masquerade"
        with suppress(AssertionError):  # without it the kernel's 30 s hold
            self.do(place, f"sysctl -qw net.netfilter.nf_conntrack_udp_timeout={udp_timeout}")
            self.do(place, f"sysctl -qw net.netfilter.nf_conntrack_udp_timeout_stream={udp_timeout}")
        self.do(place, "nft -f -", _NAT.replace("HOW", how))

    def forget_bindings(self, home: str) -> None:
        """The router of a home forgets what it has translated, as after a restart."""
        self.do(f"router-{home}", "conntrack -F")

    def block_udp(self, home: str) -> None:
        """The router of a home lets no UDP out."""
        self.do(f"router-{home}", "nft insert rule ip filter forward meta l4proto udp drop")

    def serve_turn(self) -> None:
        """coturn, for STUN and for TURN over UDP and TCP."""
        needs("turnserver", "coturn")
        config = self.folder / "turn.conf"
        config.write_text(_TURN)
        self.run(
            "internet",
            *("turnserver", "-v", "-c", str(config), "--log-file", str(self.folder / "turn.log"), "--simple-log"),
            *("--pidfile", str(self.folder / "turn.pid")),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait_for(SERVER, 3478)

    def serve_mailbox(self) -> subprocess.Popen[bytes]:
        """The mailbox server of magic-wormhole; what it stores survives a restart."""
        if importlib.util.find_spec("wormhole_mailbox_server") is None:
            pytest.skip("magic-wormhole-mailbox-server is not installed: pip install magic-wormhole-mailbox-server")
        with (self.folder / "mailbox.log").open("wb") as log:
            server = self.run(
                "internet",
                *(sys.executable, "-m", "twisted", "wormhole-mailbox", "--port", "tcp:4000:interface=192.0.2.2"),
                *("--channel-db", str(self.folder / "channel.sqlite")),
                stdout=log,
                stderr=log,
            )
        self._wait_for("192.0.2.2", 4000)
        return server

    def serve_mapping(self, home: str) -> None:
        """miniupnpd at the router of a home: PCP and NAT-PMP. It wants an external address that is public."""
        needs("miniupnpd", "miniupnpd-nftables")
        config = self.folder / "miniupnpd.conf"
        config.write_text(_MAPPING)
        self.do(f"router-{home}", "nft -f -", _MAPPED)
        with (self.folder / "miniupnpd.log").open("wb") as log:
            self.run(
                f"router-{home}",
                *("miniupnpd", "-d", "-f", str(config), "-P", str(self.folder / "miniupnpd.pid")),
                stdout=log,
                stderr=log,
            )
        for _ in range(100):
            if ":5351" in self.do(f"router-{home}", "ss -lun"):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "miniupnpd.log").read_text())

    def _wait_for(self, host: str, port: int) -> None:
        """Until a server of the internet takes connections."""
        probe = f"import socket; socket.create_connection(('{host}', {port}), 1)"
        for _ in range(100):
            words = [_IP, "netns", "exec", f"{self.prefix}internet", sys.executable, "-c", probe]
            if subprocess.run(words, capture_output=True, check=False).returncode == 0:  # noqa: S603
                return
            time.sleep(0.1)
        raise AssertionError(
            f"nobody listens at {host}:{port}: {[p.read_text()[-500:] for p in self.folder.glob('*.log')]}"
        )

    def down(self) -> None:
        """End every program that was started, and take everything away."""
        for program in self.programs:
            program.terminate()
        for program in self.programs:
            with suppress(subprocess.TimeoutExpired):
                program.wait(5)
            program.kill()
            program.wait()
            if program.stdout is not None:
                program.stdout.close()
        for place in self.namespaces:
            _ip(f"netns del {self.prefix}{place}")


@contextmanager
def laboratory(
    a: Router,
    b: Router,
    *,
    delayed: bool = False,
    same_lan: bool = False,
    udp_timeout: int = 30,
    wan_a: str = "198.51.100",
) -> Iterator[Laboratory]:
    """A laboratory with these two routers. Skips the test where it cannot be built."""
    possible()
    seconds = ROUND_TRIP / 2 / 2 if delayed else 0.0
    with tempfile.TemporaryDirectory(prefix="zrtp-lab-") as folder:
        lab = Laboratory(f"z{os.getpid()}-{time.monotonic_ns() % 100_000}-", Path(folder))
        try:
            lab.add("internet", forwarding=True)
            for address in (SERVER, "192.0.2.2"):
                lab.do("internet", f"ip addr add {address}/32 dev lo")
            _home(lab, "a", a, wan_a, "192.168.1", seconds, udp_timeout)
            _home(lab, "b", b, "203.0.113", "192.168.1" if same_lan else "192.168.178", seconds, udp_timeout)
            # Without a way to everywhere the relay would lose its socket by an error, which looks like failing ICE.
            lab.do("internet", f"ip route add default via {wan_a}.2")
            yield lab
        finally:
            lab.down()


def possible() -> None:
    """Skip the test unless a laboratory can be built here."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("network namespaces need root on Linux")
    needs("ip", "iproute2")
    needs("nft", "nftables")
    needs("ethtool", "ethtool")
    try:
        _ip(f"netns add zprobe{os.getpid()}")
    except AssertionError as error:
        pytest.skip(f"network namespaces cannot be made here, although this is root: {error}")
    _ip(f"netns del zprobe{os.getpid()}")


def needs(program: str, package: str) -> None:
    """Skip the test unless a program is installed."""
    if shutil.which(program) is None and not Path("/usr/sbin", program).exists():
        pytest.skip(f"{program} is not installed: apt-get install {package}")


def with_ipv6(lab: Laboratory) -> None:
    """Give both homes IPv6 without NAT, behind firewalls that let nothing in unasked."""
    lab.do("internet", "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.all.forwarding=1")
    for home in "ab":
        for place, forwarding in ((f"router-{home}", 1), (f"home-{home}", 0)):
            lab.do(place, f"sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.all.forwarding={forwarding}")
        lab.do("internet", f"ip -6 addr add 2001:db8:f{home}::1/64 dev to-{home} nodad")
        lab.do(f"router-{home}", f"ip -6 addr add 2001:db8:f{home}::2/64 dev wan nodad")
        lab.do(f"router-{home}", f"ip -6 addr add 2001:db8:{home}::1/64 dev lan nodad")
        lab.do(f"home-{home}", f"ip -6 addr add 2001:db8:{home}::10/64 dev eth0 nodad")
        lab.do(f"home-{home}", f"ip -6 route add default via 2001:db8:{home}::1")
        lab.do(f"router-{home}", f"ip -6 route add default via 2001:db8:f{home}::1")
        lab.do("internet", f"ip -6 route add 2001:db8:{home}::/64 via 2001:db8:f{home}::2")
        lab.do(f"router-{home}", "nft -f -", _FIREWALL)


def _home(lab: Laboratory, home: str, router: Router, wan: str, lan: str, seconds: float, udp_timeout: int) -> None:
    """A laptop, its router, and a cable to the internet."""
    laptop, gate, outside = f"home-{home}", f"router-{home}", ("internet", f"to-{home}", f"{wan}.1/24")
    lab.add(laptop)
    lab.add(gate, forwarding=True)
    if router is Router.PUBLIC:
        lan = {"a": "198.18.1", "b": "198.18.2"}[home]
    if router in (Router.CARRIER, Router.CARRIER_SYMMETRIC):
        carrier = f"carrier-{home}"
        lab.add(carrier, forwarding=True)
        lab.link((carrier, "wan", f"{wan}.2/24"), outside, seconds)
        lab.do(carrier, f"ip route add default via {wan}.1")
        lab.link((gate, "wan", "100.64.0.2/24"), (carrier, "lan", "100.64.0.1/24"))
        lab.do(gate, "ip route add default via 100.64.0.1")
        kind = Router.SYMMETRIC if router is Router.CARRIER_SYMMETRIC else Router.CONE
        lab.translate(carrier, kind, udp_timeout=udp_timeout)
    else:
        lab.link((gate, "wan", f"{wan}.2/24"), outside, seconds)
        lab.do(gate, f"ip route add default via {wan}.1")
    lab.link((laptop, "eth0", f"{lan}.10/24"), (gate, "lan", f"{lan}.1/24"))
    lab.do(laptop, f"ip route add default via {lan}.1")
    if router is Router.PUBLIC:
        lab.do("internet", f"ip route add {lan}.0/24 via {wan}.2")
    else:
        lab.translate(gate, router, udp_timeout=udp_timeout)


def _ip(arguments: str) -> None:
    done = subprocess.run([_IP, *arguments.split()], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, f"ip {arguments}: {done.stderr}"


def outputs(programs: Sequence[subprocess.Popen[bytes]], seconds: float) -> list[str]:
    """What the programs have written when they have ended."""
    deadline = time.monotonic() + seconds
    return [program.communicate(timeout=deadline - time.monotonic())[0].decode() for program in programs]


_IP = shutil.which("ip") or "/usr/sbin/ip"
_PROJECT = Path(__file__).resolve().parents[3]

_NAT = """
table ip nat {
  chain after {
    type nat hook postrouting priority 100;
    oifname "wan" meta l4proto { udp, tcp } HOW
    oifname "wan" masquerade
  }
}
table ip filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname { "lan", "lo" } accept
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
    ct status dnat accept
  }
}
"""

_FIREWALL = """
table ip6 filter {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
  }
}
"""

_MAPPED = """
table inet miniupnpd {
  chain forward { type filter hook forward priority 0; policy accept; jump miniupnpd; }
  chain miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority 100; policy accept; jump postrouting_miniupnpd; }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
}
"""

_MAPPING = """\
ext_ifname=wan
listening_ip=lan
enable_natpmp=yes
enable_upnp=no
secure_mode=yes
min_lifetime=120
max_lifetime=86400
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
uuid=bfbc6545-623c-4384-aa20-56b99c3461af
"""

_TURN = f"""\
listening-ip={SERVER}
relay-ip={SERVER}
listening-port=3478
lt-cred-mech
user={TURN_USER}:{TURN_PASSWORD}
realm=lab
no-tls
no-dtls
no-cli
fingerprint
no-multicast-peers
"""
