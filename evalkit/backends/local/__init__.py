"""Models that run here, through transformers: classifiers, causal and sequence-to-sequence language models.

One instance serves all suites of a role. `backend.py` is the way in. `folder.py`, `kinds.py` and `facts.py` look at
files and need no torch; `hardware.py` and `loading.py` bring the model up; `prompts.py` and `encoding.py` make tokens
of requests; `classify.py`, `choose.py` and `generate.py` are the heads that answer.
"""

from __future__ import annotations

from evalkit.backends.local.backend import Local

__all__ = ["Local"]
