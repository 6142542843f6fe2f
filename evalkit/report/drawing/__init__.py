"""Drawings as SVG text: points in, marks out. Standard library only.

Templates call them by the names of DRAWINGS. Colours are presentation attributes, so that marks survive a server that
blocks the page's style sheet; the sheet overrides them by class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

DRAWINGS: Mapping[str, Callable[..., str]] = {}
