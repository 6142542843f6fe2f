"""P-values adjusted for many tests at once; an adjusted p-value below alpha rejects at alpha.

All take p-values in [0, 1] and give as many back, in the same order; an empty list gives an empty array. ValueError for
a value outside [0, 1]. All but Holm come from statsmodels `multipletests`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats


def holm(p: ArrayLike) -> Floats:
    """Holm's step-down: the chance of any false rejection is at most alpha, whatever the dependence. Holm (1979).

    Written out because every gate calls it, and importing statsmodels takes longer than the rest of a verdict.
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0) if values.size else scaled
    return adjusted


def hochberg(p: ArrayLike) -> Floats:
    """Hochberg's step-up: as Holm but never larger; holds for independent or positively dependent tests. (1988)."""
    return _adjusted(p, "simes-hochberg")


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """The share of false rejections is at most alpha on average (independent or positively dependent). (1995)."""
    return _adjusted(p, "fdr_bh")


def benjamini_yekutieli(p: ArrayLike) -> Floats:
    """As Benjamini-Hochberg, whatever the dependence; larger. Benjamini and Yekutieli (2001)."""
    return _adjusted(p, "fdr_by")


def _checked(p: ArrayLike) -> Floats:
    values = floats(p).ravel()
    # Written so that nan is refused as well.
    if not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError("a p-value lies in [0, 1]")
    return values


def _adjusted(p: ArrayLike, method: str) -> Floats:
    values = _checked(p)
    if values.size == 0:
        return values
    from statsmodels.stats.multitest import multipletests

    return floats(multipletests(values, method=method)[1])
