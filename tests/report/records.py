"""Small runs to report on: one per verdict, one waived, one whose every text is hostile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalkit.types import (
    CriterionRow,
    CriterionStatus,
    Effect,
    Estimate,
    Flip,
    Measured,
    MetricRow,
    Pair,
    Question,
    RegressedSlice,
    Scored,
    Transition,
    Undefined,
    Verdict,
    VerdictWord,
    Waiver,
)
from evalkit.types.record import RunRecord

GOLD, SAFETY = "support-intents", "safety"
HOSTILE = (
    "<script>alert(1)</script></script><img src=x onerror=alert(2)>",
    "![x](http://evil.example/p.png) [y](javascript:alert(3)) @admin #1 `a` | b",
    "abc\u202edcba\u2066x\u2069\u200b\u200e\u061c",
    "\x1b[2J\x1b[31mred\x1b[0m\x07\x00\x9b31m",
    "lone \ud800 and \udfff, \ufffe\uffff",
    "=cmd|' /C calc'!A0",
    "]]> &amp; \" ' --> <!--",
    "::error file=a::b\n##[error]c\r\n::add-mask::d",
    "{{ 7 * 7 }} {% raw %}",
    "x" * 1_000_000,
)


def estimate(value: float, half: float = 0.0, *, n: int = 2000, low: float | None = None) -> Estimate:
    """An estimate with a symmetric interval."""
    start = value - half if low is None else low
    return Estimate(value=value, low=start, high=value + half, level=0.9, n=n, method="Tang score interval, paired")


def metric(
    name: str, measured: Measured, unit: str, *, suite: str | None = GOLD, slice: str | None = None, **more: Any
) -> MetricRow:
    question = Question(metric=name, suite=suite, slice=slice, versus=more.get("versus", "teacher"))
    direction = "higher" if name.startswith(("accuracy", "score")) else "lower"
    return MetricRow(question=question, measured=measured, direction=more.get("direction", direction), unit=unit)


def criterion(
    id: str,
    name: str,
    status: CriterionStatus,
    measured: Measured,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    suite: str | None = GOLD,
    effect: Effect = "block",
    **more: Any,
) -> CriterionRow:
    keys = ("slice", "where", "versus")
    question = Question(metric=name, suite=suite, **{key: more.pop(key) for key in keys if key in more})
    fields: dict[str, Any] = {"on_missing": "inconclusive", "by": "interval", "reason": ""} | more
    return CriterionRow(
        id=id,
        question=question,
        effect=effect,
        status=status,
        measured=measured,
        at_least=at_least,
        at_most=at_most,
        **fields,
    )


def side(answer: str | None, correct: bool | None, confidence: float | None = 0.9312, **more: Any) -> Scored:
    fields: dict[str, Any] = {"status": "ok", "unparsable": False, "why": "", "text": answer, "error": None} | more
    return Scored(answer=answer, correct=correct, confidence=confidence, latency_s=0.02, **fields)


def pair(id: str, flip: Flip = "right_to_wrong", *, suite: str = GOLD, **more: Any) -> Pair:
    fields: dict[str, Any] = {
        "input": "I lost my card yesterday and I want my money back.",
        "target": "card_lost",
        "slices": {"language": "de", "length": "short"},
        "severity": "normal",
        "teacher": side("card_lost", True, 0.98),
        "student": side("refund", False),
    }
    return Pair(suite=suite, id=id, flip=flip, **({"group": None} | fields | more))


MANIFEST: Mapping[str, Any] = {
    "schema": "evalkit/manifest/v1",
    "run_id": "20261122T023000Z-intents-int4",
    "command": ["evalkit", "gate", "evalkit.yaml", "--out", "runs/my run"],
    "started": "2026-11-22T02:30:00+00:00",
    "finished": "2026-11-22T02:43:32.400000+00:00",
    "seed": 0,
    "evalkit": "0.1.0",
    "plan": {"text": "schema: evalkit/plan/v1\nteacher: ./models/teacher\n", "path": "evalkit.yaml"},
    "policy": {
        "name": "recovery-97",
        "text": "schema: evalkit/policy/v1\nlevel: 0.95\n",
        "digest": "sha256:77aa",
        "level": 0.95,
    },
    "suites": [
        {
            "name": GOLD,
            "kind": "gold",
            "task": "classify",
            "version": 3,
            "n": 2000,
            "digest": "sha256:5d17",
            "path": "suites/support-intents",
            "labels": ["card_lost", "refund", "limit", "address"],
            "scorer": "label",
            "slice_names": ["language", "length"],
        },
        {"name": SAFETY, "kind": "safety-refusal", "task": "generate", "version": 1, "n": 300, "digest": "sha256:0c1f"},
    ],
    "models": {
        "teacher": {
            "name": "acme/intents-base",
            "backend": "transformers",
            "weights_digest": "sha256:4b2d3f60c9a1",
            "parameters": 109_482_240,
            "bytes": 437_928_960,
            "dtype": "float32",
            "device": "cpu",
        },
        "student": {
            "name": "intents-int4",
            "backend": "transformers",
            "weights_digest": "sha256:e3b0c44298fc",
            "parameters": 66_955_010,
            "bytes": 48_120_000,
            "dtype": "int4",
            "device": "cpu",
        },
    },
    "versions": {"python": "3.11.9", "torch": "2.13.0", "transformers": "5.23.0"},
    "hardware": {"machine": "x86_64", "cpu": "Xeon 8488C", "cores": 16, "memory_bytes": 67_108_864_000, "gpu": None},
    "notes": ["batch-shape audit: 0 of 64 answers changed with the batch size"],
}

RESULTS: tuple[MetricRow, ...] = (
    metric("accuracy.teacher", estimate(0.9065, 0.0107), "share"),
    metric("accuracy.student", estimate(0.8575, 0.0129), "share"),
    metric("accuracy.difference", estimate(-0.0490, 0.0115), "difference"),
    metric("accuracy.retention", estimate(0.9459, 0.0124), "ratio"),
    metric(
        "accuracy.mcnemar_p", Estimate(value=3e-12, low=None, high=None, level=0.9, n=2000, method="exact"), "p-value"
    ),
    metric("flips.right_to_wrong.count", estimate(142.0), "count"),
    metric("flips.right_to_wrong.rate", estimate(0.0783, 0.0104), "share"),
    metric("agreement.kl", estimate(0.08123, 0.0091), "nats"),
    metric("calibration.brier.teacher", estimate(0.1421, 0.0112), "score"),
    metric("calibration.brier.student", estimate(0.2013, 0.0141), "score"),
    metric("calibration.brier.difference", estimate(0.0592, 0.0089), "score"),
    metric("calibration.auroc.student", Undefined(reason="only one class was answered"), "score"),
    metric("outputs.error_rate.teacher", estimate(0.0), "share"),
    metric("outputs.error_rate.student", estimate(0.0015), "share"),
    metric("outputs.unparsable_rate.student", estimate(0.0), "share"),
    *(
        row
        for name, value, half, lost, n in (
            ("language=de", -0.1430, 0.040, 34, 210),
            ("language=en", -0.0210, 0.011, 71, 1490),
            ("length=short", -0.0010, 0.019, 12, 300),
            ("target=refund", -0.2110, 0.048, 61, 250),
            ("target=limit", 0.0040, 0.021, 3, 480),
        )
        for row in (
            metric("accuracy.difference", estimate(value, half, n=n), "difference", slice=name),
            metric("accuracy.retention", estimate(1 + value / 0.9, half, n=n), "ratio", slice=name),
            metric("flips.right_to_wrong.count", estimate(float(lost), n=n), "count", slice=name),
        )
    ),
    metric("accuracy.difference", Undefined(reason="too few groups (9)"), "difference", slice="language=fr"),
    metric("safety.newly_unsafe.rate", estimate(0.06, 0.0275, n=300), "share", suite=SAFETY),
)
TIMINGS: tuple[MetricRow, ...] = (
    metric("latency.p50.teacher", estimate(0.0841, 0.0021, n=320), "seconds", suite=None),
    metric("latency.p50.student", estimate(0.0324, 0.0011, n=320), "seconds", suite=None),
    metric("latency.speedup.p50", estimate(2.596, 0.081, n=320), "ratio", suite=None),
    metric("size.bytes.teacher", estimate(437_928_960.0, n=1), "bytes", suite=None),
    metric("size.bytes.student", estimate(48_120_000.0, n=1), "bytes", suite=None),
)
REGRESSED = (
    RegressedSlice(suite=GOLD, slice="target=refund", difference=-0.211, n=250, lost=61, gained=8, p_holm=2e-9),
    RegressedSlice(suite=GOLD, slice="language=de", difference=-0.143, n=210, lost=34, gained=4, p_holm=0.0004),
)
SPEED = criterion(
    "speed", "latency.speedup.p50", "pass", estimate(2.596, 0.081, n=320), at_least=1.5, suite=None, effect="warn"
)


def run(word: VerdictWord, reasons: tuple[str, ...], criteria: tuple[CriterionRow, ...] = (), **more: Any) -> RunRecord:
    """A record with that verdict; `more` overrides fields of the verdict or of the record."""
    of_verdict = {key: more.pop(key) for key in ("waivers", "regressed") if key in more}
    fields: dict[str, Any] = {
        "manifest": MANIFEST,
        "results": RESULTS,
        "timings": TIMINGS,
        "transitions": {
            GOLD: Transition(
                both_right=1671, right_to_wrong=142, wrong_to_right=44, both_wrong_same=101, wrong_to_other_wrong=42
            )
        },
        "pairs": (
            pair("s00031", suite=SAFETY, severity="critical", target=None, flip="no_target"),
            *(pair(f"q{number:05}") for number in range(14)),
            pair("q00412", "wrong_to_right", student=side("card_lost", True), teacher=side("refund", False)),
        ),
        "pairs_total": 2300,
    }
    fields |= more
    fields.setdefault("changed", len(fields["pairs"]))
    return RunRecord(verdict=Verdict(word=word, reasons=reasons, criteria=criteria, **of_verdict), **fields)


def passing() -> RunRecord:
    rows = (
        criterion("retention", "accuracy.retention", "pass", estimate(0.9861, 0.0091), at_least=0.97),
        criterion(
            "unsafe",
            "safety.newly_unsafe.rate",
            "pass",
            estimate(0.0, 0.012, n=300, low=0.0),
            at_most=0.02,
            suite=SAFETY,
        ),
        SPEED,
    )
    return run("pass", ("2 of 2 blocking criteria hold.",), rows, pairs=(pair("q00001"),))


def failing() -> RunRecord:
    rows = (
        criterion(
            "slices",
            "accuracy.difference",
            "pass",
            estimate(-0.021, 0.011, n=1490),
            at_least=-0.10,
            slice="language=en",
        ),
        criterion(
            "retention",
            "accuracy.retention",
            "fail",
            estimate(0.9459, 0.0124),
            at_least=0.97,
            reason="94.6 % of the teacher's accuracy is kept, 97 % is needed.",
            examples=("q00000", "q00001", "q00002"),
        ),
        criterion(
            "slices",
            "accuracy.difference",
            "inconclusive",
            estimate(-0.143, 0.045, n=210),
            at_least=-0.10,
            slice="language=de",
            reason=(
                "−14.3 pts [−18.8, −9.8] (n = 210): the interval holds the bound −10.0 pts; about 20 more examples "
                "would settle it as a fail if the estimate stays (an even chance); n = 210 can rule out a drop of "
                "6.9 pts or more"
            ),
        ),
        criterion(
            "unsafe", "safety.newly_unsafe.rate", "fail", estimate(0.06, 0.0275, n=300), at_most=0.02, suite=SAFETY
        ),
        criterion(
            "regression",
            "accuracy.difference",
            "not_evaluated",
            Undefined(reason="no champion"),
            at_least=-0.02,
            versus="champion",
            on_missing="skip",
            reason="no champion",
        ),
        criterion(
            "must-pass",
            "flips.right_to_wrong.count",
            "pass",
            estimate(0.0, n=12),
            at_most=0,
            by="value",
            where=(("severity", ("critical",)),),
        ),
        SPEED,
    )
    reasons = ("2 of 5 blocking criteria fail, 1 is inconclusive.", "regression was skipped: no champion.")
    return run("fail", reasons, rows, regressed=REGRESSED)


def inconclusive() -> RunRecord:
    row = criterion(
        "retention",
        "accuracy.retention",
        "inconclusive",
        estimate(0.979, 0.0205, n=400),
        at_least=0.975,
        reason=(
            "97.9 % [95.8, 99.9] (n = 400): the interval holds the bound 97.5 %; about 11,000 more examples would "
            "settle it as a pass if the estimate stays (an even chance; evalkit power RUN plans for 80 %); n = 400 can "
            "rule out a drop of 3.0 pts or more"
        ),
    )
    return run("inconclusive", ("1 criterion cannot be settled with this much data.",), (row, SPEED))


def broken() -> RunRecord:
    manifest = {key: value for key, value in MANIFEST.items() if key != "finished"}
    return run(
        "broken",
        (
            "The student failed on 41 of 2000 examples of support-intents (2.1 %); at most 1 % may.",
            "Last error: out of memory",
        ),
        manifest=manifest,
        results=(),
        timings=(),
        transitions={},
        pairs=(),
        pairs_total=0,
    )


def empty() -> RunRecord:
    return replace(broken(), verdict=Verdict(word="empty", reasons=("--limit 0 left no example.",)))


def ungated() -> RunRecord:
    return run("ungated", ("No policy was given.",), regressed=REGRESSED)


def waived() -> RunRecord:
    waiver = Waiver(criterion="retention", owner="Ada", reason="small market, mended in v4", expires="2026-12-31")
    rows = (
        criterion(
            "retention", "accuracy.retention", "waived", estimate(0.9459, 0.0124), at_least=0.97, reason="waived"
        ),
        criterion("drop", "accuracy.difference", "pass", estimate(-0.049, 0.0115), at_least=-0.1),
    )
    return run("pass", ("1 of 2 blocking criteria holds, 1 is waived.",), rows, waivers=(waiver,))


def hostile(texts: tuple[str, ...] = HOSTILE) -> RunRecord:
    """Every text that a user, a model or a file can put into a record is hostile."""
    one = "".join(text[:200] for text in texts)
    manifest: dict[str, Any] = {
        "run_id": one,
        "command": [one],
        "started": one,
        "policy": {"name": one, "text": one},
        "plan": {"text": one},
        "suites": [{"name": one, "kind": "gold", "task": one, "n": one}],
        "models": {"student": {"name": one, "digest": one}, "teacher": {"name": one}},
        "versions": {one: one},
        "hardware": one,
        "notes": [one, 3, None],
    }
    rows = tuple(
        criterion(text[:300], text[:300], "fail", estimate(0.5, 0.1), at_least=0.9, suite=text, slice=text, reason=text)
        for text in texts
    )
    missing = criterion(one, one, "not_evaluated", Undefined(reason=one), at_least=0.5, where=((one, (one,)),))
    said = side(one, False, why=one, error=one)
    pairs = tuple(
        pair(text, suite=one, input=text, target=text, slices={one: one}, teacher=side(text, True), student=said)
        for text in texts
    )
    return run(
        "fail",
        texts,
        (*rows, missing),
        manifest=manifest,
        results=(metric("accuracy.difference", estimate(-0.1, 0.01), "difference", suite=one, slice=one), *RESULTS),
        transitions={
            one: Transition(both_right=1, right_to_wrong=1, wrong_to_right=0, both_wrong_same=0, wrong_to_other_wrong=0)
        },
        pairs=pairs,
        waivers=(Waiver(criterion=one, owner=one, reason=one, expires=one),),
        regressed=(RegressedSlice(suite=one, slice=one, difference=-0.1, n=9, lost=3, gained=0, p_holm=0.01),),
    )


ALL = {
    "pass": passing,
    "fail": failing,
    "inconclusive": inconclusive,
    "broken": broken,
    "empty": empty,
    "ungated": ungated,
    "waived": waived,
    "hostile": hostile,
}
