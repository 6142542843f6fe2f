"""Policy × Estimates → Verdict. Sees numbers and facts about suites, never pairs or models.

    asking → judging → deciding

It fails closed: what is missing, unknown or undefined can end in fail, inconclusive or a skip that is listed, and
never in pass. docs/adr/0003 says why.
"""

from evalkit.gate.asking import Agenda, Asked, Champion, agenda, check_names
from evalkit.gate.deciding import decide, slips, undecided, ungated, word_of
from evalkit.gate.judging import beside, judge, judged
from evalkit.gate.reach import per_cent, unmissable, wrong_way

__all__ = [
    "Agenda",
    "Asked",
    "Champion",
    "agenda",
    "beside",
    "check_names",
    "decide",
    "judge",
    "judged",
    "per_cent",
    "slips",
    "undecided",
    "ungated",
    "unmissable",
    "word_of",
    "wrong_way",
]
