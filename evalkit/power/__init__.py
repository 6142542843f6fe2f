"""How many examples it takes to show that a student loses no more than a margin, and what a suite can show.

    assumed | pilot → planning → words

Assumptions are a user's (`assumed`) or come from a finished run (`pilot`); refusals are planned apart (`refusals`).
"""

from evalkit.power.assumed import Assumed, Target, check
from evalkit.power.pilot import Asked, pilot_answers, pilot_sentences
from evalkit.power.planning import plan_power, sentences, unlike_groups
from evalkit.power.refusals import NAMED_BOUNDS, refusal_power, refusal_sentences

__all__ = [
    "NAMED_BOUNDS",
    "Asked",
    "Assumed",
    "Target",
    "check",
    "pilot_answers",
    "pilot_sentences",
    "plan_power",
    "refusal_power",
    "refusal_sentences",
    "sentences",
    "unlike_groups",
]
