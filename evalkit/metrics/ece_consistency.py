"""Is an ECE more than noise? Even a perfectly honest model shows one on few examples.

Labels are drawn anew from the stated confidences, as if these were true, and the ECE is compared with those of such
labels (Broecker and Smith 2007). A small p-value speaks against the model; a large one says only that these examples
cannot tell its ECE from noise.
"""

from __future__ import annotations

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.accuracy import lost
from evalkit.metrics.calibration import applies, with_probabilities
from evalkit.metrics.intervals import p_value
from evalkit.stats.ece_consistency import ece_consistency
from evalkit.streams import stream
from evalkit.table import PairTable
from evalkit.types import Measured


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """p of both models' ECE (15 equal-width bins); the method says what ECE noise alone gives.

    A failed output counts as certain and wrong, as in the ECE itself; no confidence of 1 is ever wrong by noise.
    Examples are taken as independent, also where they have groups.
    """
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    usable, reason = with_probabilities(pairs)
    found = undefined(FAMILY, reason)
    for role, side in usable.items():
        # One stream for both: equal confidences get equal labels, so a copy of the teacher has its p-value.
        rng = stream(setting.seed, "consistency", *setting.names)
        seen = ece_consistency(side.confidence, side.correct, rng)
        method = (
            f"consistency resampling, {seen.draws} draws: ECE {seen.ece:.4f}; noise alone gives {seen.mean:.4f}, "
            f"up to {seen.high:.4f} in 95% of draws"
        )
        if pairs.group is not None:
            method += "; examples of a group taken as independent"
        found[f"calibration.ece_consistency_p.{role}"] = p_value(seen.p, pairs.n, setting, method)
    return found


FAMILY = Family(
    name="ece_consistency",
    measure=measure,
    applies=applies,
    against=lost,
    slices="declared",
    metrics=tuple(
        Metric(
            name=f"calibration.ece_consistency_p.{role}",
            direction="neutral",
            unit="p-value",
            bounds=(0, 1),
            compares=False,
        )
        for role in ("teacher", "student")
    ),
)
