"""Whether confidence means what it says: stated against right, for both models, and what a temperature mends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from evalkit import figures
from evalkit.report.drawing.reliability import Links
from evalkit.report.query import href
from evalkit.report.sections.compare import Compared, level_of, level_words, percent, several, word_of, written
from evalkit.report.sections.whole import Whole
from evalkit.report.view import Reading, View
from evalkit.types import Estimate
from evalkit.types.points import Bin, Reliability, RiskCoverage
from evalkit.types.record import RunRecord

_AFTER, _READ_ONLY = "calibration.temperature", "for reading only"
_METRICS = (
    ("calibration.brier", "Brier score", "lower is better"),
    ("calibration.nll", "NLL", "lower is better"),
    ("calibration.signed_gap", "confidence less accuracy", "above 0: over-confident"),
    ("calibration.overconfident_errors", "wrong answers that were 90 % sure or more", "of the wrong answers"),
    ("calibration.ece", "ECE", f"{_READ_ONLY}: it grows as samples shrink"),
    ("calibration.smooth_ece", "smooth ECE", _READ_ONLY),
    (_AFTER, "fitted temperature", "above 1: the model is too sure"),
    (f"{_AFTER}.brier", "Brier score at that temperature", "lower is better"),
    (f"{_AFTER}.nll", "NLL at that temperature", "lower is better"),
    (f"{_AFTER}.ece", "ECE at that temperature", _READ_ONLY),
    ("calibration.mapped.brier", "Brier score, mapped", "after a curve fitted on other folds"),
    ("calibration.mapped.nll", "NLL, mapped", "after a curve fitted on other folds"),
    ("calibration.mapped.ece", "ECE, mapped", _READ_ONLY),
    ("calibration.auroc", "AUROC", "whether the surer answers are the right ones; higher is better"),
    ("calibration.aurc", "AURC", "mean risk over all coverages; lower is better"),
)
_PICKS = 11
# How the list of examples calls a model's confidence, and the longest address that a drawing may carry thirty times.
_KEYS = {"teacher": "conf.teacher", "student": "conf"}
_LONGEST = 100
_RESCALED = ", rescaled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing of reliability: its title, its models with their words, what stands in its table."""

    title: str
    stated: str
    models: tuple[tuple[Reliability, str], ...]
    rows: tuple[tuple[str, tuple[tuple[float, Reading, str | None], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The drawing of risk over coverage, and some of its points for the table: model, then coverage and risk."""

    title: str
    models: tuple[tuple[RiskCoverage, str], ...]
    rows: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """One suite. `links` gives address and words of the examples behind a mark of a drawing."""

    name: str
    told: tuple[str, ...]
    charts: tuple[Chart, ...]
    risk: Risk | None
    metrics: tuple[Compared, ...]
    level: str
    links: Links


def calibration(view: View, record: RunRecord) -> tuple[Calibrated, ...] | None:
    """The suites whose models say how sure they are."""
    whole = Whole(record)
    found = [_suite(each.name, whole, record) for each in view.suites if each.name is not None]
    return tuple(each for each in found if each is not None) or None


def _suite(suite: str, whole: Whole, record: RunRecord) -> Calibrated | None:
    metrics = tuple(_read(each) for each in several(whole, suite, _METRICS))
    points = record.points.get(suite)
    reliability = () if points is None else points.reliability
    risk = () if points is None else points.risk_coverage
    if not (metrics or reliability or risk):
        return None
    level = level_of(whole, suite)
    stated = [(each, str(each.who)) for each in reliability if not each.who.endswith(_RESCALED) and each.bins]
    mended = [(each, _mended(each, suite, whole, bool(stated))) for each in reliability if each.who.endswith(_RESCALED)]
    mended = [(each, label) for each, label in mended if each.bins]
    how = "confidence at that temperature" if stated else "confidence, mapped by a curve"
    charts = (
        _chart(f"Stated confidence on {suite}", "stated confidence", stated, suite, level),
        _chart(f"{how[0].upper()}{how[1:]} on {suite}", how, mended, suite, level),
    )
    return Calibrated(
        name=suite,
        told=_told(suite, whole, stated or mended, level),
        charts=tuple(each for each in charts if each is not None),
        risk=_risk(suite, whole, risk),
        metrics=metrics,
        level=level_words(level),
        links=_links(suite, [(each, label) for each, label in stated if each.who == "student"], level),
    )


def _read(row: Compared) -> Compared:
    """What is only for reading is called neither better nor worse."""
    return replace(row, word="") if row.note.startswith(_READ_ONLY) else row


def _mended(model: Reliability, suite: str, whole: Whole, fitted: bool) -> str:
    """What was done to a model's confidence: a temperature, or a curve where it is no probability by itself."""
    who = model.who.removesuffix(_RESCALED)
    after = whole.reading(suite, f"{_AFTER}.{who}")
    known = after is not None and after.exact is not None
    return f"{who} at temperature {after.value}" if fitted and after and known else f"{who}, mapped"


def _told(suite: str, whole: Whole, models: list[tuple[Reliability, str]], level: float) -> tuple[str, ...]:
    """What the numbers allow to say, in a few sentences."""
    said = [_surest(each, label, level) for each, label in models if each.who.startswith("student")]
    gap = whole.row(suite, "calibration.signed_gap.student")
    shown = whole.reading(suite, "calibration.signed_gap.student", bound=0.0)
    if gap is not None and isinstance(gap.measured, Estimate) and shown is not None:
        word = word_of(gap, words=("over-confident", "under-confident"))
        sense = f"is {word} on the whole" if word.endswith("confident") else "is on the whole as sure as it is right"
        extra = "" if word.endswith("confident") else ", no clear difference"
        said.append(f"The student {sense}: confidence less accuracy {shown.value} {shown.interval}{extra}.")
    for metric, name in (
        ("calibration.brier", "Brier score"),
        ("calibration.mapped.brier", "Brier score, mapped,"),
        ("calibration.aurc", "risk when only its surest answers are kept (AURC)"),
    ):
        row = whole.row(suite, f"{metric}.difference")
        reading = whole.reading(suite, f"{metric}.difference", bound=0.0)
        if row is not None and reading is not None and reading.exact is not None:
            word = {"better": "better than", "worse": "worse than"}.get(word_of(row), "not clearly different from")
            said.append(f"The student's {name} is {word} the teacher's: {reading.value} {reading.interval}.")
            break
    return tuple(said)


def _surest(model: Reliability, label: str, level: float) -> str:
    """How often the bin of the surest answers is right, of how many, and whether that is what was stated."""
    bin = model.bins[-1]
    right = written(bin.right, bin.low, bin.high, bin.n, level)
    sure = percent(bin.confidence)
    ends = right.interval.strip("[]").split(", ")
    word = ""
    # A word that the digits beside it would not bear out is left unsaid.
    if bin.high < bin.confidence and f"{ends[-1]} %" != sure:
        word = ", less often than stated"
    elif bin.low > bin.confidence and f"{ends[0]} %" != sure:
        word = ", more often than stated"
    many = figures.count(bin.n)
    who = label[0].upper() + label[1:]
    return f"{who}: the {many} surest answers state {sure} and are right {right.value} {right.interval}{word}."


def _chart(title: str, stated: str, models: list[tuple[Reliability, str]], suite: str, level: float) -> Chart | None:
    if not models:
        return None
    links = _links(suite, models, level)
    rows = []
    for each, label in models:
        found = []
        for bin in each.bins:
            link = links(each.who, bin)
            right = written(bin.right, bin.low, bin.high, bin.n, level)
            found.append((bin.confidence, right, None if link is None else link[0]))
        rows.append((label, tuple(found)))
    said = " ".join(_surest(each, label, level) for each, label in models)
    return Chart(title=f"{title}. {said}", stated=stated, models=tuple(models), rows=tuple(rows))


def _links(suite: str, models: list[tuple[Reliability, str]], level: float) -> Links:
    """The way to the examples of about a bin's confidence: up to halfway to the bins beside it."""
    around: dict[tuple[str, Bin], tuple[float, float]] = {}
    for model, _ in models:
        at = [bin.confidence for bin in model.bins]
        ends = [0.0, *(round((one + two) / 2, 4) for one, two in pairwise(at)), 1.0]
        around |= {(model.who, bin): (ends[place], ends[place + 1]) for place, bin in enumerate(model.bins)}

    def link(who: str, bin: Bin) -> tuple[str, str] | None:
        low, high = around.get((who, bin), (0.0, 0.0))
        if who not in _KEYS or low >= high:
            return None
        address = href({"suite": suite, _KEYS[who]: f"{low:g}..{high:g}"})
        right = written(bin.right, bin.low, bin.high, bin.n, level)
        said = f"{percent(bin.confidence)}: right {right.words}"
        return (address, said) if len(address) <= _LONGEST else None

    return link


def _risk(suite: str, whole: Whole, models: tuple[RiskCoverage, ...]) -> Risk | None:
    drawn = [each for each in models if each.line]
    if not drawn:
        return None
    labelled, said = [], []
    for each in drawn:
        aurc = whole.reading(suite, f"calibration.aurc.{each.who}")
        known = aurc is not None and aurc.exact is not None
        labelled.append((each, f"{each.who}, AURC {aurc.value}" if aurc and known else str(each.who)))
        half = min(each.line, key=lambda point: (abs(point[0] - 0.5), point[0]))
        whole_risk = each.line[-1]
        said.append(
            f"{each.who[0].upper()}{each.who[1:]}: {percent(half[1])} wrong among the surest {percent(half[0])}, "
            f"{percent(whole_risk[1])} among {percent(whole_risk[0])}."
        )
    rows = tuple((label, picked(each.line)) for each, label in labelled)
    title = f"Risk when only the surest are kept, on {suite}. {' '.join(said)}"
    return Risk(title=title, models=tuple(labelled), rows=rows)


def picked(line: tuple[tuple[float, float], ...], most: int = _PICKS) -> tuple[tuple[float, float], ...]:
    """Points of a line at about equal steps of its first coordinate, each as it is drawn, the last always."""
    if len(line) <= most:
        return line
    low, high = line[0][0], line[-1][0]
    at = [low + (high - low) * step / (most - 1) for step in range(most)]
    near = [min(range(len(line)), key=lambda index: (abs(line[index][0] - each), index)) for each in at]
    return tuple(line[index] for index in dict.fromkeys([*near[:-1], len(line) - 1]))
