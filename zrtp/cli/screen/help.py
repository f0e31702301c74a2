"""What the help of every call has at its end: keys and exit codes."""

from __future__ import annotations

from typing import Final

KEYS_AND_CODES: Final = """\
keys:
  y n l  they match, they differ, later: the answers while the words are compared
  q      hang up (so does Ctrl-C, with exit code 130)
  s      show how the call stands, and the words
  a      answer: the microphone opens   m  microphone off and on
  v      compare the words again        u  take "they match" back
  c      switch encryption off, if the other side allows it      e  on again

exit codes:
  0 call ended            2 wrong usage              3 the words differ      4 no ZRTP peer
  5 no key agreement      6 local failure            7 the peer vanished     8 sound came, none verified
  9 no way through        130 interrupted"""
