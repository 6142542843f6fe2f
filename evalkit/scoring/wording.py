"""The words of an output that a scorer reads, and those in which it gives its reasons."""

from __future__ import annotations

from evalkit.types import Output


def wording(output: Output) -> str:
    """What the model wrote, or else the label that it picked; without the space around it."""
    return (output.text if output.text is not None else output.label or "").strip()


def joined(*reasons: str) -> str:
    """Several reasons as one; empty ones are none."""
    return "; ".join(each for each in reasons if each)
