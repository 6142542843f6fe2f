"""Drawings as SVG: whatever the points, every mark is inside, the reference is there, and the whole stays small."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evalkit.report.drawing import DRAWINGS, forest, marks
from evalkit.report.drawing.fallback import fallback_curve
from evalkit.report.drawing.reliability import reliability
from evalkit.report.drawing.risk import risk_coverage
from evalkit.report.drawing.scale import Scale, decades, scale, shares, tick_words
from evalkit.report.drawing.times import Percentile, ecdf, time_words
from evalkit.types.points import Bin, FallbackCurve, Kept, Reliability, RiskCoverage, Times
from tests.report import charted

_SVG = "{http://www.w3.org/2000/svg}"
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SHARE = st.floats(0, 1)
SECONDS = st.floats(0, 1e308)
# The largest that one drawing may be, in bytes.
HEAVIEST = 8_000
quick = settings(max_examples=60, deadline=None)


def parsed(svg: str) -> ElementTree.Element:
    """The drawing as XML, in the namespace that a page gives it."""
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def ends(path: str) -> list[tuple[float, float]]:
    """Every point that a path of M, L, H, V, h, l, a, z passes through."""
    x = y = 0.0
    start = (0.0, 0.0)
    found = []
    for letter, rest in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = [float(each) for each in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", rest)]
        if letter in "Zz":
            x, y = start
        elif letter == "H":
            x = numbers[0]
        elif letter == "V":
            y = numbers[0]
        elif letter == "h":
            x += numbers[0]
        elif letter == "v":
            y += numbers[0]
        elif letter == "a":
            # A full round: it reaches as far to the other side as it is wide.
            found += [(x - numbers[0], y + numbers[0]), (x + numbers[0], y + 2 * numbers[0])]
            x, y = x + numbers[-2], y + numbers[-1]
        else:
            for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
                x, y = (x + dx, y + dy) if letter == "l" else (dx, dy)
                found.append((x, y))
            start = (x, y) if letter == "M" else start
        found.append((x, y))
    return found


def outside(svg: str) -> list[tuple[str, float, float]]:
    """Marks that lie outside of the drawing's own box."""
    root = parsed(svg)
    _, _, width, height = (float(each) for each in root.attrib["viewBox"].split())
    spots: list[tuple[str, float, float]] = []
    for each in root.iter():
        a = each.attrib
        if each.tag == f"{_SVG}path":
            spots += [("path", x, y) for x, y in ends(a["d"])]
        elif each.tag == f"{_SVG}line":
            spots += [("line", float(a["x1"]), float(a["y1"])), ("line", float(a["x2"]), float(a["y2"]))]
        elif each.tag == f"{_SVG}circle":
            x, y, r = float(a["cx"]), float(a["cy"]), float(a["r"])
            spots += [("circle", x - r, y - r), ("circle", x + r, y + r)]
        elif each.tag == f"{_SVG}text":
            spots.append(("text", float(a["x"]), float(a["y"])))
    assert all(math.isfinite(x) and math.isfinite(y) for _, x, y in spots)
    return [(kind, x, y) for kind, x, y in spots if not (-0.06 <= x <= width + 0.06 and -0.06 <= y <= height + 0.06)]


def sound(svg: str) -> None:
    """What holds for every chart: inside its box, titled, safe under the page's policy, small."""
    root = parsed(svg)
    assert outside(svg) == []
    titles = [each.text for each in root.iter(f"{_SVG}title")]
    assert titles
    assert titles[0]
    pictures = [each for each in root.iter() if each.attrib.get("role") == "img"]
    assert len(pictures) == 1
    assert all("style" not in each.attrib for each in root.iter())
    assert not any(key.startswith("on") for each in root.iter() for key in each.attrib)
    assert len(svg.encode()) <= HEAVIEST


@st.composite
def bins(draw: st.DrawFn) -> Bin:
    low, right, high = sorted(draw(st.tuples(SHARE, SHARE, SHARE)))
    return Bin(confidence=draw(SHARE), right=right, low=low, high=high, n=draw(st.integers(1, 10**9)))


@st.composite
def reliabilities(draw: st.DrawFn, who: str) -> Reliability:
    found = sorted(draw(st.lists(bins(), min_size=1, max_size=15)), key=lambda bin: bin.confidence)
    counts = tuple(draw(st.lists(st.integers(0, 10**12), min_size=20, max_size=20)))
    return Reliability(who=who, bins=tuple(found), histogram=counts, n=sum(counts))  # type: ignore[arg-type]


@given(teacher=reliabilities("teacher"), student=reliabilities("student"))
@quick
def test_reliability_of_any_points_is_sound(teacher: Reliability, student: Reliability) -> None:
    models = [(teacher, "teacher"), (student, "student")]
    sound(reliability("Said.", models))
    linked = reliability("Said.", models, name="n", links=lambda who, bin: ("#examples?q=" + "x" * 90, "w" * 60))
    sound(linked)
    assert linked == reliability(
        "Said.", models, name="n", links=lambda who, bin: ("#examples?q=" + "x" * 90, "w" * 60)
    )


@given(lines=st.lists(st.lists(st.tuples(SHARE, SHARE), min_size=1, max_size=300), min_size=1, max_size=2))
@quick
def test_risk_of_any_points_is_sound(lines: list[list[tuple[float, float]]]) -> None:
    models = [
        (RiskCoverage(who=who, line=tuple(line), n=9), "who it is")  # type: ignore[arg-type]
        for who, line in zip(("teacher", "student"), lines, strict=False)
    ]
    sound(risk_coverage("Said.", models))


@given(
    points=st.lists(st.tuples(SHARE, SHARE, SHARE, SHARE), min_size=1, max_size=60),
    chosen=st.booleans(),
    teacher=st.none() | SHARE,
    student=SHARE,
    behind=st.sampled_from(["teacher", "human"]),
)
@quick
def test_a_fallback_curve_of_any_points_is_sound(
    points: list[tuple[float, float, float, float]], chosen: bool, teacher: float | None, student: float, behind: str
) -> None:
    kept = tuple(
        Kept(threshold=0.5, coverage=coverage, accuracy=b, low=a, high=c)
        for coverage, (a, b, c) in ((point[0], sorted(point[1:])) for point in points)
    )
    curve = FallbackCurve(
        kept=kept,
        chosen=kept[0] if chosen else None,
        teacher=teacher,
        student=student,
        behind=behind,  # type: ignore[arg-type]
        n=3,
    )
    sound(fallback_curve("Said.", curve, chosen="chosen: answers 88.0 %" if chosen else ""))


@given(
    lines=st.lists(st.lists(st.tuples(SECONDS, SHARE), min_size=1, max_size=300), min_size=1, max_size=2),
    mark=st.tuples(SECONDS, SECONDS, SECONDS, SHARE),
    late=st.integers(0, 10**6),
)
@quick
def test_times_of_any_points_are_sound(
    lines: list[list[tuple[float, float]]], mark: tuple[float, float, float, float], late: int
) -> None:
    percentiles = (Percentile(value=mark[0], low=mark[1], high=mark[2], share=mark[3]),)
    models = [
        (Times(who=who, line=tuple(sorted(line)), n=9, unfinished=late, how=""), "who it is", percentiles)  # type: ignore[arg-type]
        for who, line in zip(("teacher", "student"), lines, strict=False)
    ]
    sound(ecdf("Said.", models))


@given(values=st.lists(FINITE, min_size=1, max_size=8), ticks=st.integers(2, 8))
@example(values=[1.0526315789473684e308], ticks=2)
@example(values=[-sys.float_info.max, sys.float_info.max], ticks=4)
@quick
def test_an_axis_holds_every_value_and_its_ticks_rise_in_equal_1_2_5_steps(values: list[float], ticks: int) -> None:
    axis = scale(values, ticks)
    places = [axis.at(each) for each in values]
    assert all(axis.left <= each <= axis.right for each in places)
    assert sorted(places) == [place for _, place in sorted(zip(values, places, strict=True))]
    if max(map(abs, values)) < 1e12 and (max(values) - min(values) > 1e-3 or max(values) == min(values)):
        assert axis.start <= min(values) <= max(values) <= axis.stop
        steps = [two - one for one, two in zip(axis.ticks, axis.ticks[1:], strict=False)]
        assert all(step == pytest.approx(steps[0], rel=1e-6) for step in steps)
        if steps:
            assert float(f"{steps[0]:.3e}".split("e")[0]) in (1.0, 2.0, 5.0, 10.0)


@given(values=st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=8))
@quick
def test_a_logarithmic_axis_holds_every_positive_value_in_order(values: list[float]) -> None:
    axis = decades(values, left=0, right=100)
    assert axis.start <= min(values) <= max(values) <= axis.stop
    assert all(axis.start <= tick <= axis.stop for tick in axis.ticks)
    assert 1 <= len(axis.ticks) <= 6
    places = [axis.at(each) for each in sorted(values)]
    assert places == sorted(places)


def test_equal_ratios_are_equally_far_apart_and_known_places_are_met() -> None:
    axis = decades([0.001, 1.0], left=0, right=300)
    assert axis.ticks == (0.001, 0.01, 0.1, 1.0)
    apart = [axis.at(two) - axis.at(one) for one, two in zip(axis.ticks, axis.ticks[1:], strict=False)]
    assert apart == pytest.approx([apart[0]] * 3, abs=0.02)
    assert time_words(axis) == ["1 ms", "10 ms", "100 ms", "1 s"]
    straight = Scale(start=0, stop=1, ticks=(0, 0.5, 1), left=200, right=100)
    assert [straight.at(each) for each in (-1, 0, 0.25, 1, 7)] == [200, 200, 175, 100, 100]


def test_shares_never_leave_nothing_and_everything_and_have_ticks_to_tell_a_distance_by() -> None:
    for values in ([0.93, 0.987], [0.0, 0.0], [1.0], [0.4, 0.4001], [0.0, 1.0]):
        axis = shares(values, left=0, right=100)
        assert 0.0 <= axis.start < axis.stop <= 1.0
        assert len(axis.ticks) >= 3
        assert len(set(tick_words(axis, 2))) == len(axis.ticks)


def test_thinning_keeps_the_ends_and_strays_from_no_point_by_more_than_it_says() -> None:
    line = [(float(x), 50 + 40 * math.sin(x / 9)) for x in range(300)]
    kept = marks.thin(line, 0.4)
    assert kept[0] == line[0]
    assert kept[-1] == line[-1]
    assert len(kept) < 100
    for x, y in line:
        after = next(index for index, (right, _) in enumerate(kept) if right >= x)
        (x0, y0), (x1, y1) = kept[max(0, after - 1)], kept[after]
        drawn = y1 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        assert abs(drawn - y) <= 0.4 * math.hypot(1, 40 / 9) + 1e-9
    saw = [(float(x), float(90 * (x % 2))) for x in range(300)]
    assert len(marks.thin(saw)) <= 150


def test_a_title_of_hostile_words_stays_one_text() -> None:
    said = "</title></svg><script>alert(1)</script> \x1b[31m & \" '"
    svg = risk_coverage(said, [(charted.risk("teacher", 0.1), "</text><script>")])
    root = parsed(svg)
    assert not list(root.iter(f"{_SVG}script"))
    assert next(root.iter(f"{_SVG}title")).text == "</title></svg><script>alert(1)</script> \\x1b[31m & \" '"


def test_the_reference_is_in_every_drawing() -> None:
    """The diagonal, both models alone, and 1×, however far the data are from them."""
    point = Reliability(
        who="student",
        bins=(Bin(confidence=0.99, right=0.1, low=0.09, high=0.11, n=9),),
        histogram=(0,) * 20,
        n=9,
    )
    root = parsed(reliability("Said.", [(point, "student")]))
    (diagonal,) = [each.attrib for each in root.iter(f"{_SVG}line") if each.attrib["class"] == "reference"]
    # The corners of a square.
    x1, y1, x2, y2 = (float(diagonal[key]) for key in ("x1", "y1", "x2", "y2"))
    assert x2 - x1 == pytest.approx(y1 - y2)
    assert (x1, x2) == (44.0, 340.0)
    curve = replace(charted.CURVE, teacher=0.2, student=0.99)
    levels = {
        each.attrib["class"]
        for each in parsed(fallback_curve("Said.", curve)).iter(f"{_SVG}path")
        if re.fullmatch(r"M44 [\d.]+H340", each.attrib["d"])
    }
    assert levels >= {"line teacher", "line student"}
    axis = decades([1.0, 4.0, 4.5], left=10, right=270)
    assert axis.left < axis.at(1.0) < axis.at(4.0) < axis.right
    row = forest.ratio_row(axis, words="typical: 4.20×", value=4.2, low=4.0, high=4.5)
    assert ">1×<" in row
    assert f'x1="{axis.at(1.0):g}"' in row
    assert outside(row) == []


def test_models_differ_in_shape_and_dash_and_not_only_in_colour() -> None:
    teacher, student = marks.LOOKS["teacher"], marks.LOOKS["student"]
    assert (teacher.shape, teacher.dash) == ("circle", "")
    assert student.shape == "diamond"
    assert student.dash
    svg = parsed(risk_coverage("Said.", [(charted.risk("teacher", 0.1), "t"), (charted.risk("student", 0.2), "s")]))
    lines = [each.attrib for each in svg.iter(f"{_SVG}path") if each.attrib["class"].startswith("line")]
    assert [("stroke-dasharray" in each, each["class"]) for each in lines] == [
        (False, "line teacher"),
        (True, "line student"),
    ] * 2


def test_what_never_finished_stands_at_the_right_edge_with_its_count() -> None:
    late, none = charted.times("student", 0.03, 3), charted.times("teacher", 0.08, 0)
    svg = ecdf("Said.", [(none, "teacher", ()), (late, "student", ())])
    texts = {each.text: float(each.attrib["x"]) for each in parsed(svg).iter(f"{_SVG}text")}
    assert texts["3"] > 308.0
    assert "never finished" in texts
    assert "never finished" not in ecdf("Said.", [(none, "teacher", ())])
    # The line of a model that left three of forty unfinished ends at 92.5 %.
    drawn = [each.attrib["d"] for each in parsed(svg).iter(f"{_SVG}path") if each.attrib["class"] == "line student"]
    heights = [y for _, y in ends(drawn[-1])]
    assert min(heights) == pytest.approx(242 - 0.925 * (242 - 46), abs=0.1)


def test_a_golden_drawing() -> None:
    """One drawing byte for byte: two points, a line and an axis each way."""
    points = RiskCoverage(who="teacher", line=((0.5, 0.0), (1.0, 0.1)), n=2)
    assert risk_coverage("Said.", [(points, "teacher")]) == GOLDEN


def test_the_table_of_drawings_names_functions_that_draw() -> None:
    assert {"reliability", "risk_coverage", "fallback_curve", "ecdf", "ratio_row"} <= set(DRAWINGS)


GOLDEN = (
    '<svg class="chart" viewBox="0 0 360 242" width="360" height="242" role="img" aria-label="Said.">'
    "<title>Said."
    "</title>"
    '<path class="line teacher" d="M2 10H26" fill="none" stroke="#0b5cad" stroke-width="1.8"/>'
    '<path class="mark teacher" d="M14 6a4 4 0 1 1-.1 0z" fill="#0b5cad"/>'
    '<text class="label" x="31" y="14" font-size="12" fill="#1f2328">teacher'
    "</text>"
    '<path class="grid" d="M44 202L340 202M44 126.5L340 126.5M44 51.1L340 51.1" stroke="#d0d7de"/>'
    '<line class="axis" x1="44" y1="202" x2="44" y2="42" stroke="#8a949e"/>'
    '<g class="tick" font-size="12" text-anchor="end" fill="#57606a">'
    '<text x="38" y="206.2">0 %'
    "</text>"
    '<text x="38" y="130.7">5 %'
    "</text>"
    '<text x="38" y="55.3">10 %'
    "</text>"
    "</g>"
    '<text class="label" x="2" y="32" font-size="12" fill="#1f2328">wrong among those kept'
    "</text>"
    '<line class="axis" x1="44" y1="202" x2="340" y2="202" stroke="#8a949e"/>'
    '<path class="axis" d="M44 202v4M103.2 202v4M162.4 202v4M221.6 202v4M280.8 202v4M340 202v4" stroke="#8a949e"/'
    ">"
    '<g class="tick" font-size="12" text-anchor="middle" fill="#57606a">'
    '<text x="44" y="219">0 %'
    "</text>"
    '<text x="103.2" y="219">20 %'
    "</text>"
    '<text x="162.4" y="219">40 %'
    "</text>"
    '<text x="221.6" y="219">60 %'
    "</text>"
    '<text x="280.8" y="219">80 %'
    "</text>"
    '<text x="340" y="219">100 %'
    "</text>"
    "</g>"
    '<text class="label" x="192" y="236" font-size="12" text-anchor="middle" fill="#1f2328">kept, the surest firs'
    "t"
    "</text>"
    '<path class="line teacher" d="M192 202L340 51.1" fill="none" stroke="#0b5cad" stroke-width="1.8"/>'
    '<path class="mark teacher" d="M340 47.1a4 4 0 1 1-.1 0z" fill="#0b5cad"/>'
    "</svg>"
)
