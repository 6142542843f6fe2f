"""Intraclass correlation and design effect, against published numbers and the standard error that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.groups import design_effect, group_size, intraclass_correlation
from evalkit.stats.mean import cluster_mean, mean_interval

# Six targets judged by four judges: table 2 of Shrout and Fleiss (1979), who give ICC(1) = 0.17.
JUDGED = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_the_correlation_is_that_of_shrout_and_fleiss() -> None:
    groups = np.repeat(np.arange(6), 4)
    found = intraclass_correlation(np.ravel(JUDGED), groups)
    assert found == pytest.approx(0.1657, abs=1e-4)


def test_groups_that_are_all_alike_inside_correlate_fully() -> None:
    assert intraclass_correlation([0, 0, 1, 1, 1], [0, 0, 1, 1, 1]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "groups"), [([1.0, 1.0, 1.0], [0, 0, 1]), ([1.0, 2.0], [0, 0]), ([1.0, 2.0, 3.0], [0, 1, 2])]
)
def test_where_nothing_can_be_said_nothing_is(values: list[float], groups: list[int]) -> None:
    assert intraclass_correlation(values, groups) is None


def test_an_example_is_more_often_in_a_large_group() -> None:
    assert group_size([0, 1, 1, 1]) == pytest.approx(10 / 4)
    assert group_size([3, 3, 4, 4]) == 2
    with pytest.raises(ValueError, match="no example"):
        group_size([])


def test_the_design_effect_is_how_much_the_clustered_variance_is_larger() -> None:
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 6, 600)
    groups = np.repeat(np.arange(600), sizes)
    shared = rng.normal(size=600)[groups]
    values = np.round(0.7 * shared + rng.normal(size=len(groups)))
    plain, robust = mean_interval(values, 0.9), cluster_mean(values, groups, 0.9)
    assert plain is not None
    assert robust is not None
    correlation = intraclass_correlation(values, groups)
    assert correlation is not None
    ratio = ((robust.high - robust.low) / (plain.high - plain.low)) ** 2
    assert design_effect(group_size(groups), correlation) == pytest.approx(ratio, rel=0.1)


def test_independent_examples_count_one_each() -> None:
    assert design_effect(4.0, 0.0) == design_effect(4.0, -0.2) == design_effect(1.0, 0.7) == 1.0
    assert design_effect(4.0, 1.0) == 4.0
