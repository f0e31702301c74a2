"""A public-key operation that the program runs elsewhere, so that it does not hold up the media.

Nothing else in a key agreement takes long: an operation takes from half a millisecond to several, on a small computer
tens of them. A session made with `offload=True` hands it out instead of performing it:

    stream.receive_datagram(datagram, now)
    while (work := session.work_to_do()) is not None:
        executor.submit(work.run)                   # in any thread
    ...
    session.work_done(work, now)                    # in the owner's thread, when `run` has returned

Until then the stream stands where it was; other messages of the exchange are dropped, for the peer repeats them.

Threads help where the operation lets go of the interpreter: on a Python without the global lock, or with a key
agreement that waits for a token or another machine. `cryptography` keeps the lock, and DH3k takes half a millisecond:
there, running the operation at once disturbs sound no more than handing it out does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from zrtp.errors import ApiMisuse
from zrtp.protocol.states import State
from zrtp.secret import Secret

Operation: TypeAlias = Callable[[], Secret]
GoOn: TypeAlias = Callable[[Secret, float], State]
"""The rest of a handler: takes DHResult and the time, returns the next state."""


class Work:
    """One operation; touches nothing but the key pair that it belongs to."""

    __slots__ = ("_error", "_operation", "_result", "go_on")

    def __init__(self, operation: Operation, go_on: GoOn) -> None:
        self.go_on = go_on
        self._operation = operation
        self._result: Secret | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        """Perform it, once. Never raises: a failure is the result as well."""
        try:
            self._result = self._operation()
        except Exception as error:  # whatever it is, it is raised where the result is wanted
            self._error = error

    def result(self) -> Secret:
        """DHResult. Raises what the operation raised, and ApiMisuse before `run`."""
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise ApiMisuse("This work has not been done: call run before work_done.")
        return self._result

    def discard(self) -> None:
        """Nobody wants the result any more."""
        if self._result is not None:
            self._result.wipe()
