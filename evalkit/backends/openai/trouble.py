"""What can come of one attempt to ask, besides an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["unreachable", "connection", "timeout", "busy", "server", "malformed"]


@dataclass(frozen=True, slots=True)
class Said:
    """What a server said in place of an answer. `filtered`: its content filter would not have the question."""

    message: str
    code: str | None = None
    param: str | None = None
    filtered: bool = False


class Passing(Exception):
    """It may go better the next time. `retry_after_s` is the server's own wish."""

    def __init__(self, kind: Kind, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.retry_after_s = kind, reason, retry_after_s


class Refused(Exception):
    """The server will not have this request, however often it is asked."""

    def __init__(self, status: int, said: Said) -> None:
        super().__init__(said.message)
        self.status, self.said = status, said


class Failed(Exception):
    """No answer to this request: what its output will say."""

    def __init__(self, status: Literal["error", "timeout"], reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Malformed(Passing):
    """A reply that is not what the protocol says."""

    def __init__(self, reason: str) -> None:
        super().__init__("malformed", reason)
