"""Token by token: the numbers of llama.cpp, counted again one token at a time, and what is true of any two models."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.distance import acceptance_rows, kl_rows, softmax_rows, total_variation_rows
from evalkit.stats.forced import first_divergence, median_divergence, predicted, token_agreement, undiverged
from evalkit.stats.mean import cluster_mean
from evalkit.stats.tokens import KL_LEVELS, TokenRows, token_means, token_rows, token_statistics

seeds = st.integers(0, 10_000)


def two_models(seed: int, n: int, vocabulary: int = 7, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    teacher = rng.normal(size=(n, vocabulary)) * 2
    return teacher, teacher + rng.normal(size=teacher.shape) * noise, rng.integers(vocabulary, size=n)


class Printed:
    """What llama.cpp accumulates and prints, one token at a time in plain Python, with its own names."""

    def __init__(self, base: np.ndarray, quant: np.ndarray, tokens: np.ndarray) -> None:
        self.count = len(tokens)
        self.sums: dict[str, float] = {}
        self.kld: list[float] = []
        self.dp: list[float] = []
        for row, other, token in zip(base.tolist(), quant.tolist(), tokens.tolist(), strict=True):
            logs = [[each - math.log(math.fsum(map(math.exp, rows))) for each in rows] for rows in (row, other)]
            nll_base, nll = -logs[0][token], -logs[1][token]
            kld = math.fsum(math.exp(b) * (b - q) for b, q in zip(*logs, strict=True))
            dp = math.exp(logs[1][token]) - math.exp(logs[0][token])
            same = max(range(len(row)), key=row.__getitem__) == max(range(len(other)), key=other.__getitem__)
            self.kld.append(kld)
            self.dp.append(dp)
            found = {"nll": nll, "nll_base": nll_base, "cross": nll * nll_base}
            found |= {"kld": kld, "dp": dp, "dp_squared": dp * dp, "same": float(same)}
            for name, value in found.items():
                self.sums[name] = self.sums.get(name, 0.0) + value
                self.sums[f"{name}^2"] = self.sums.get(f"{name}^2", 0.0) + value * value

    def mean(self, name: str) -> float:
        return self.sums[name] / self.count

    def error(self, name: str) -> float:
        return math.sqrt(max(0.0, self.mean(f"{name}^2") - self.mean(name) ** 2) / (self.count - 1))

    def figures(self) -> dict[str, tuple[float, float]]:
        ppl, base = math.exp(self.mean("nll")), math.exp(self.mean("nll_base"))
        u, u_base = self.error("nll"), self.error("nll_base")
        covariance = (self.mean("cross") - self.mean("nll") * self.mean("nll_base")) / (self.count - 1)
        log_ratio, log_error = self.mean("nll") - self.mean("nll_base"), math.sqrt(u**2 + u_base**2 - 2 * covariance)
        rms = math.sqrt(self.mean("dp_squared"))
        between = math.sqrt((ppl * u) ** 2 + (base * u_base) ** 2 - 2 * ppl * base * covariance)
        same = self.mean("same")
        return {
            "perplexity.student": (ppl, ppl * u),
            "perplexity.teacher": (base, base * u_base),
            "perplexity.log_ratio": (log_ratio, log_error),
            "perplexity.ratio": (math.exp(log_ratio), math.exp(log_ratio) * log_error),
            "perplexity.difference": (ppl - base, between),
            "kl": (self.mean("kld"), self.error("kld")),
            "change": (self.mean("dp"), self.error("dp")),
            "change.rms": (rms, 0.5 / rms * self.error("dp_squared")),
            "same_top": (same, math.sqrt(same * (1 - same) / (self.count - 1))),
        }

    def quantile(self, values: list[float], fraction: float) -> float:
        place = fraction * (len(values) - 1)
        at = int(place)
        ordered = sorted(values)
        return (1 - (place - at)) * ordered[at] + (place - at) * ordered[min(at + 1, len(ordered) - 1)]

    def correlation(self) -> float:
        covariance = (self.mean("cross") - self.mean("nll") * self.mean("nll_base")) / (self.count - 1)
        return covariance / (self.error("nll") * self.error("nll_base"))


@given(seed=seeds, n=st.integers(12, 60), noise=st.sampled_from([0.01, 0.5, 3.0]))
def test_every_statistic_is_the_one_that_llama_cpp_prints(seed: int, n: int, noise: float) -> None:
    base, quant, tokens = two_models(seed, n, noise=noise)
    printed = Printed(base, quant, tokens)
    found = token_statistics(token_rows(base, quant, tokens))
    assert found.n == n
    assert found.infinite == 0
    expected = printed.figures()
    assert set(found.figures) == set(expected)
    for name, (value, error) in expected.items():
        assert found.figures[name].value == pytest.approx(value, abs=1e-9), name
        assert found.figures[name].error == pytest.approx(error, rel=1e-5, abs=1e-9), name
        assert found.figures[name].clustered is None
    for level in KL_LEVELS:
        assert found.kl_quantiles[level] == pytest.approx(printed.quantile(printed.kld, level), abs=1e-12)
    for level, value in found.change_quantiles.items():
        assert value == pytest.approx(printed.quantile(printed.dp, level), abs=1e-12)
    assert found.correlation == pytest.approx(printed.correlation(), abs=1e-6)


def test_terms_that_llama_cpp_leaves_out_are_left_out() -> None:
    base = np.array([[0.0, -10.0, -20.0]])
    quant = np.array([[0.0, -10.0, 5.0]])
    p, q = softmax_rows(base)[0], softmax_rows(quant)[0]
    terms = p * np.log(p / q)
    assert token_rows(base, quant, [0]).kl[0] == pytest.approx(terms.sum())
    assert token_rows(base, quant, [0], least_log=-16.0).kl[0] == pytest.approx(terms[:2].sum(), abs=1e-15)


@given(seed=seeds, n=st.integers(1, 30))
def test_a_model_against_itself_has_nothing_to_show(seed: int, n: int) -> None:
    base, _, tokens = two_models(seed, n)
    found = token_statistics(token_rows(base, base, tokens), np.arange(n))
    values = {name: each.value for name, each in found.figures.items()}
    assert values["kl"] == values["change"] == values["change.rms"] == values["perplexity.log_ratio"] == 0.0
    assert values["perplexity.ratio"] == values["same_top"] == 1.0
    # 0.5 / rms is no number where nothing changed.
    assert found.figures["change.rms"].error is None
    assert found.figures["change.rms"].clustered is None


@given(seed=seeds, n=st.integers(1, 40), vocabulary=st.integers(1, 9))
def test_what_is_compared_keeps_its_bounds(seed: int, n: int, vocabulary: int) -> None:
    rows = token_rows(*two_models(seed, n, vocabulary))
    assert np.all(rows.kl >= 0.0)
    assert np.all(np.abs(rows.change) <= 1.0)
    assert np.all(rows.teacher_surprise >= 0.0)
    base, quant, _ = two_models(seed, n, vocabulary)
    np.testing.assert_allclose(rows.kl, kl_rows(softmax_rows(base), softmax_rows(quant)), atol=1e-9)


@given(seed=seeds, n=st.integers(1, 40), vocabulary=st.integers(1, 9))
def test_acceptance_is_one_less_total_variation(seed: int, n: int, vocabulary: int) -> None:
    p, q = (softmax_rows(each) for each in two_models(seed, n, vocabulary)[:2])
    np.testing.assert_allclose(acceptance_rows(p, q), 1.0 - total_variation_rows(p, q), atol=1e-12)


def test_acceptance_is_how_often_a_drawn_token_is_kept() -> None:
    rng = np.random.default_rng(0)
    p, q = (softmax_rows(rng.normal(size=(1, 5)))[0] for _ in "pq")
    drawn = rng.choice(5, size=200_000, p=q)
    kept = rng.random(drawn.size) < p[drawn] / q[drawn]
    assert acceptance_rows(p[None], q[None])[0] == pytest.approx(kept.mean(), abs=0.005)


# --- what is independent -------------------------------------------------------------------------------


@given(seed=seeds, texts=st.integers(2, 12))
def test_errors_over_texts_are_those_of_clustered_means(seed: int, texts: int) -> None:
    n = 6 * texts
    rows = token_rows(*two_models(seed, n))
    documents = np.random.default_rng(seed).integers(texts, size=n)
    figures = token_statistics(rows, documents).figures
    from scipy.stats import t

    groups = len(np.unique(documents))
    for name, values in {
        "kl": rows.kl,
        "change": rows.change,
        "same_top": rows.same_top.astype(float),
        "perplexity.log_ratio": rows.student_surprise - rows.teacher_surprise,
    }.items():
        interval = cluster_mean(values, documents, 0.95)
        if interval is None:
            assert figures[name].clustered is None
            continue
        half = (interval.high - interval.low) / 2
        assert figures[name].clustered == pytest.approx(half / t.ppf(0.975, groups - 1), rel=1e-9, abs=1e-12), name


@given(seed=seeds, n=st.integers(11, 40))
def test_texts_of_one_token_change_nothing(seed: int, n: int) -> None:
    for each in token_statistics(token_rows(*two_models(seed, n)), np.arange(n)).figures.values():
        assert each.clustered == pytest.approx(each.error, rel=1e-9, abs=1e-12)


def test_copies_of_a_token_tell_nothing_new_about_its_text() -> None:
    rows = token_rows(*two_models(3, 30))
    copied = TokenRows(*(np.repeat(each, 9) for each in rows))
    once = token_statistics(rows, np.arange(30)).figures
    for name, each in token_statistics(copied, np.repeat(np.arange(30), 9)).figures.items():
        assert each.clustered == pytest.approx(once[name].error)
        assert each.error < 0.5 * each.clustered


@given(seed=seeds, n=st.integers(2, 20))
def test_a_whole_weight_is_so_many_copies(seed: int, n: int) -> None:
    rows = token_rows(*two_models(seed, n))
    weights = np.random.default_rng(seed).integers(0, 4, size=(3, n))
    weights[:, 0] += 1
    found = token_means(rows, weights)
    for place, each in enumerate(weights):
        copied = token_means(TokenRows(*(np.repeat(values, each) for values in rows)))
        for name, values in found.items():
            assert values[place] == pytest.approx(float(copied[name][0]), rel=1e-12, abs=1e-12), name
    assert np.isnan(token_means(rows, np.zeros((1, n)))["kl"]).all()


# --- what has no number --------------------------------------------------------------------------------


def test_few_tokens_have_no_error() -> None:
    for each in token_statistics(token_rows(*two_models(1, 10)), np.arange(10)).figures.values():
        assert each.value is not None
        assert each.error is each.clustered is None


def test_a_token_that_the_student_holds_impossible_is_counted_and_never_smoothed() -> None:
    base, quant, tokens = two_models(1, 20)
    quant[3, tokens[3]] = -np.inf
    found = token_statistics(token_rows(base, quant, tokens), np.arange(20))
    assert found.infinite == 1
    for name in ("kl", "perplexity.student", "perplexity.ratio", "perplexity.log_ratio", "perplexity.difference"):
        assert found.figures[name] == (None, None, None), name
    assert found.figures["perplexity.teacher"].error is not None
    assert found.figures["change"].error is not None
    assert found.kl_quantiles[1.0] is None
    assert found.kl_quantiles[0.5] is not None
    assert found.correlation is None


def test_models_that_never_vary_do_not_correlate() -> None:
    level = np.zeros((20, 4))
    assert token_statistics(token_rows(level, level, np.zeros(20, dtype=int))).correlation is None


def test_no_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="no row"):
        token_statistics(token_rows(np.ones((0, 4)), np.ones((0, 4)), []))


def test_padding_takes_no_probability() -> None:
    base, quant, tokens = two_models(2, 15)
    padded = np.hstack([quant, np.full((15, 3), 50.0)])
    plain, cut = token_rows(base, quant, tokens), token_rows(base, padded, tokens, size=7)
    for one, other in zip(plain, cut, strict=True):
        np.testing.assert_array_equal(one, other)


def test_different_vocabularies_are_refused() -> None:
    base, quant, tokens = two_models(2, 15)
    with pytest.raises(ValueError, match=r"different vocabularies.*\(15, 7\) and \(15, 6\)"):
        token_rows(base, quant[:, :6], tokens)
    with pytest.raises(ValueError, match="cannot be cut to 8"):
        token_rows(base, quant, tokens, size=8)


@pytest.mark.parametrize("tokens", [[0] * 14, [7] * 15, [-1] * 15])
def test_tokens_that_are_not_of_the_vocabulary_are_refused(tokens: list[int]) -> None:
    base, quant, _ = two_models(2, 15)
    with pytest.raises(ValueError, match="do not fit"):
        token_rows(base, quant, tokens)


def test_documents_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="14 group codes do not fit 15 rows"):
        token_statistics(token_rows(*two_models(2, 15)), np.zeros(14))


# --- where they part -----------------------------------------------------------------------------------


def test_the_logits_before_a_token_predict_it() -> None:
    logits = np.arange(12.0).reshape(4, 3)
    rows, came = predicted(logits, [5, 6, 7, 8], 2)
    np.testing.assert_array_equal(rows, logits[1:3])
    assert came.tolist() == [7, 8]
    for start in (0, 4):
        with pytest.raises(ValueError, match="none from position"):
            predicted(logits, [5, 6, 7, 8], start)
    with pytest.raises(ValueError, match="3 tokens do not fit"):
        predicted(logits, [5, 6, 7], 1)


def by_loop(texts: list[list[bool]]) -> list[float]:
    return [next((at for at, same in enumerate(text) if not same), math.inf) for text in texts]


texts = st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=8)


@given(texts=texts, seed=seeds)
def test_the_first_divergence_is_that_of_a_loop_in_whatever_order_the_texts_stand(
    texts: list[list[bool]], seed: int
) -> None:
    same = np.concatenate(texts)
    documents = np.repeat(np.arange(len(texts)), [len(each) for each in texts])
    found = first_divergence(same, documents)
    assert found.tolist() == by_loop(texts)
    mixed = np.argsort(np.random.default_rng(seed).permutation(len(texts))[documents], kind="stable")
    assert first_divergence(same[mixed], documents[mixed]).tolist() == found.tolist()
    assert token_agreement(same) == pytest.approx(same.mean())
    for tokens in range(8):
        held = [all(text[:tokens]) for text in texts]
        assert undiverged(found, tokens) == pytest.approx(np.mean(held))


@given(texts=texts)
def test_the_median_is_that_of_numpy_and_none_where_half_never_part(texts: list[list[bool]]) -> None:
    first = np.array(by_loop(texts))
    median = float(np.sort(first)[[(first.size - 1) // 2, first.size // 2]].mean())
    assert median_divergence(first) == (median if math.isfinite(median) else None)


@given(texts=texts, seed=seeds)
def test_weights_of_texts_are_copies_of_texts(texts: list[list[bool]], seed: int) -> None:
    first = np.array(by_loop(texts))
    weights = np.random.default_rng(seed).integers(0, 4, size=(2, 3, first.size))
    medians, shares = median_divergence(first, weights), undiverged(first, 2, weights)
    assert medians.shape == shares.shape == (2, 3)
    for place in np.ndindex(2, 3):
        copies = np.repeat(first, weights[place])
        if not copies.size:
            assert np.isnan(medians[place])
            assert np.isnan(shares[place])
            continue
        assert shares[place] == pytest.approx(undiverged(copies, 2))
        expected = median_divergence(copies)
        assert np.isnan(medians[place]) if expected is None else medians[place] == expected


def test_no_texts_have_no_first_divergence() -> None:
    assert first_divergence([], []).size == 0
    with pytest.raises(ValueError, match="2 documents do not fit 1 tokens"):
        first_divergence([True], [0, 0])


# --- published numbers ---------------------------------------------------------------------------------


def test_the_loop_above_prints_the_published_block() -> None:
    path = Path(__file__).parent.parent / "oracles" / "statistics.json"
    oracles: dict[str, Any] = {each["name"]: each for each in json.loads(path.read_text("utf-8"))["oracles"]}
    inputs = oracles["A.llamacpp_kl_stats"]["inputs"]
    printed = Printed(*(np.array(inputs[name]) for name in ("base_logits", "quant_logits", "tokens")))
    expected = oracles["A.llamacpp_kl_stats"]["expected"]
    assert printed.figures()["perplexity.log_ratio"] == pytest.approx(
        (expected["ln_ppl_ratio"], expected["ln_ppl_ratio_se"]), abs=1e-6
    )
    assert printed.figures()["change.rms"] == pytest.approx((expected["rms_dp"], expected["rms_dp_se"]), abs=1e-6)
