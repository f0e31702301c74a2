"""SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714) for the keys that ZRTP negotiates.

One `SrtpSender` and one `SrtpReceiver` serve one media stream for as long as its keys are in use. New keys mean
new objects. The keys of an object cannot be changed, so its packet numbers can never start again under the same
key (RFC 3711 section 3.3.1). Not supported: MKI, key derivation rates other than 0, encrypted header extensions
(RFC 6904).

Each packet takes the same steps: find header and source, estimate the index, refuse one that was used, and note
the index as used only after the transform has succeeded. A refused packet changes nothing but a counter.

One owner, no locks: an object must not be used by two threads at once.
"""

from __future__ import annotations

from zrtp.door import need_instance
from zrtp.errors import ApiMisuse
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.receiver import SrtpReceiver
from zrtp.media.srtp.sender import SrtpSender
from zrtp.media.srtp.tags import ShortSrtcpTag, SrtcpTags
from zrtp.protocol.events import SrtpKeys

__all__ = ["ShortSrtcpTag", "SrtcpTags", "SrtpProfile", "SrtpReceiver", "SrtpSender", "srtp_pair"]


def srtp_pair(
    send: SrtpKeys, receive: SrtpKeys, short_srtcp_tag: ShortSrtcpTag = ShortSrtcpTag.FOLLOW
) -> tuple[SrtpSender, SrtpReceiver]:
    """Both directions of a stream, from the keys of the engine's KeysReady event.

    Raises ApiMisuse if the directions differ in algorithm, or share a key: the same keystream
    would then encrypt both.
    """
    for keys in (send, receive):
        need_instance("Each direction", keys, SrtpKeys, "a zrtp.SrtpKeys, of KeysReady")
    if (send.cipher, send.auth_tag) != (receive.cipher, receive.auth_tag):
        raise ApiMisuse("Both directions of a stream use the algorithms of one ZRTP exchange.")
    if send.key == receive.key:
        raise ApiMisuse("The two directions of a stream must not share a master key.")
    profile = SrtpProfile.of(send.cipher, send.auth_tag)
    tags = SrtcpTags(profile, short_srtcp_tag)
    return (
        SrtpSender(profile, send.key, send.salt, srtcp_tags=tags),
        SrtpReceiver(profile, receive.key, receive.salt, srtcp_tags=tags),
    )
