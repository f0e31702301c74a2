"""Real programs exchange sound, both ways, under keys that `zrtp agree` handed to them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.ports import free_udp_ports
from tests.interop.process import Process
from tests.interop.requirements import MEDIASTREAM, Peer
from tests.proxy.real.bed import wait_until
from tests.support import tones

pytestmark = pytest.mark.long

HERTZ = {"alice": 440, "bob": 700}
OTHER = {"alice": "bob", "bob": "alice"}
HEARD, ENOUGH = "heard.wav", "enough"
LONGEST = 60
"""Seconds for which the programs speak at most."""


def program(name: str, package: str) -> Peer:
    return Peer(name, package, lambda: "" if shutil.which(name) else f"The program {name} is not installed.")


FFMPEG = program("ffmpeg", "ffmpeg")
GSTREAMER = program("gst-launch-1.0", "gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad")


def talk(tmp_path: Path, form: str, options: Callable[[Path, int], list[str]]) -> dict[str, list[int]]:
    """Two of the same program, each beside an `agree`: what each heard. `options` has the folder and the tone.

    The programs speak until a file says that it is enough: each begins when it comes to it, which may take a while.
    """
    port = free_udp_ports(4)
    sides = {
        "bob": ["--listen", f"127.0.0.1:{port}"],
        "alice": [f"127.0.0.1:{port}", "--bind", f"127.0.0.1:{port + 2}"],
    }
    running = {}
    for name, where in sides.items():
        folder = tmp_path / name
        folder.mkdir()
        tones.write_wav(folder / "tone.wav", tones.sine(HERTZ[name], LONGEST))
        command = [sys.executable, "-m", "zrtp", "agree", *where, "--cache", "none", "--verify", "later"]
        command += ["--format", form, *options(folder, HERTZ[name])]
        environment = {"PYTHONPATH": str(Path(__file__).parents[3]), "HOME": str(folder)}
        running[name] = Process(command, folder, environment)
    try:
        for process in running.values():
            assert process.wait_for("NOT VERIFIED", 60), process.output
        for name, process in running.items():
            wait_until(
                lambda name=name: enough(tmp_path / name / HEARD, HERTZ[OTHER[name]]),  # type: ignore[misc]
                f"{name} hears nothing",
                LONGEST,
                process=process,
            )
    finally:
        (tmp_path / ENOUGH).touch()
        for process in running.values():
            process.end(30)
            print(process.output)
    return {name: tones.read_wav(tmp_path / name / HEARD)[0] for name in sides}


def enough(heard: Path, hertz: int) -> bool:
    """Whether that tone was heard for two seconds altogether; a file may still be growing, or be without its header."""
    if not heard.exists() or heard.stat().st_size < 2 * 2 * tones.TELEPHONE_RATE:
        return False
    return seconds_of(tones.read_wav(heard)[0], hertz) >= 2


def assert_heard(heard: dict[str, list[int]]) -> None:
    """The other's tone, for two seconds altogether: the two programs begin and end when each of them comes to it."""
    assert seconds_of(heard["alice"], HERTZ["bob"]) >= 2
    assert seconds_of(heard["bob"], HERTZ["alice"]) >= 2


def seconds_of(samples: list[int], hertz: int) -> float:
    """For how long that tone is most of what is heard."""
    quarter = tones.TELEPHONE_RATE // 4
    stretches = [samples[at : at + quarter] for at in range(0, len(samples), quarter)]
    return sum(tones.share(stretch, hertz) > 0.5 for stretch in stretches) / 4


def script(folder: Path, text: str) -> str:
    """A shell script whose program in the background is asked to end, as by Ctrl-C, when enough was heard."""
    path = folder / "program.sh"
    path.write_text(f"{text}until [ -e {folder.parent / ENOUGH} ]; do sleep 0.1; done\nkill -INT $!\nwait\n")
    return f"sh {path}"


def test_ffmpeg(tmp_path: Path) -> None:
    FFMPEG.require()

    def options(folder: Path, hertz: int) -> list[str]:
        both = script(
            folder,
            f"""\
ffmpeg -loglevel error -re -i {folder}/tone.wav -c:a pcm_mulaw -f rtp \\
    -srtp_out_suite "$2" -srtp_out_params "$3" "srtp://$4:$5?pkt_size=172" >/dev/null &
ffmpeg -loglevel error -y -protocol_whitelist file,udp,rtp,srtp,crypto -i "$1" -t 3 -ar 8000 {folder}/{HEARD}
""",
        )
        exec_it = f"{both} {{keys}} {{suite}} {{send_key}} {{remote_host}} {{remote_port}}"
        return ["--keys-by", "file", "--expose-keys", "--exec", exec_it]

    assert_heard(talk(tmp_path, "ffmpeg", options))


def test_mediastream(tmp_path: Path) -> None:
    MEDIASTREAM.require()

    def options(folder: Path, hertz: int) -> list[str]:
        files = f"--payload 0 --infile {folder}/tone.wav --outfile {folder}/{HEARD}"
        one = script(folder, f'mediastream {files} "$@" &\n')
        values = "--local {port} --remote {remote_host}:{remote_port} --srtp {send_key} {receive_key}"
        return ["--expose-keys", "--exec", f"{one} {values}"]

    assert_heard(talk(tmp_path, "mediastream", options))


def test_gstreamer(tmp_path: Path) -> None:
    GSTREAMER.require()

    def options(folder: Path, hertz: int) -> list[str]:
        one = script(
            folder,
            f"""\
caps="application/x-srtp, media=(string)audio, clock-rate=(int)8000, encoding-name=(string)PCMU, payload=(int)0"
caps="$caps, ssrc=(uint)1000, srtp-key=(buffer)$2, srtp-cipher=(string)aes-128-icm, srtp-auth=(string)hmac-sha1-80"
caps="$caps, srtcp-cipher=(string)aes-128-icm, srtcp-auth=(string)hmac-sha1-80"
gst-launch-1.0 -q \\
    audiotestsrc is-live=true freq={hertz} ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay ssrc=1000 \\
    ! srtpenc key="$1" rtp-cipher=aes-128-icm rtp-auth=hmac-sha1-80 rtcp-cipher=aes-128-icm rtcp-auth=hmac-sha1-80 \\
    ! udpsink host="$4" port="$5" &
gst-launch-1.0 -q udpsrc num-buffers=30 port="$3" caps="$caps" \\
    ! srtpdec ! rtpjitterbuffer ! rtppcmudepay ! mulawdec ! wavenc ! filesink location={folder}/{HEARD}
""",
        )
        values = "{send_hex} {receive_hex} {port} {remote_host} {remote_port}"
        return ["--cipher", "AES1", "--auth-tag", "HS80", "--expose-keys", "--exec", f"{one} {values}"]

    assert_heard(talk(tmp_path, "gstreamer", options))
