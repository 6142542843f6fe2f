"""Server-sent events, as far as they carry data: bytes in, the data of each event out.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html. Comments (lines that begin with a colon)
keep a connection awake and say nothing; the names and ids of events are not used by this protocol.
"""

from __future__ import annotations

from evalkit.backends.openai.trouble import Malformed


class Events:
    """Takes a stream in pieces of any size."""

    def __init__(self) -> None:
        # What came of a line that has not ended. A list, so that a long line in small pieces is put together once.
        self._rest: list[bytes] = []
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[str]:
        """The data of the events that are complete by now. Raises Malformed for bytes that are no text."""
        self._rest.append(piece)
        if b"\n" not in piece and b"\r" not in piece:
            return []
        whole = b"".join(self._rest)
        # A lone carriage return at the end may be half of a line break.
        held = b"\r" if whole.endswith(b"\r") else b""
        *lines, rest = _lines(whole.removesuffix(held))
        self._rest = [rest + held]
        return [event for line in lines for event in self._line(line)]

    def end(self) -> list[str]:
        """The last event, where the stream ends without the blank line that should close it."""
        rest, self._rest = b"".join(self._rest), []
        return [event for line in (*_lines(rest), b"") for event in self._line(line)]

    def _line(self, line: bytes) -> list[str]:
        if not line:
            found, self._data = self._data, []
            return ["\n".join(found)] if found else []
        name, _, value = line.partition(b":")
        if name == b"data":
            try:
                self._data.append(value.removeprefix(b" ").decode("utf-8"))
            except UnicodeDecodeError:
                raise Malformed("the stream is not UTF-8") from None
        return []


def _lines(text: bytes) -> list[bytes]:
    """Ended by a line feed, a carriage return or both; what comes after the last of them is the last."""
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
