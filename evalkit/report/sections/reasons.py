"""What a reader must know besides the criteria: the reasons that no row, no slice and no banner says already."""

from __future__ import annotations

from evalkit.report.sections.banner import LEAD
from evalkit.report.view import TOO_SMALL, View

# How the reason of a pass ends, which the headline says with its count.
_ALL_HOLD = "; none fails or is in doubt"


def reasons(view: View) -> tuple[str, ...]:
    """The reasons in their order, without those that stand elsewhere on the page."""
    if not view.measured:
        return view.reasons[LEAD:]
    rows = {row.reason for row in view.criteria if row.reason}
    waived = tuple(f"waived: {each.criterion}, " for each in view.waivers)
    return tuple(
        each
        for each in view.reasons
        if TOO_SMALL not in each
        and not each.endswith(("?", _ALL_HOLD))
        and not each.startswith(waived)
        and not any(each.endswith(f": {reason}") for reason in rows)
        and not (view.regressed and each.startswith("worse beyond chance on "))
    )
