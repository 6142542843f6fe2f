"""Wrong answers that meet: against loops over pairs, scipy's binomial test, and answers that are really dealt out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, ttest_1samp

from evalkit.stats.coincidence import beyond_chance, coincidence, grouped_p, known_chance_p, permutation_p
from evalkit.stats.mean import mean_interval
from evalkit.stats.proportion import clopper_pearson

Answers = NDArray[np.int64]
Rows = tuple[Answers, Answers, Answers]


def some(seed: int, n: int, golds: int = 2, classes: int = 4) -> Rows:
    """Teacher, student and gold, with answers of no class among them."""
    rng = np.random.default_rng(seed)
    return rng.integers(-1, classes, n), rng.integers(-1, classes, n), rng.integers(golds, size=n)


def by_loops(rows: Rows, keep: Sequence[int]) -> tuple[float, float, int] | None:
    """Observed, chance and rows, from all pairs of wrong answers in different rows of a gold class."""
    teacher, student, gold = rows
    both = met = expected = 0.0
    for truth in set(gold.tolist()):
        here = [i for i in keep if gold[i] == truth]
        one, other = [i for i in here if teacher[i] != truth], [i for i in here if student[i] != truth]
        pairs = [(i, j) for i in one for j in other if i != j]
        if pairs:
            shared = [i for i in one if i in other]
            both += len(shared)
            met += sum(teacher[i] == student[i] >= 0 for i in shared)
            expected += len(shared) * sum(teacher[i] == student[j] >= 0 for i, j in pairs) / len(pairs)
    return (met / both, expected / both, int(both)) if both else None


seeds = st.integers(0, 10**6)


@given(seed=seeds, n=st.integers(1, 14))
def test_chance_is_the_share_of_equal_answers_among_pairs_of_other_rows(seed: int, n: int) -> None:
    rows = some(seed, n)
    found, expected = coincidence(*rows), by_loops(rows, range(n))
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert (found.observed, found.chance, found.rows) == pytest.approx(expected)
    assert found.used.sum() == found.rows
    assert found.expected[found.used].mean() == pytest.approx(found.chance)
    assert found.excess == pytest.approx(beyond_chance(found.observed, found.chance))


@given(seed=seeds, n=st.integers(3, 12))
def test_pseudo_values_are_those_of_leaving_each_row_out(seed: int, n: int) -> None:
    rows = some(seed, n)
    found = coincidence(*rows)
    if found is None or found.excess is None:
        return
    for index in range(n):
        left = by_loops(rows, [each for each in range(n) if each != index])
        excess = found.excess if left is None else beyond_chance(left[0], left[1])
        expected = n * found.excess - (n - 1) * (found.excess if excess is None else excess)
        assert found.pseudo[index] == pytest.approx(expected, abs=1e-9)


@given(seed=seeds, n=st.integers(1, 40))
def test_the_two_sides_are_alike(seed: int, n: int) -> None:
    teacher, student, gold = some(seed, n)
    there, back = coincidence(teacher, student, gold), coincidence(student, teacher, gold)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert (there.observed, there.chance, there.rows) == pytest.approx((back.observed, back.chance, back.rows))
        assert there.pseudo == pytest.approx(back.pseudo)
    assert permutation_p(teacher, student, gold) == permutation_p(student, teacher, gold)


def test_answers_of_no_class_are_wrong_and_meet_nothing() -> None:
    found = coincidence([-1] * 50, [-1] * 50, [0] * 50)
    assert found is not None
    assert (found.observed, found.chance, found.rows) == (0.0, 0.0, 50)
    assert permutation_p([-1] * 50, [-1] * 50, [0] * 50) == 1.0


def test_with_one_wrong_answer_to_give_nothing_is_beyond_chance() -> None:
    found = coincidence([1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1])
    assert found is not None
    assert (found.observed, found.chance, found.excess) == (1.0, 1.0, None)
    assert permutation_p([1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]) == 1.0


def test_nobody_wrong_leaves_nothing_to_inherit() -> None:
    assert coincidence([0, 1, 2], [0, 1, 1], [0, 1, 2]) is None
    assert coincidence([], [], []) is None
    # A row alone in its class has no other to tell chance from.
    assert coincidence([1, 0], [1, 0], [0, 0]) is None
    assert permutation_p([0, 1, 2], [0, 1, 1], [0, 1, 2]) is None
    assert known_chance_p([], []) is None
    with pytest.raises(ValueError, match="not paired"):
        permutation_p([0, 1], [0], [0, 1])


def test_mean_and_variance_of_the_matches_are_those_of_answers_really_dealt_out() -> None:
    rng = np.random.default_rng(3)
    gold = np.repeat([0, 1], 12)
    teacher, student = rng.integers(1, 5, 24) % 5, rng.integers(1, 5, 24) % 5
    one_way = []
    for side, other in ((teacher, student), (student, teacher)):
        dealt = []
        for _ in range(20_000):
            again = other.copy()
            for truth in (0, 1):
                at = np.flatnonzero((gold == truth) & (other != truth))
                again[at] = rng.permutation(other[at])
            dealt.append(np.sum((side == again) & (side != gold)))
        one_way.append(np.mean(np.array(dealt) >= np.sum((side == other) & (side != gold))))
    # A normal tail in place of the share of dealings with at least as many matches.
    assert permutation_p(teacher, student, gold) == pytest.approx(max(one_way), abs=0.02)


@given(n=st.integers(1, 60), same=st.integers(0, 60), chance=st.sampled_from([0.1, 1 / 3, 0.5]), spread=st.booleans())
def test_a_known_chance_is_tested_as_scipy_tests_it(n: int, same: int, chance: float, spread: bool) -> None:
    same = min(same, n)
    each = np.full(n, chance) if not spread else np.resize([0.5 * chance, 1.5 * chance], n)
    expected = binomtest(same, n, float(each.mean()), alternative="greater").pvalue
    assert known_chance_p(np.arange(n) < same, each) == pytest.approx(expected, abs=1e-12)


def test_in_groups_of_copies_a_group_counts_once() -> None:
    same, chance = np.array([1, 1, 0, 1, 1, 0, 1, 1] * 3), np.full(24, 0.3)
    # 24 groups of one, and the same rows nine times over in as many groups.
    alone = grouped_p(same, chance, np.arange(24))
    assert grouped_p(np.repeat(same, 9), np.repeat(chance, 9), np.repeat(np.arange(24), 9)) == pytest.approx(alone)
    assert known_chance_p(np.repeat(same, 9), np.repeat(chance, 9)) < alone
    # Around 0 where nothing is known of the spread beforehand: more careful than around the mean.
    assert alone > ttest_1samp(same - chance, 0, alternative="greater").pvalue
    assert grouped_p([1, 1], [0.5, 0.5], [0, 0]) == 1.0


def drawn(rng: np.random.Generator, n: int, classes: int, wrong: float, copied: float, liking: NDArray) -> Rows:
    """Wrong answers by each class's own liking; the student takes a share of the teacher's over."""
    gold = rng.integers(classes, size=n)
    lost = rng.random(n) < wrong
    also = np.where(rng.random(n) < 0.6, lost, rng.random(n) < wrong)
    steps = liking.cumsum(axis=1)

    def answers(side: NDArray) -> Answers:
        picked = (rng.random(n)[:, None] > steps[gold]).sum(axis=1)
        return np.where(side, (gold + 1 + np.minimum(picked, classes - 2)) % classes, gold)

    teacher, student = answers(lost), answers(also)
    return teacher, np.where(lost & also & (rng.random(n) < copied), teacher, student), gold


@pytest.mark.slow
def test_shares_smoothed_by_half_a_count_put_chance_far_too_low() -> None:
    classes, n, runs = 77, 3000, 40
    liking = np.random.default_rng(7).dirichlet(np.full(classes - 1, 0.3), size=classes)
    rng = np.random.default_rng(classes)
    seen, smoothed, unbiased, rejected = [], [], [], 0
    for _ in range(runs):
        teacher, student, gold = rows = drawn(rng, n, classes, 0.1, 0.0, liking)
        shares = []
        for side in (teacher, student):
            counts, wrong = np.full((classes, classes), 0.5), side != gold
            np.add.at(counts, (gold[wrong], side[wrong]), 1.0)
            np.fill_diagonal(counts, 0.0)
            shares.append(counts / counts.sum(axis=1, keepdims=True))
        both = (teacher != gold) & (student != gold)
        same, chance = (teacher == student)[both], (shares[0] * shares[1]).sum(axis=1)[gold[both]]
        found, p = coincidence(*rows), known_chance_p(same, chance)
        assert found is not None
        assert p is not None
        seen.append(same.mean())
        smoothed.append(chance.mean())
        unbiased.append(found.chance)
        rejected += p <= 0.05
    assert np.mean(smoothed) < np.mean(seen) / 3
    assert np.mean(unbiased) == pytest.approx(np.mean(seen), abs=4 * np.std(seen) / runs**0.5)
    assert rejected > 0.8 * runs


@pytest.mark.slow
@pytest.mark.parametrize("copied", [0.0, 0.4])
@pytest.mark.parametrize(("classes", "n", "wrong"), [(4, 150, 0.3), (4, 500, 0.2), (10, 1000, 0.15), (77, 3000, 0.1)])
def test_the_excess_is_unbiased_and_covered_and_chance_is_seldom_rejected(
    classes: int, n: int, wrong: float, copied: float
) -> None:
    liking = np.random.default_rng(7).dirichlet(np.full(classes - 1, 0.3), size=classes)
    rng = np.random.default_rng(classes)
    excesses, covered, rejected, runs = [], 0, 0, 200
    for _ in range(runs):
        rows = drawn(rng, n, classes, wrong, copied, liking)
        found, p = coincidence(*rows), permutation_p(*rows)
        assert found is not None
        assert found.excess is not None
        assert p is not None
        plain = clopper_pearson(round(found.observed * found.rows), found.rows, 0.95)
        doubt = mean_interval(found.pseudo, 0.95)
        assert doubt is not None
        half = (doubt.high - doubt.low) / 2
        low, high = (beyond_chance(each, found.chance) for each in plain)
        assert low is not None
        assert high is not None
        covered += min(low, found.excess - half) <= copied <= max(high, found.excess + half)
        rejected += p <= 0.05
        excesses.append(found.excess)
    assert np.mean(excesses) == pytest.approx(copied, abs=4 * np.std(excesses) / runs**0.5)
    assert covered >= 0.93 * runs
    # Three standard errors of a share of 0.05.
    assert copied or rejected <= 0.05 * runs + 3 * (0.05 * 0.95 * runs) ** 0.5
