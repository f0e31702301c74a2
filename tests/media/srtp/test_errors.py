"""One `except` is enough for every refused packet."""

from __future__ import annotations

from tests.support.cases import every
from zrtp.errors import SrtpError, ZrtpError
from zrtp.media.srtp import errors as srtp_errors


@every(
    "kind",
    [
        srtp_errors.SrtpMalformed,
        srtp_errors.SrtpReplayed,
        srtp_errors.SrtpNotAuthentic,
        srtp_errors.SrtpTooManySources,
        srtp_errors.SrtpKeyExhausted,
    ],
)
def test_every_refusal_is_an_srtp_error_named_in_the_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, SrtpError)
    assert issubclass(kind, ZrtpError)
    assert srtp_errors.__doc__ is not None
    assert kind.__name__ in srtp_errors.__doc__
