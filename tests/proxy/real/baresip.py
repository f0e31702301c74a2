"""A real baresip (Debian's baresip-core) in a home of its own: plays a tone, records what it hears."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Self

from tests.interop.ports import LOOPBACK, free_udp_ports
from tests.interop.process import Process
from tests.support import tones

SECONDS_TO_PLAY = 60
_MODULES = "g711 aufile aubridge sndfile srtp dtls_srtp".split()  # noqa: SIM905
_VIDEO_MODULES = "fakevideo vp8".split()  # noqa: SIM905

_VIDEO = """\
video_source fakevideo,nil
video_display fakevideo,nil
video_size 176x144
video_fps 5
"""

CONFIG = """\
sip_listen {host}:{sip}
net_interface {host}
rtp_ports {rtp}-{last}
audio_player aubridge,sink
audio_source aufile,{folder}/tone.wav
audio_alert aufile,{folder}/none.wav
ring_aufile none
module_path /usr/lib/baresip/modules
{modules}
snd_path {folder}
module_tmp uuid.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control}
{more}
"""


class Baresip:
    """One phone, registered. To be ended, best by `with`."""

    def __init__(
        self,
        folder: Path,
        user: str,
        server: str,
        *,
        outbound: str = "",
        play: int = 440,
        encryption: str = "",
        video: bool = False,
    ) -> None:
        """`outbound` is its proxy; `encryption` one of baresip's own, "srtp-mand" or "dtls_srtp"."""
        folder.mkdir(parents=True)
        self._folder = folder
        self.user = user
        self.tone = play
        sip, rtp, self._control = free_udp_ports(2), free_udp_ports(16), free_udp_ports(2)
        self.rtp_ports = range(rtp, rtp + 16)
        tones.write_wav(folder / "tone.wav", tones.sine(play, SECONDS_TO_PLAY))
        modules = [*_MODULES, *(_VIDEO_MODULES if video else [])]
        config = CONFIG.format(
            host=LOOPBACK,
            sip=sip,
            rtp=rtp,
            last=rtp + 15,
            folder=folder,
            control=self._control,
            modules="\n".join(f"module {name}.so" for name in modules),
            more=_VIDEO if video else "",
        )
        (folder / "config").write_text(config)
        account = f"<sip:{user}@{server}>;auth_user={user};auth_pass={user}-secret;regint=600;answermode=auto"
        account += ";audio_codecs=pcmu/8000/1"
        account += f';outbound="sip:{outbound}"' if outbound else ""
        account += f";mediaenc={encryption}" if encryption else ""
        account += ";answer_any=yes" if video else ""
        (folder / "accounts").write_text(account + "\n")
        (folder / "contacts").write_text("")
        self._process = Process(["baresip", "-f", str(folder)], folder, {"HOME": str(folder)})
        if self._process.wait_for("200 OK", 15) is None:
            output = self._process.output
            self._process.end(0)
            raise RuntimeError(f"baresip did not register: {output[-2000:]}")

    @property
    def output(self) -> str:
        """What it printed."""
        return self._process.output

    def command(self, name: str, parameters: str = "") -> None:
        """A command of its menu: dial, hold, resume, hangup."""
        message = json.dumps({"command": name, "params": parameters, "token": "t"}).encode()
        with socket.create_connection((LOOPBACK, self._control), 5) as control:
            control.sendall(b"%d:%s," % (len(message), message))
            control.settimeout(2)
            answer = control.recv(65536)
        assert b'"ok":true' in answer or b'"event":true' in answer, answer

    def hears(self, seconds: float = 1.0) -> list[int]:
        """What it heard in the last seconds, as samples of its newest recording."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            found = sorted(self._folder.glob("dump*-dec.wav"), key=lambda path: path.stat().st_mtime)
            if found and found[-1].stat().st_size > 44 + 16000 * seconds:
                samples, _ = tones.read_wav(found[-1])
                return samples[-round(8000 * seconds) :]
            time.sleep(0.1)
        return []

    def end(self) -> None:
        self._process.interrupt()
        self._process.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
