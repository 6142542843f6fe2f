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

from evalkit.stats import agreement, calibration, distance, multiple, paired, power, proportion, quantile
from evalkit.stats.f1 import macro_f1
from evalkit.stats.mean import mean_interval
from evalkit.stats.per_token import time_per_token

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


def _consistency_ece(inputs: dict[str, Any]) -> dict[str, float]:
    return {"ece": calibration.ece(inputs["confidence"], inputs["correct"], 10)}


def _size(function: Callable[..., int]) -> Check:
    return lambda i: function(
        i["margin"], i["discordance"], i["true_diff"], level=1 - i["alpha_one_sided"], power=i["power"]
    )


FUNCTIONS: dict[str, Check] = {
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
    "B.paired_t_ci90": lambda i: mean_interval(np.subtract(i["student"], i["teacher"]), 0.90),
    "B.p_adjust_holm": lambda i: multiple.holm(i["p"]),
    "B.p_adjust_bh": lambda i: multiple.benjamini_hochberg(i["p"]),
    "B.p_adjust_by": lambda i: multiple.benjamini_yekutieli(i["p"]),
    "B.p_adjust_hochberg": lambda i: multiple.hochberg(i["p"]),
    "B.sample_size_noninferiority": _size(power.sample_size_quick),
    "B.sample_size_noninferiority_tango": _size(power.sample_size),
    "B.min_detectable_regression": lambda i: power.minimum_detectable_drop(i["n"], i["discordance"], 0.95, i["power"]),
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
    "C.aurc": lambda i: {"aurc": calibration.aurc(i["confidence"], i["correct"])},
    "C.overconfidence_on_wrong": lambda i: {
        "share_wrong_conf_ge_09": calibration.overconfident_errors(i["confidence"], i["correct"])
    },
    "C.top_label_ece_10_multiclass": _top_label_ece,
    "C.brier_multiclass_sum": lambda i: float(calibration.brier_rows(*_multiclass(i)).mean()),
    "C.nll_multiclass": lambda i: float(calibration.nll_rows(*_multiclass(i)).mean()),
    "C.ece_conf_exactly_one": _confidence(calibration.ece, 10),
    "C.consistency_resampling_10": _consistency_ece,
    "D.clopper_pearson": _clopper_pearson,
    "E.rule_of_three": lambda i: {"exact": [proportion.clopper_pearson(0, n, 0.90).high for n in i["n"]]},
    "E.safety_drift_exact": _safety_drift,
    "F.tpot": lambda i: {"tpot_ms": 1000 * (time_per_token(i["e2e_s"], i["ttft_s"], i["output_tokens"]) or 0.0)},
    "F.quantile_type7": lambda i: [quantile.quantile(i["x"], q) for q in i["q"]],
    "F.quantile_ci95_order_statistic": _order_statistics,
    # The bound is one-sided, so each tail of the two-sided level has to hold its 5%.
    "F.min_n_for_quantile_upper_bound": lambda i: [quantile.smallest_n(p, 2 * i["conf"] - 1) for p in i["p"]],
}

# For these the room has no function: other rooms compute them, or nobody does yet.
WITHOUT_A_FUNCTION = [
    "A.agreement_top1",
    "A.cohen_kappa_se_ci95",
    "A.transition_table",
    "A.kendall_tau_b_row1_row3",
    "A.spearman_row1",
    "A.llamacpp_kl_stats",
    "A.chrf_corpus_and_sentence",
    "A.rougeL_f",
    "A.norm_levenshtein_similarity",
    "A.noise_corrected_disagreement",
    "A.inherited_error",
    "B.mover_wilson_ratio_ci95",
    "B.tost_paired_t",
    "B.noninferiority_paired_t",
    "B.delta_log_ratio_ci95_z",
    "B.verdict",
    "B.unpaired_newcombe_diff_ci95_WRONG_for_paired",
    "C.mce_equal_width_10",
    "C.l2ece_equal_width_10",
    "C.mce_equal_width_15",
    "C.l2ece_equal_width_15",
    "C.brier_decomposition_10bins",
    "C.temperature_scaling",
    "C.ece_bias_perfectly_calibrated_15bins",
    "D.hoeffding_bentkus_p",
    "D.binomial_tail_p_risk",
    "D.crc_threshold_rule",
    "D.break_even",
    "E.rogan_gladen",
    "G.ppi_mean_lam1",
    "G.classical_mean_same_labels",
    "F.speedup_definitions",
    "F.mlperf_query_count",
    "F.mlperf_early_stopping_h_min",
    "F.coordinated_omission",
    "F.flops_linear",
    "G.psi",
    "G.energy_distance",
    "G.wasserstein_ks",
    "G.chi2",
    "G.mmd2_rbf",
    "G.beta_mixture_confidence_sequence",
    "G.stratified_estimate",
    "H.minhash_estimate",
    "H.lsh_collision_prob",
    "G.confseq_bernoulli_300",
]


def _stem(name: str) -> str:
    return re.sub(r"\[.*\]$", "", name)


def _agree(seen: Any, expected: Any, tolerance: float) -> bool:
    """`seen` may lack keys of an expected mapping: the function is then about a part of it."""
    if isinstance(expected, dict):
        return bool(seen) and all(_agree(value, expected[key], tolerance) for key, value in seen.items())
    if expected is None or (isinstance(expected, list) and "nan" in expected):
        return seen is None
    if isinstance(expected, list):
        pairs = zip(seen, expected, strict=True)
        return all(_agree(left, right, tolerance) for left, right in pairs)
    wanted = float(expected)
    return seen == wanted if math.isinf(wanted) else abs(seen - wanted) <= tolerance


def test_every_oracle_has_a_function_or_is_listed_as_without_one() -> None:
    known = set(FUNCTIONS) | set(WITHOUT_A_FUNCTION)
    assert known == {_stem(oracle["name"]) for oracle in ORACLES}
    assert not set(FUNCTIONS) & set(WITHOUT_A_FUNCTION)


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
