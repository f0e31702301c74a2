"""Plugins of the whole suite, and the signals that it starts with."""

from __future__ import annotations

import signal

pytest_plugins = ("tests.interop.matrix", "tests.lanes", "tests.support.cpu", "tests.support.figures")


def pytest_configure() -> None:
    """Whoever starts the tests may ignore signals, as nohup does, and the programs that they start would inherit that.
    What has a handler here has none there.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
