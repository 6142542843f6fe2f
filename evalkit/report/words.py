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
    "fallback": "The student answers where it is confident, its teacher elsewhere.",
    "latency": "Time per request.",
    "throughput": "Requests or tokens per second.",
    "size": "Parameters and bytes.",
    "memory": "Peak memory.",
    "energy": "Energy per request.",
    "flops": "Arithmetic per request.",
    "cost": "Cost per request.",
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
    ("slice", "Examples that share a property, such as a language. target=x is the class x."),
    ("Holm-adjusted", "Corrected for looking at many slices at once, so that chance alone seldom names one."),
    ("n", "How many examples a number rests on."),
)
