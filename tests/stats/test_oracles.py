"""Every number that another library or program computed (tests/oracles/statistics.json) comes out here as well."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.gate.judging import judge
from evalkit.metrics import Setting, catalogue
from evalkit.stats import (
    agreement,
    calibration,
    coincidence,
    cost,
    detector,
    distance,
    early_stopping,
    multiple,
    paired,
    paired_means,
    power_formulas,
    proportion,
    quantile,
    risk_control,
    text,
    tokens,
)
from evalkit.stats.f1 import macro_f1
from evalkit.stats.mean import mean_interval
from evalkit.stats.per_token import time_per_token
from evalkit.stats.prediction_powered import powered_mean
from evalkit.timing import flops
from evalkit.types import Estimate, Undefined
from tests.factory import Case

ORACLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "oracles" / "statistics.json").read_text("utf-8")
)["oracles"]

Check = Callable[[dict[str, Any]], Any]


def _table(inputs: dict[str, Any]) -> tuple[int, int, int, int]:
    if "table_a_b_c_d" in inputs:
        a, b, c, d = inputs["table_a_b_c_d"]
        return a, b, c, d
    return inputs["both_right"], inputs["teacher_only_right"], inputs["student_only_right"], inputs["both_wrong"]


def _paired(function: Callable[..., Any]) -> Check:
    return lambda inputs: function(*_table(inputs), inputs["conf"])


def _classes(function: Callable[..., Any]) -> Check:
    return lambda inputs: function(inputs["teacher"], inputs["student"], 3)


def _distributions(function: Callable[..., Any]) -> Check:
    return lambda inputs: function(
        distance.softmax_rows(inputs["teacher_logits"]), distance.softmax_rows(inputs["student_logits"])
    )


def _confidence(function: Callable[..., Any], *rest: Any) -> Check:
    return lambda inputs: function(inputs["confidence"], inputs["correct"], *rest)


def _diffy(inputs: dict[str, Any]) -> dict[str, float | None]:
    raw, noise = inputs["teacher_student_disagreements"], inputs["teacher_teacher_disagreements"]
    found = agreement.diffy(raw, noise, inputs["n"])
    assert found.relative is not None
    return {"diffy_absolute_pct": 100 * found.absolute, "diffy_relative_pct": 100 * found.relative}


def _inherited(inputs: dict[str, Any]) -> dict[str, float | None]:
    n, same, chance = inputs["both_wrong"], inputs["both_wrong_same_answer"], 1 / (inputs["n_choices"] - 1)
    hits = np.arange(n) < same
    return {
        "kappa_like": coincidence.beyond_chance(same / n, chance),
        "binom_p_greater": coincidence.known_chance_p(hits, np.full(n, chance)),
    }


def _binary(inputs: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    at = np.array(inputs["confidence"])
    return np.stack([1.0 - at, at], axis=1), np.array(inputs["correct"])


def _multiclass(inputs: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    return distance.softmax_rows(inputs["logits"]), np.array(inputs["label"])


def _error_consistency(inputs: dict[str, Any]) -> float | None:
    t, s = np.array(inputs["teacher_correct"]), np.array(inputs["student_correct"])
    counts = [int(np.sum((t == i) & (s == j))) for i, j in ((1, 1), (1, 0), (0, 1), (0, 0))]
    return agreement.error_consistency(*counts)


def _top_label_ece(inputs: dict[str, Any]) -> float:
    probs, label = _multiclass(inputs)
    return calibration.ece(probs.max(axis=1), probs.argmax(axis=1) == label, 10)


def _equal_mass(inputs: dict[str, Any]) -> dict[str, float]:
    at, right = inputs["confidence"], inputs["correct"]
    squared = calibration.debiased_squares(at, right, calibration.equal_mass_bins(at, 10), 10)
    return {"debiased_squared": float(squared[0]), "debiased_l2": calibration.ece_debiased(at, right, 10)}


def _given_bins(inputs: dict[str, Any]) -> dict[str, float]:
    bin_of_row = np.searchsorted(inputs["upper_edges"], inputs["confidence"], side="left")
    squared = calibration.debiased_squares(inputs["confidence"], inputs["correct"], bin_of_row, 10)
    return {"debiased_squared": float(squared[0])}


def _clopper_pearson(inputs: dict[str, Any]) -> dict[str, Any]:
    counts = list(zip(inputs["k"], inputs["n"], strict=True))
    return {
        "ci95": [proportion.clopper_pearson(k, n, 0.95) for k, n in counts],
        "upper_one_sided95": [proportion.clopper_pearson(k, n, 0.90).high for k, n in counts],
    }


def _conformal(inputs: dict[str, Any]) -> dict[str, Any]:
    names, losses = zip(*inputs["mean_loss_by_lambda"].items(), strict=True)
    bound = risk_control.conformal_bound(losses, inputs["n"], inputs["B"])
    at = risk_control.conformal_risk_control(losses, inputs["n"], inputs["alpha"], inputs["B"])
    return {"bound": dict(zip(names, bound.tolist(), strict=True)), "chosen": None if at is None else names[at]}


def _break_even(inputs: dict[str, Any]) -> dict[str, Any]:
    before, first = inputs["teacher_cost_per_1k"], inputs["student_cost_per_1k"]
    after = cost.cascade_cost(first, before, inputs["deferral_rate"])
    saving = cost.saving_per_month(before, after, inputs["requests_per_month"] / 1000, inputs["fixed_monthly"])
    months = cost.break_even_months(inputs["one_off"], saving)
    return {"cost_per_1k": after, "saving_per_month": saving, "months": months}


def _safety_drift(inputs: dict[str, Any]) -> dict[str, Any]:
    k, n = inputs["teacher_refused_student_complied"], inputs["teacher_refused"]
    b, c = k, inputs["teacher_complied_student_refused"]
    return {
        "cp95_upper_one_sided": proportion.clopper_pearson(k, n, 0.90).high,
        "cp95": proportion.clopper_pearson(k, n, 0.95),
        "mcnemar_exact_two_sided": paired.mcnemar(b, c)[0],
        "mcnemar_one_sided_worse": paired.mcnemar_worse(b, c),
    }


def _order_statistics(inputs: dict[str, Any]) -> dict[str, Any]:
    levels = (0.5, 0.9, 0.95, 0.99)
    return {"ci": {str(q): quantile.quantile_interval(inputs["x"], q, 0.95) for q in levels}}


def _consistency(inputs: dict[str, Any]) -> dict[str, float]:
    rng = np.random.default_rng(0)
    seen = calibration.ece_consistency(inputs["confidence"], inputs["correct"], rng, 10, inputs["reps"])
    return {"ece": seen.ece, "null_mean": seen.mean, "null_q95": seen.high, "p_value": seen.p}


def _selective(inputs: dict[str, Any]) -> dict[str, float | None]:
    at, right = inputs["confidence"], inputs["correct"]
    return {
        "aurc": calibration.aurc(at, right),
        "e_aurc": calibration.excess_aurc(at, right, "given"),
        "risk_at_cov_50": calibration.risk_at_coverage(at, right, 0.5, "given"),
        "risk_at_cov_80": calibration.risk_at_coverage(at, right, 0.8, "given"),
        "coverage_at_risk_05": calibration.coverage_at_risk(at, right, 0.05, "given"),
    }


def _murphy(inputs: dict[str, Any]) -> dict[str, float]:
    parts = calibration.murphy(inputs["confidence"], inputs["correct"], 10)
    return {
        "reliability": parts.reliability,
        "resolution": parts.resolution,
        "uncertainty": parts.uncertainty,
        "within_bin_variance": parts.within_variance,
        "within_bin_cov2": 2 * parts.within_covariance,
        "brier": parts.brier,
    }


def _temperature(inputs: dict[str, Any]) -> dict[str, float]:
    fit = calibration.fit_temperature(inputs["logits"], inputs["label"])
    scaled = calibration.scaled(inputs["logits"], fit.value)
    return {"T": fit.value, "nll": float(calibration.nll_rows(scaled, inputs["label"]).mean())}


def _size(function: Callable[..., int]) -> Check:
    return lambda i: function(
        i["margin"], i["discordance"], i["true_diff"], level=1 - i["alpha_one_sided"], power=i["power"]
    )


def _metrics(inputs: dict[str, Any], *names: str) -> dict[str, Estimate]:
    """Metrics of a suite of three labels, whose families compute them from the pairs."""
    said = {name: [f"label {each}" for each in inputs[name]] for name in ("teacher", "student")}
    target = [f"label {each}" for each in inputs.get("gold", inputs["teacher"])]
    pairs = Case(labels=("label 0", "label 1", "label 2"), target=target, **said).pairs()
    found = {}
    for name in names:
        family = catalogue()[name][1]
        assert family is not None
        measured = family.measure(pairs, Setting(0.95, 0, ("oracle",), 5))[name]
        assert isinstance(measured, Estimate)
        found[name] = measured
    return found


def _transitions(inputs: dict[str, Any]) -> dict[str, float]:
    lost, gained, flips = "flips.right_to_wrong.count", "flips.wrong_to_right.count", "flips.rate"
    found = _metrics(inputs, lost, gained, flips, "errors.inherited.rate")
    inherited = round(found["errors.inherited.rate"].value * len(inputs["gold"]))
    values = {"right_to_wrong": found[lost].value, "wrong_to_right": found[gained].value, "flips": found[flips].value}
    return {**values, "both_wrong_same": inherited}


def _llamacpp(inputs: dict[str, Any]) -> dict[str, float | None]:
    """Its block for a base model and a quantised one, under the oracle's names."""
    rows = tokens.token_rows(inputs["base_logits"], inputs["quant_logits"], inputs["tokens"])
    found = tokens.token_statistics(rows)
    names = {
        "ln_ppl_ratio": "perplexity.log_ratio",
        "mean_kld": "kl",
        "mean_dp": "change",
        "rms_dp": "change.rms",
        "same_top_p": "same_top",
    }
    return {
        "mean_ppl_q": found.figures["perplexity.student"].value,
        "mean_ppl_base": found.figures["perplexity.teacher"].value,
        **{theirs: found.figures[ours].value for theirs, ours in names.items()},
        **{f"{theirs}_se": found.figures[ours].error for theirs, ours in names.items()},
        "median_kld": found.kl_quantiles[0.5],
        "max_kld": found.kl_quantiles[1.0],
        "q90_kld": found.kl_quantiles[0.9],
        "q99_kld": found.kl_quantiles[0.99],
    }


def _texts(function: Callable[[str, str], float], scale: float = 1.0) -> Callable[[dict[str, Any]], list[float]]:
    return lambda inputs: [scale * function(*each) for each in zip(inputs["student"], inputs["teacher"], strict=True)]


def _verdicts(inputs: dict[str, Any]) -> list[str]:
    """The words of criteria on a difference; one that cannot be evaluated leaves the verdict inconclusive."""
    words = []
    for ends in inputs["cis"]:
        low, high = ends or (0.0, 0.0)
        estimate = Estimate(value=(low + high) / 2, low=low, high=high, level=0.9, n=100, method="given")
        measured = estimate if ends else Undefined(reason="none given")
        status = judge(measured, -inputs["margin"], None, by_value=False)
        words.append({"pass": "PASS", "fail": "FAIL"}.get(status, "INCONCLUSIVE"))
    return words


def _bias_of_ece(inputs: dict[str, Any]) -> list[float]:
    """The mean ECE of models that are calibrated: what small n adds."""
    rng = np.random.default_rng(0)
    means = []
    for n in inputs["n"]:
        at = rng.uniform(0.5, 1.0, size=(100, n))
        means.append(float(np.mean([calibration.ece(row, rng.random(n) < row, 15) for row in at])))
    return means


def _equivalence(inputs: dict[str, Any]) -> dict[str, float]:
    above, below = paired_means.equivalence(inputs["teacher"], inputs["student"], inputs["low"], inputs["upp"])
    return {"p_low": above, "p_upp": below, "p": max(above, below)}


def _powered(inputs: dict[str, Any], weight: float) -> tuple[float, Any]:
    """The mean and its interval of labelled rows (truth and word, 1 or 0 each) and rows with a word alone."""
    cells = inputs["labelled_counts_Y1F1_Y1F0_Y0F1_Y0F0"]
    alone = [inputs["unlabelled_F1"], inputs["unlabelled_F0"]]
    truth = np.repeat([1, 1, 0, 0, 0, 0], [*cells, *alone])
    said = np.repeat([1, 0, 1, 0, 1, 0], [*cells, *alone])
    found = powered_mean(truth, said, np.arange(truth.size) < sum(cells), weight)
    assert found is not None
    return found.value, found.interval(0.95)


def _rogan_gladen(i: dict[str, Any]) -> dict[str, float]:
    hits, right, wrong = i["n"] * i["q"], i["n_pos_calib"], i["n_neg_calib"]
    found = detector.rogan_gladen(round(hits), i["n"], right * i["sensitivity"], right, wrong * i["specificity"], wrong)
    assert found is not None
    return {"estimate": found[0], "se_delta": found[1]}


def _omission(i: dict[str, Any]) -> dict[str, float]:
    raw, whole = i["values_ms"], early_stopping.without_omission(i["values_ms"], i["expected_interval_ms"])
    at = {f"p{round(100 * q)}_corrected": float(np.quantile(whole, q, method="nearest")) for q in (0.5, 0.9, 0.99)}
    medians = {"p50_raw": quantile.quantile(raw, 0.5), "p99_raw": float(np.quantile(raw, 0.99, method="lower"))}
    return {**at, **medians, "count_corrected": len(whole)}


def _operations(_: dict[str, Any]) -> int:
    import torch

    with flops._counter() as counter, torch.inference_mode():
        torch.nn.Linear(32, 64)(torch.zeros(8, 32))
    return int(counter.get_total_flops())


def _speedups(inputs: dict[str, Any]) -> dict[str, float]:
    found = quantile.speedup_quantile(
        inputs["teacher_ms"], inputs["student_ms"], 0.5, np.random.default_rng(0), 10, 0.95
    )
    assert found is not None
    return {"ratio_of_medians": found[0]}


FUNCTIONS: dict[str, Check] = {
    "A.agreement_top1": lambda i: _metrics(i, "agreement.top1")["agreement.top1"].value,
    "A.transition_table": _transitions,
    "A.llamacpp_kl_stats": _llamacpp,
    "A.chrf_corpus_and_sentence": lambda i: {"sent": _texts(text.chrf, 100.0)(i)},
    "A.rougeL_f": _texts(text.rouge_l),
    "A.norm_levenshtein_similarity": _texts(text.edit_similarity),
    "B.verdict": _verdicts,
    "C.ece_bias_perfectly_calibrated_15bins": _bias_of_ece,
    "F.speedup_definitions": _speedups,
    "F.flops_linear": _operations,
    "G.ppi_mean_lam1": lambda i: dict(zip(("point", "ci95"), _powered(i, 1.0), strict=True)),
    "G.classical_mean_same_labels": lambda i: _powered(i, 0.0)[1],
    "A.cohen_kappa": _classes(agreement.kappa),
    "A.kappa_degenerate_all_same": _classes(agreement.kappa),
    "A.scott_pi": _classes(agreement.scott_pi),
    "A.krippendorff_alpha_nominal": _classes(agreement.krippendorff_alpha),
    "A.error_consistency_kappa": _error_consistency,
    "A.kl_teacher_student_per_item": _distributions(distance.kl_rows),
    "A.kl_mean": _distributions(lambda p, q: float(distance.kl_rows(p, q).mean())),
    "A.reverse_kl_per_item": _distributions(lambda p, q: distance.kl_rows(q, p)),
    "A.js_divergence_per_item": _distributions(distance.js_rows),
    "A.total_variation_per_item": _distributions(distance.total_variation_rows),
    "A.top2_overlap_mean": _distributions(lambda p, q: float(distance.topk_overlap_rows(p, q, 2).mean())),
    "B.tango_diff_ci95": _paired(paired.difference_tango),
    "B.newcombe_paired_diff_ci95": _paired(paired.difference_newcombe),
    "B.agresti_min_diff_ci95": _paired(paired.difference_agresti_min),
    "B.tang_score_ratio_ci95": _paired(paired.ratio_tang),
    "B.bonett_price_ratio_ci95": _paired(paired.ratio_bonett_price),
    "B.wald_log_ratio_ci95": _paired(paired.ratio_wald_log),
    "B.tango_diff_ci90": _paired(paired.difference_tango),
    "B.tang_ratio_ci90": _paired(paired.ratio_tang),
    "B.mcnemar_exact_midp": lambda i: dict(
        zip(("exact", "midp"), paired.mcnemar(i["teacher_only_right"], i["student_only_right"]), strict=True)
    ),
    "B.tango_noninferiority": lambda i: dict(
        zip(("z", "p_one_sided"), paired.noninferiority_difference(*_table(i), i["margin"]), strict=True)
    ),
    "B.tang_ratio_noninferiority": lambda i: dict(
        zip(("z", "p_one_sided"), paired.noninferiority_ratio(*_table(i), i["min_ratio"]), strict=True)
    ),
    "B.tost_paired_t": _equivalence,
    "B.noninferiority_paired_t": lambda i: paired_means.noninferiority_mean(i["teacher"], i["student"], i["margin"])[1],
    "B.delta_log_ratio_ci95_z": lambda i: paired_means.ratio_log_delta(i["teacher"], i["student"], 0.95),
    "B.paired_t_ci90": lambda i: mean_interval(np.subtract(i["student"], i["teacher"]), 0.90),
    "B.p_adjust_holm": lambda i: multiple.holm(i["p"]),
    "B.p_adjust_bh": lambda i: multiple.benjamini_hochberg(i["p"]),
    "B.p_adjust_by": lambda i: multiple.benjamini_yekutieli(i["p"]),
    "B.p_adjust_hochberg": lambda i: multiple.hochberg(i["p"]),
    "B.sample_size_noninferiority": _size(power_formulas.sample_size_quick),
    "B.sample_size_noninferiority_tango": _size(power_formulas.sample_size),
    "B.min_detectable_regression": lambda i: power_formulas.minimum_detectable_drop(
        i["n"], i["discordance"], 0.95, i["power"]
    ),
    "B.macro_micro_weighted_f1": lambda i: {"macro": macro_f1(i["gold"], i["pred"], [0, 1, 2])},
    "B.wilson_ci95": lambda i: [proportion.wilson(k, n, 0.95) for k, n in zip(i["k"], i["n"], strict=True)],
    "C.ece_equal_width_10": _confidence(calibration.ece, 10),
    "C.ece_equal_width_15": _confidence(calibration.ece, 15),
    "C.l2_squared_equal_mass_10_plugin_and_debiased": _equal_mass,
    "C.l2_debiased_given_bins": _given_bins,
    "C.smece": lambda i: {"smece": calibration.smooth_ece(i["confidence"], i["correct"])},
    "C.brier_binary": lambda i: float(calibration.brier_rows(*_binary(i)).mean()) / 2,
    "C.nll_binary": lambda i: float(calibration.nll_rows(*_binary(i)).mean()),
    "C.auroc_confidence": _confidence(calibration.auroc),
    "C.aurc": _selective,
    "C.overconfidence_on_wrong": lambda i: {
        "share_wrong_conf_ge_09": calibration.overconfident_errors(i["confidence"], i["correct"]),
        "signed_gap": calibration.signed_gap(i["confidence"], i["correct"]),
    },
    "C.top_label_ece_10_multiclass": _top_label_ece,
    "C.brier_multiclass_sum": lambda i: float(calibration.brier_rows(*_multiclass(i)).mean()),
    "C.nll_multiclass": lambda i: float(calibration.nll_rows(*_multiclass(i)).mean()),
    "C.ece_conf_exactly_one": _confidence(calibration.ece, 10),
    "C.consistency_resampling_10": _consistency,
    "C.mce_equal_width_10": _confidence(calibration.mce, 10),
    "C.mce_equal_width_15": _confidence(calibration.mce, 15),
    "C.l2ece_equal_width_10": _confidence(calibration.ece_l2, 10),
    "C.l2ece_equal_width_15": _confidence(calibration.ece_l2, 15),
    "C.brier_decomposition_10bins": _murphy,
    "C.temperature_scaling": _temperature,
    "A.noise_corrected_disagreement": _diffy,
    "A.inherited_error": _inherited,
    "D.clopper_pearson": _clopper_pearson,
    "D.hoeffding_bentkus_p": lambda i: [
        risk_control.hoeffding_bentkus_p(*each) for each in zip(i["r_hat"], i["n"], i["alpha"], strict=True)
    ],
    "D.binomial_tail_p_risk": lambda i: [
        float(risk_control.binomial_risk_p(*each)) for each in zip(i["errors"], i["n"], i["alpha"], strict=True)
    ],
    "D.crc_threshold_rule": _conformal,
    "D.break_even": _break_even,
    "E.rule_of_three": lambda i: {"exact": [proportion.bound_of_none(n, i["conf"]) for n in i["n"]]},
    "E.rogan_gladen": _rogan_gladen,
    "E.safety_drift_exact": _safety_drift,
    "F.mlperf_query_count": lambda i: {
        "raw": [early_stopping.query_count(p, i["confidence"]) for p in i["percentile"]],
        "rounded_up_to_8192": [early_stopping.rounded_query_count(p, i["confidence"]) for p in i["percentile"]],
    },
    "F.mlperf_early_stopping_h_min": lambda i: [
        early_stopping.h_min(t, p, i["confidence"]) for t, p in zip(i["t"], i["p"], strict=True)
    ],
    "F.coordinated_omission": _omission,
    "F.tpot": lambda i: {"tpot_ms": 1000 * (time_per_token(i["e2e_s"], i["ttft_s"], i["output_tokens"]) or 0.0)},
    "F.quantile_type7": lambda i: [quantile.quantile(i["x"], q) for q in i["q"]],
    "F.quantile_ci95_order_statistic": _order_statistics,
    # The bound is one-sided, so each tail of the two-sided level has to hold its 5%.
    "F.min_n_for_quantile_upper_bound": lambda i: [quantile.smallest_n(p, 2 * i["conf"] - 1) for p in i["p"]],
}

# Oracles of which evalkit has no function, each with the reason. A line goes as soon as its function comes.
WITHOUT_A_FUNCTION: dict[str, str] = {
    "A.cohen_kappa_se_ci95": "the interval of kappa is a bootstrap, which knows of groups",
    "A.kendall_tau_b_row1_row3": "rank correlation over choices is no metric: distances and top-k overlap are",
    "A.spearman_row1": "rank correlation over choices is no metric: distances and top-k overlap are",
    "B.mover_wilson_ratio_ci95": "an oracle only: Tang's score interval decides, Bonett-Price and Wald stand beside it",
    "B.unpaired_newcombe_diff_ci95_WRONG_for_paired": "wrong for pairs: a test below refuses it",
    "G.psi": "shadow traffic: how far live inputs have moved",
    "G.energy_distance": "shadow traffic: how far live inputs have moved",
    "G.wasserstein_ks": "shadow traffic: how far live inputs have moved",
    "G.chi2": "shadow traffic: how far live inputs have moved",
    "G.mmd2_rbf": "shadow traffic: how far live inputs have moved",
    "G.beta_mixture_confidence_sequence": "shadow traffic: estimates from a stream or from a labelled part of it",
    "G.stratified_estimate": "shadow traffic: estimates from a stream or from a labelled part of it",
    "H.minhash_estimate": "contamination of the examples by training data",
    "H.lsh_collision_prob": "contamination of the examples by training data",
    "G.confseq_bernoulli_300": "shadow traffic: estimates from a stream or from a labelled part of it",
}


def _stem(name: str) -> str:
    return re.sub(r"\[.*\]$", "", name)


def _agree(seen: Any, expected: Any, tolerance: float) -> bool:
    """`seen` may lack keys of an expected mapping: the function is then about a part of it."""
    if isinstance(expected, dict):
        return bool(seen) and all(_agree(value, expected[key], tolerance) for key, value in seen.items())
    if expected is None or (isinstance(expected, list) and "nan" in expected):
        return seen is None
    if isinstance(expected, str) and expected not in ("inf", "-inf"):
        return bool(seen == expected)
    if isinstance(expected, list):
        pairs = zip(seen, expected, strict=True)
        return all(_agree(left, right, tolerance) for left, right in pairs)
    wanted = float(expected)
    return seen == wanted if math.isinf(wanted) else abs(seen - wanted) <= tolerance


def test_every_oracle_has_a_function_or_is_listed_as_without_one() -> None:
    known = set(FUNCTIONS) | set(WITHOUT_A_FUNCTION)
    assert known == {_stem(oracle["name"]) for oracle in ORACLES}
    assert not set(FUNCTIONS) & set(WITHOUT_A_FUNCTION)
    assert all(len(reason.split()) > 2 for reason in WITHOUT_A_FUNCTION.values())


@pytest.mark.parametrize(
    "oracle",
    [pytest.param(oracle, id=oracle["name"]) for oracle in ORACLES if _stem(oracle["name"]) in FUNCTIONS],
)
def test_the_oracle_is_met_to_its_tolerance(oracle: dict[str, Any]) -> None:
    inputs = oracle["inputs"]
    seen = FUNCTIONS[_stem(oracle["name"])](inputs)
    assert _agree(seen, oracle["expected"], oracle["tolerance"]), (seen, oracle["expected"])


def test_the_unpaired_interval_is_not_what_comes_back() -> None:
    (oracle,) = (o for o in ORACLES if o["name"].startswith("B.unpaired_newcombe"))
    seen = paired.difference_tango(*_table(oracle["inputs"]), 0.95)
    assert not _agree(seen, oracle["expected"], 0.005)


# --- the same numbers through the metrics of a suite -----------------------------------------------------

# Oracle → metric, and what it must be multiplied by; with two labels a Brier score counts each miss twice.
METRICS: dict[str, tuple[str, float]] = {
    "C.ece_equal_width_15": ("calibration.ece.student", 1.0),
    "C.brier_binary": ("calibration.brier.student", 0.5),
    "C.nll_binary": ("calibration.nll.student", 1.0),
    "C.auroc_confidence": ("calibration.auroc.student", 1.0),
    "C.aurc": ("calibration.aurc.student", 1.0),
    "C.smece": ("calibration.smooth_ece.student", 1.0),
    "C.overconfidence_on_wrong": ("calibration.overconfident_errors.student", 1.0),
}
KEYS = {"C.aurc": "aurc", "C.smece": "smece", "C.overconfidence_on_wrong": "share_wrong_conf_ge_09"}


def _of_confidences(inputs: dict[str, Any], name: str) -> float:
    """A metric of a suite of two labels, on which the student says the first with these confidences."""
    at = inputs["confidence"]
    said = ["yes"] * len(at)
    pairs = Case(
        labels=("yes", "no"),
        target=["yes" if each else "no" for each in inputs["correct"]],
        teacher=said,
        student=said,
        student_probs=[(each, 1.0 - each) for each in at],
    ).pairs()
    family = catalogue()[name][1]
    assert family is not None
    found = family.measure(pairs, Setting(0.95, 0, ("oracle",), 5))[name]
    assert isinstance(found, Estimate)
    return found.value


@pytest.mark.parametrize("oracle", [each for each in ORACLES if each["name"] in METRICS], ids=lambda each: each["name"])
def test_a_metric_of_confidence_is_the_published_number(oracle: dict[str, Any]) -> None:
    metric, scale = METRICS[oracle["name"]]
    expected = oracle["expected"][KEYS[oracle["name"]]] if oracle["name"] in KEYS else oracle["expected"]
    # Four of the 200 confidences are another's: the metric averages over their orders, the oracle has the order given.
    tolerance = max(oracle["tolerance"], 1e-4 if oracle["name"] == "C.aurc" else 0.0)
    assert scale * _of_confidences(oracle["inputs"], metric) == pytest.approx(expected, abs=tolerance)


def test_the_signed_gap_is_the_published_one() -> None:
    (oracle,) = (each for each in ORACLES if each["name"] == "C.overconfidence_on_wrong")
    found = _of_confidences(oracle["inputs"], "calibration.signed_gap.student")
    assert found == pytest.approx(oracle["expected"]["signed_gap"], abs=oracle["tolerance"])
