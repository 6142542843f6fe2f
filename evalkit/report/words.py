"""What the report says about its own terms."""

from __future__ import annotations

FAMILIES: dict[str, str] = {
    "accuracy": "How often the answer is right. Errored, empty and unparsable outputs count as wrong.",
    "score": "How good the answer is, on a continuous scale.",
    "f1_macro": "F1, averaged over classes.",
    "fields": "F1 of each extracted field.",
    "flips": "Examples whose outcome differs between teacher and student.",
    "errors": "Which of the student's errors come from its teacher, and which are its own.",
    "agreement": "How far the student says what its teacher says, right or wrong.",
    "calibration": "Whether confidence means what it says. Decide on Brier or NLL; ECE is for reading.",
    "safety": "Refusing what is harmful, answering what only looks harmful.",
    "outputs": "Outputs that are not plain answers, and their length.",
    "fallback": "The student answers where it is confident, its teacher or a human elsewhere.",
    "latency": "Time per request.",
    "throughput": "Requests or tokens per second.",
    "size": "Parameters and bytes.",
    "memory": "Peak memory.",
    "energy": "Energy per request.",
    "flops": "Arithmetic per request.",
    "cost": "Cost of a thousand requests.",
}

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("teacher, student", "The model that works today, and the cheaper one that may replace it."),
    ("interval", "The range that the data leave open for a number. The policy decides on its end, not on its middle."),
    ("bound", "What a criterion asks for: at least (≥) or at most (≤). The dashed line in a drawing."),
    ("pass, fail, inconclusive", "The whole interval is on the good side; on the bad side; or the bound is inside it."),
    ("not evaluated", "The criterion had nothing to apply to, or its metric is undefined. Never counted as a pass."),
    ("waived", "A named person let a criterion go until a date. It does not hold; it is only not blocking."),
    ("retention", "The student's accuracy as a share of its teacher's."),
    ("pts", "Percentage points: a difference between two percentages, student − teacher."),
    ("lost, gained", "Examples that the teacher got right and the student wrong, and the reverse."),
    ("newly unsafe", "The teacher refused what must be refused, and the student complies."),
    ("newly over-cautious", "The teacher complied with what must be answered, and the student refuses."),
    ("noise floor", "How often the teacher disagrees with itself when it is asked twice."),
    ("unstable", "The teacher's own second run, or another of its samples, came out differently on that example."),
    ("no clear difference", "The interval leaves room for no difference at all, so nothing is said of either side."),
    ("slice", "Examples that share a property, such as a language. target=x is the class x."),
    ("Holm-adjusted", "Corrected for looking at many slices at once, so that chance alone seldom names one."),
    ("n", "How many examples a number rests on."),
)

# What a metric is, in words; a name without its last part stands for all that share it.
METRICS: dict[str, str] = {
    "accuracy": "the share of answers that are right",
    "accuracy.retention": "the student's accuracy as a share of its teacher's",
    "accuracy.retention_above_chance": "what the student keeps of its teacher's lead over guessing",
    "accuracy.minimum_detectable_drop": "the smallest drop in accuracy that so many examples can rule out",
    "accuracy.mcnemar_p": "how often chance alone would tell the two models' right answers so far apart",
    "score": "the mean of the marks, 0 to 1",
    "score.retention": "the student's mean marks as a share of its teacher's",
    "f1_macro": "F1 of each class, averaged over the classes",
    "fields.f1": "F1 over the values of all extracted fields",
    "flips.rate": "the share of examples that came out differently",
    "flips.right_to_wrong": "examples that the teacher got right and the student wrong",
    "flips.right_to_wrong_stable": "examples that the teacher got right both times and the student wrong",
    "flips.wrong_to_right": "examples that the teacher got wrong and the student right",
    "flips.wrong_to_other_wrong": "examples that both got wrong, in different ways",
    "flips.unstable": "examples on which the teacher's own second run came out differently",
    "flips.excess_rate": "flips beyond those that the teacher has with itself",
    "errors.inherited": "the student's errors that its teacher makes too",
    "errors.introduced": "errors of the student that its teacher does not make",
    "errors.consistency_kappa": "how far the two models err on the same examples, beyond chance",
    "agreement": "how far the student says what its teacher says, right or wrong",
    "agreement.top1": "the share of examples with the same answer",
    "agreement.exact": "the share of examples with the same text",
    "agreement.noise_floor": "how often the teacher disagrees with itself when it is asked twice",
    "agreement.excess_disagreement": "disagreement beyond what the teacher has with itself",
    "agreement.token_top1": "how often both models would write the same next word of the teacher's answers",
    "agreement.first_divergence": "how far into the teacher's answers the student would go along",
    "agreement.kl": "how far the student's probabilities are from its teacher's (Kullback–Leibler)",
    "calibration": "whether confidence means what it says",
    "calibration.brier": "the squared error of the probabilities; 0 is best",
    "calibration.nll": "the log-loss of the probabilities; 0 is best",
    "calibration.ece": "the mean gap between confidence and being right",
    "calibration.aurc": "the mean share of errors among the surest answers",
    "calibration.auroc": "how well confidence tells right answers from wrong ones",
    "calibration.overconfident_errors": "the share of answers that are sure and wrong",
    "safety.newly_unsafe": "what must be refused, was refused by the teacher, and is complied with by the student",
    "safety.newly_unsafe_corrected": "newly unsafe answers, corrected for the detector's own errors",
    "safety.refusal_rate": "the share that is refused of what must be refused",
    "safety.refusal_rate_corrected": "the share refused of what must be, corrected for the detector's own errors",
    "safety.over_refusal": "the share of harmless prompts that get no answer",
    "safety.over_refusal_corrected": "harmless prompts without an answer, corrected for the detector's own errors",
    "safety.undetermined": "the share of answers that are neither a refusal nor an answer",
    "outputs.error_rate": "the share of requests that failed or ran out of time",
    "outputs.empty_rate": "the share of answers that are empty",
    "outputs.truncated_rate": "the share of answers that were cut off",
    "outputs.unparsable_rate": "the share of answers that could not be read",
    "outputs.length_ratio": "the length of the student's answers as a share of its teacher's",
    "fallback": "the student answers where it is confident, its teacher or a human elsewhere",
    "fallback.coverage": "the share of requests that the student answers itself",
    "fallback.accuracy": "the share of right answers of the student and who stands behind it, together",
    "fallback.saving": "what the two together save of the cost of those behind the student alone",
    "latency": "the time of a request",
    "latency.p50": "the time within which half of the requests are answered",
    "latency.p90": "the time within which 90 % of the requests are answered",
    "latency.p95": "the time within which 95 % of the requests are answered",
    "latency.p99": "the time within which 99 % of the requests are answered",
    "latency.speedup": "the teacher's time divided by the student's, request by request",
    "latency.speedup.fixed_budget": "the teacher's time divided by the student's, for answers of equal length",
    "latency.ttft": "the time to the first token",
    "latency.tpot": "the time per further token",
    "throughput.requests": "requests answered in a second",
    "throughput.tokens": "tokens written in a second",
    "size.parameters": "the number of parameters",
    "size.bytes": "the bytes of the weights",
    "memory.peak": "the most memory in use at any time",
    "energy.per_request": "the energy of a request",
    "flops.per_request": "the arithmetic operations of a request",
    "cost.per_thousand": "the cost of a thousand requests",
}
_ROLES = {"teacher": ", of the teacher", "student": ", of the student"}
_LAST = {"difference": "; student − teacher", "ratio": "; student as a share of its teacher"}


def metric(name: str) -> str:
    """A metric in words: its own, or those of the nearest name above it; empty for one that nothing is said of."""
    base, _, last = name.rpartition(".")
    ending = _ROLES.get(last, "") or _LAST.get(last, "")
    at = name if name in METRICS else base if ending else name
    while at and at not in METRICS:
        at = at.rpartition(".")[0]
    found = METRICS.get(at, "") or FAMILIES.get(name.partition(".")[0], "").rstrip(".")
    return f"{found}{ending}" if found else ""
