"""Models that run here, through transformers: classifiers, causal and sequence-to-sequence language models.

One instance serves all suites of a role. `backend.py` is the way in. `checking.py`, `folder.py` and `kinds.py`
look at files and load no model; `hardware.py` and `loading.py` bring the model up; `prompts.py` and `encoding.py` make
tokens of requests, `batching.py` batches of those; `classify.py`, `choose.py` and `generate.py` are the heads that
answer, `head.py` is what they share, and `watching.py` follows a text while it is written.
"""

from __future__ import annotations

from evalkit.backends.local.backend import Local

__all__ = ["Local"]
