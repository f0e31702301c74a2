"""Options of the whole suite."""

from hypothesis import settings

pytest_plugins = ("tests.interop.matrix",)

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
