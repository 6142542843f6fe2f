"""Models behind a server that speaks the OpenAI protocol, over HTTP.

`backend.py` is the way in. `chat.py` and `likelihood.py` make requests of questions and outputs of replies;
`reading.py`, `complaining.py` and `events.py` take replies apart and touch no network; `client.py` sends, waits, tries
again and gives up; `backoff.py`, `naming.py`, `refusing.py` and `secret.py` are what it goes by.
"""

from __future__ import annotations

from evalkit.backends.openai.backend import OpenAI

__all__ = ["OpenAI"]
