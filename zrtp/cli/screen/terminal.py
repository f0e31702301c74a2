"""The terminal: what is written where, in which colour and width.

Results go to standard output, everything else to standard error; with `--json` standard output belongs to
machines, and all that is for people goes to standard error. Weight, colour and cursor movement only decorate: they
are left out for `--plain`, dumb terminals, and for a stream that is no terminal; NO_COLOR takes colour alone.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Final, TextIO

from zrtp.cli.errors import as_line
from zrtp.cli.screen import columns
from zrtp.cli.screen.decoration import understands_escapes
from zrtp.cli.screen.streams import Output

PREFIX: Final = "zrtp: "
NARROWEST: Final = 24
_DEFAULT_WIDTH: Final = 80
_CLEAR_LINE: Final = "\r\x1b[K"
_WEIGHTS: Final = {"bold": "1", "dim": "2"}
_COLOURS: Final = {"red": "31", "green": "32", "yellow": "33"}
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FOREIGN: Final = re.compile(r"(?!\r?\x1b\[K|\x1b\[[0-9;]*m)[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters that are not part of a sequence written here."""


class Terminal:
    """Writes whole lines, one line that grows, and one line at the bottom that changes.

    Raises CommandError the first time that a stream cannot be written, and leaves it alone after that.
    """

    def __init__(self, *, out: TextIO, err: TextIO, plain: bool = False, width: int | None = None) -> None:
        self._out = out
        self._err = err
        self._decorated = {stream: not plain and understands_escapes(stream) for stream in {out, err}}
        self._codes = _WEIGHTS if os.environ.get("NO_COLOR") else {**_WEIGHTS, **_COLOURS}
        self._outputs = {stream: Output(stream) for stream in {out, err}}
        self._width = width
        self._open: TextIO | None = None  # the stream on which a line is unfinished
        self._growing = ""
        self._asked = 0  # columns of the line of the question
        self._status = False

    @classmethod
    def of_process(cls, *, json: bool = False, plain: bool = False) -> Terminal:
        """Standard output and standard error; only the latter if the former is for machines."""
        return cls(out=sys.stderr if json else sys.stdout, err=sys.stderr, plain=plain)

    @property
    def width(self) -> int:
        """Columns of the terminal, 80 if there is none."""
        if self._width is not None:
            return self._width
        columns = os.environ.get("COLUMNS", "")
        if columns.isdecimal() and int(columns) > 0:
            return max(NARROWEST, int(columns))
        for stream in (self._out, self._err):
            try:
                return max(NARROWEST, os.get_terminal_size(stream.fileno()).columns)
            except (OSError, ValueError):
                continue
        return _DEFAULT_WIDTH

    @property
    def live(self) -> bool:
        """Whether a line at the bottom can change, which `status` needs."""
        return self._live_stream() is not None

    def result(self, text: str = "", *styles: str) -> None:
        """A line of a result."""
        self._line(self._out, text, styles)

    def show_marked(self, start: str, text: str, *styles: str) -> None:
        """A line of a result of which only the end is decorated."""
        self._line(self._out, (start + self.styled(self._out, text, styles)).rstrip(), ())

    def note(self, text: str, *styles: str) -> None:
        """A line about what is going on; too long ones are continued under the text."""
        for line in self._prefixed(text):
            self._line(self._err, line, styles)

    def detail(self, text: str, *styles: str) -> None:
        """A line that belongs to the note before it, for example a command to copy."""
        self._line(self._err, text, styles)

    def error(self, text: str, hint: str = "") -> None:
        """What went wrong, and what to do."""
        self.note(f"error: {as_line(text)}", "red")
        if hint:
            self.note(f"hint: {as_line(hint)}")

    def begin(self, text: str) -> None:
        """The beginning of a line that `finish` completes: at once on a terminal, otherwise only when it is."""
        self._close_line()
        self._growing = text
        if self._decorated[self._err]:
            self._write(self._err, PREFIX + text)
            self._open = self._err

    def aside(self, text: str) -> None:
        """A note; a line that is growing stays below it."""
        growing = self._growing if self._open is self._err and not self._status else ""
        if growing:
            self._write(self._err, _CLEAR_LINE)
            self._open = None
        self.note(text)
        if growing:
            self.begin(growing)

    @property
    def growing(self) -> bool:
        """Whether a line waits for `finish`."""
        return bool(self._growing)

    def begin_unless_begun(self, text: str) -> None:
        """The same, unless a line is growing already."""
        if not self._growing:
            self.begin(text)

    def finish(self, text: str) -> None:
        """The rest of the line that `begin` began; nothing happens without one."""
        if not self._growing:
            return
        begun, self._growing = self._growing, ""
        lines = "\n".join(self._prefixed(begun + text)) + "\n"
        if self._open is self._err and not self._status and lines.startswith(PREFIX + begun):
            self._open = None
            self._write(self._err, lines[len(PREFIX + begun) :])
        else:
            self.note(begun + text)

    def status(self, *texts: str) -> None:
        """The line at the bottom, replaced by the next one and by anything else; only where a cursor can move.

        The first of the texts that fits, otherwise as much of the last one as does.
        """
        stream = self._live_stream()
        if stream is None or (self._open is not None and not self._status):
            return
        room = self.width - 1
        text = next((text for text in texts if columns.width(text) <= room), columns.cut(texts[-1], room))
        self._write(stream, _CLEAR_LINE + self.styled(stream, text, ("dim",)))
        self._open, self._status = stream, True

    def question(self, text: str, indent: str = " ") -> None:
        """What stands above `ask`, on the same stream."""
        for line in self.wrapped(text, indent):
            self._line(self._asking, line, ())

    def ask(self, text: str) -> None:
        """What can be answered, on whichever stream is a terminal; the answer is typed behind it."""
        self._close_line()
        stream = self._asking
        self._asked = columns.width(text)
        self._write(stream, text if stream.isatty() else text + "\n")
        if stream.isatty():
            self._open = stream

    def end_question(self, text: str = "") -> None:
        """Complete the line of the question; `text` stands for a key that was not echoed. What does not fit into the
        line stands below it."""
        if self._asked + columns.width(text) > self.width:
            text = f"\n  {text}"
        if self._open is not None:
            self._write(self._open, text + "\n")
            self._open = None

    def forget_question(self) -> None:
        """The person completed the line of the question with Enter."""
        self._open = None

    def end(self) -> None:
        """Leave the cursor at the beginning of a line."""
        self._close_line()

    def shows(self, text: str) -> bool:
        """Whether results can contain these characters, as far as this computer says.

        The console of Linux has few of them; whoever sets the locale C has a terminal for ASCII.
        """
        if text.isascii():
            return True
        console = self._out.isatty() and os.environ.get("TERM") == "linux"
        if console or os.environ.get("LC_ALL") in ("C", "POSIX"):
            return False
        try:
            text.encode(self._out.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def wrapped(self, text: str, indent: str = " ") -> list[str]:
        """The text in lines that fit the width."""
        return columns.wrapped(text, self.width, first=indent, rest=indent)

    def styled(self, stream: TextIO, text: str, styles: tuple[str, ...]) -> str:
        """The text in these styles, if the stream shows any."""
        if not styles or not self._decorated[stream]:
            return _ESCAPE.sub("", text)
        codes = ";".join(self._codes[style] for style in styles if style in self._codes)
        return f"\x1b[{codes}m{text}\x1b[0m" if codes else text

    def dim(self, text: str) -> str:
        """Part of a result line that matters less."""
        return self.styled(self._out, text, ("dim",))

    def bold(self, text: str) -> str:
        """Part of a result line that matters most."""
        return self.styled(self._out, text, ("bold",))

    def _prefixed(self, text: str) -> list[str]:
        text = _CONTROL.sub(_named, text)
        if columns.width(PREFIX + text) <= self.width or not self._decorated[self._err]:
            return [PREFIX + text]
        return columns.wrapped(text, self.width, first=PREFIX, rest=" " * len(PREFIX), whole_words=True)

    def _line(self, stream: TextIO, text: str, styles: tuple[str, ...]) -> None:
        self._close_line()
        self._write(stream, (self.styled(stream, text, styles) if styles else text) + "\n")

    def _close_line(self) -> None:
        if self._open is not None:
            self._write(self._open, _CLEAR_LINE if self._status else "\n")
        self._open, self._status = None, False

    @property
    def _asking(self) -> TextIO:
        return self._out if self._out.isatty() or not self._err.isatty() else self._err

    def _live_stream(self) -> TextIO | None:
        return next((stream for stream in (self._out, self._err) if self._decorated[stream]), None)

    def _write(self, stream: TextIO, text: str) -> None:
        """What words from elsewhere, such as the name of a file, would make the terminal do is shown instead."""
        self._outputs[stream].write(_FOREIGN.sub(_named, text))


def _named(control: re.Match[str]) -> str:
    return f"\\x{ord(control[0]):02x}"
