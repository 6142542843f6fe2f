"""What two answerers cost, of which the second is asked only where the first hands over. Any currency."""

from __future__ import annotations


def cascade_cost(first: float, second: float, deferred: float) -> float:
    """Cost of a request: the first always answers, the second on the share `deferred`, in [0, 1], as well."""
    if not 0.0 <= deferred <= 1.0:
        raise ValueError(f"a share lies between 0 and 1, not at {deferred}")
    return first + deferred * second


def saving_per_month(before: float, after: float, thousands: float, fixed: float = 0.0) -> float:
    """What is saved in a month of `thousands` of thousand requests; prices per thousand, `fixed` per month.

    Below 0 where the new way costs more.
    """
    return (before - after) * thousands - fixed


def break_even_months(one_off: float, saving: float) -> float | None:
    """Months until a saving per month has paid `one_off` back, >= 0; None, never, where nothing is saved."""
    return one_off / saving if saving > 0.0 else None
