"""The sentences in which a call's person is told what they have to know."""

from __future__ import annotations

from typing import Final

NO_ZRTP: Final = "{} has no ZRTP, and nothing of this call leaves in clear."
FAILED: Final = "The key agreement with {} failed, and nothing of this call leaves in clear. {}"
CLEAR: Final = "NOT ENCRYPTED: {} has no ZRTP, and everybody on the way can hear this call."
NOTHING_LEFT: Final = "The call was refused: none of its media can be protected here"
OWN_ENCRYPTION: Final = (
    "The phone encrypts {} by itself; this proxy leaves that alone and cannot say who could hear it."
)
OPTIONAL_KEYS: Final = (
    "The phone offers {} with keys of its own that the other side may ignore, so it could leave in clear and was "
    "refused. Switch encryption off in the phone: this proxy encrypts."
)
NOT_RTP: Final = "The phone's {} cannot be protected and was refused."
PASSES_BY: Final = "The {} of this call passes without protection."
PHONE_IS_SILENT: Final = "The phone's sound does not come here any more: it may take another way, unprotected."
PHONE_IS_BACK: Final = "The phone's sound comes here again."
PLAIN_ARRIVES: Final = "The other side sends in clear; that is not passed on."
SOMEBODY_ELSE: Final = "Somebody else is at the other end now: compare the words again."
ALARM: Final = "The words differ: somebody is listening in between. The sound is cut off. Hang up."
