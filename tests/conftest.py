"""Plugins of the whole suite."""

pytest_plugins = ("tests.interop.matrix", "tests.lanes", "tests.support.cpu", "tests.support.figures")
