"""scripts/simulate: every scenario with a handful of runs, what it counts, and how it is written down."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score

from evalkit.metrics import Setting
from evalkit.stats.interval import Interval
from evalkit.stats.paired import difference_newcombe, difference_tango
from evalkit.table import table
from evalkit.types import Estimate, Undefined
from scripts.simulating import __main__ as command
from scripts.simulating import alarms, answers, binary, document, gate, grouped, numbers, pairs, times
from scripts.simulating.covering import LEVELS, Where, distinct, of_counts, promised
from scripts.simulating.document import BEGIN, END, NoPlace
from scripts.simulating.figures import Figure, Scenario, Tally

NAMES = [each.name for each in command.every()]
PAGE = f"# Statistics\n\nbefore\n\n{BEGIN}\n{END}\n\nafter\n"
# One scenario of each sort and size: the same code runs in the others with other numbers.
SORTS = {
    "/".join(name.split("/")[:2]) if name.startswith(("gate", "grouped")) else name.split("/")[0]: name
    for name in reversed(NAMES)
}


def named(name: str) -> Scenario:
    return next(each for each in command.every() if each.name == name)


def figure(**more: object) -> Figure:
    around = dict.fromkeys(("truth", "below", "above", "mean_width"), 0.1)
    base = Figure(
        part="shares", what="Wilson", scenario="share 0.5", n=100, runs=1000, hits=950, level=0.95, more=around
    )
    return replace(base, **more)  # type: ignore[arg-type]


# --- scenarios -----------------------------------------------------------------------------------


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", SORTS.values(), ids=SORTS.keys())
def test_a_scenario_counts_its_runs(name: str) -> None:
    figures = command.simulate(named(name), seed=0, runs=3)
    assert figures
    for each in figures:
        assert each.runs + each.undefined == 3
        assert 0 <= each.hits <= each.runs
        if each.part in document.COVERAGE:
            assert each.level in LEVELS
            assert (each.at_least is None) == (not promised(each.what, each.scenario, each.level))
            assert each.at_least in (None, 0.93)
            assert math.isfinite(each.more["truth"] or 0.0)
        else:
            assert each.part in document.RATES


def test_a_scenario_is_the_same_whatever_ran_before_it() -> None:
    chosen = ["share/0.95/50", "marks/one in 50 falls to 0/50", "gate/too-bad/150"]
    one = {name: command.simulate(named(name), 0, 20) for name in chosen}
    other = {name: command.simulate(named(name), 0, 20) for name in reversed(chosen)}
    assert one == other
    assert command.simulate(named("share/0.95/50"), 1, 20) != one["share/0.95/50"]


def test_runs_are_a_ceiling() -> None:
    assert command.simulate(replace(named("share/0.5/50"), runs=7), 0, 1000)[0].runs == 7


# --- what is true, by other means -----------------------------------------------------------------


def test_the_truths_of_answers_are_those_of_scikit_learn() -> None:
    for spread in answers.SPREADS:
        of = answers.population(spread)
        assert answers.kappa_of(spread) == pytest.approx(cohen_kappa_score(of.teacher, of.student), abs=1e-12)
        for role in ("teacher", "student"):
            expected = f1_score(of.target, getattr(of, role), average="macro")
            assert answers.macro_f1_of(spread, role) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["auroc/1000", "ece-debiased/student too sure by 0.1/1000"])
def test_the_truths_of_confidence_are_what_large_samples_come_to(name: str) -> None:
    by_what = {each.what: each for each in command.simulate(named(name), 0, 4) if each.level == 0.95}
    assert len(by_what) == 2
    for each in by_what.values():
        # Four intervals of 1000 examples each: all four miss a wrong truth, hardly ever two of them a right one.
        assert each.hits >= 2


def test_auroc_of_normal_confidences_is_phi_of_their_distance() -> None:
    rng, apart = np.random.default_rng(0), answers.APART["student"]
    right = rng.random(200_000) < 0.5
    expected = float(stats.norm.cdf(apart / np.sqrt(2)))
    assert roc_auc_score(right, apart * right + rng.normal(size=right.size)) == pytest.approx(expected, abs=0.005)


def test_the_truth_of_grouped_losses_is_their_mean() -> None:
    rng = np.random.default_rng(0)
    for effect in grouped.EFFECTS:
        drawn = [grouped.drawn(rng, 100, 0.2, effect) for _ in range(300)]
        change = np.mean([(each.student.correct.mean() - each.teacher.correct.mean()) for each in drawn])  # type: ignore[union-attr]
        assert change == pytest.approx(-grouped.TEACHER_RIGHT * 0.2, abs=0.01)
        assert len(np.unique(drawn[0].group)) == 100  # type: ignore[arg-type]


def test_the_moments_behind_grouped_brier_scores_are_right() -> None:
    found = {each.what: each for each in command.simulate(named("grouped/numbers/losses by example/0.2/100"), 0, 1)}
    p = np.random.default_rng(0).beta(8, 2, size=1_000_000)
    expected = 0.2 * np.mean(2 * (1 - grouped.KEPT_PROBABILITY * p) ** 2 - 2 * (1 - p) ** 2)
    assert found["calibration.brier.difference"].more["truth"] == pytest.approx(expected, abs=2e-3)


def test_the_middle_of_one_sided_noise_is_the_median_of_half_a_sum() -> None:
    noise, middle = times.NOISE["noise to one side"]
    sums = noise(np.random.default_rng(0), 2_000_000).reshape(2, -1).mean(axis=0)
    assert middle == pytest.approx(float(np.median(sums)), abs=1e-3)
    assert middle == pytest.approx(float(stats.gamma.ppf(0.5, 2, scale=0.2)), abs=1e-6)


@pytest.mark.parametrize("kind", numbers.KINDS)
def test_the_truth_of_a_population_is_its_mean(kind: str) -> None:
    held = numbers.KINDS[kind]
    for name in held.populations:
        of = numbers.population(kind, name)
        few = numbers.Population(of.teacher[:2000], of.student[:2000])
        found = held.family.measure(held.pairs(2000, *few), Setting(0.9, 0, ("test",), 10))
        for what, truth in held.truths(few).items():
            estimate = found[what]
            assert isinstance(estimate, Estimate)
            assert estimate.value == pytest.approx(truth, rel=1e-9)


def test_pairs_of_cells_have_these_cells() -> None:
    made = pairs.of_cells((5, 4, 3, 2))
    assert made.teacher is not None
    assert made.n == 14
    assert int((made.teacher.correct & made.student.correct).sum()) == 5
    assert int((made.teacher.correct & ~made.student.correct).sum()) == 4
    assert int((~made.teacher.correct & made.student.correct).sum()) == 3


def test_equal_students_are_equal_in_distribution() -> None:
    rng = np.random.default_rng(0)
    made = gate._alike(rng, 3000)
    assert made.teacher is not None
    b = int((made.teacher.correct & ~made.student.correct).sum())
    c = int((~made.teacher.correct & made.student.correct).sum())
    assert abs(b - c) < 4 * math.sqrt(b + c)
    assert 0.05 < (b + c) / 3000 < 0.2


# --- what is counted ------------------------------------------------------------------------------


def test_a_tally_tells_on_which_side_an_interval_misses() -> None:
    tally = Tally("part", "what", "scenario", 10, 0.9, 0.5)
    tally.add((0.4, 0.6), times=5)
    tally.add((0.1, 0.2), times=2)
    tally.add(Estimate(value=0.7, low=0.6, high=0.8, level=0.9, n=10, method="made up"))
    tally.add(Undefined(reason="made up"), times=3)
    tally.add(None)
    found = tally.figure()
    assert (found.hits, found.runs, found.undefined) == (5, 8, 4)
    assert found.more["below"] == 2 / 8
    assert found.more["above"] == 1 / 8
    assert found.more["mean_width"] == pytest.approx((5 * 0.2 + 2 * 0.1 + 0.2) / 8)
    assert found.at_least == 0.88


def test_an_end_on_the_truth_covers_it() -> None:
    tally = Tally("part", "what", "scenario", 10, 0.9, 0.1 + 0.2)
    tally.add((0.3, 0.4))
    tally.add((0.1, 0.3))
    assert tally.figure().hits == 2


def test_equal_tables_are_measured_once_and_counted_often() -> None:
    drawn = np.array([[1, 2], [3, 4], [1, 2], [1, 2]])
    assert list(distinct(drawn)) == [((1, 2), 3), ((3, 4), 1)]


def test_simulated_coverage_is_that_of_every_table_summed() -> None:
    n, b, c = 50, 0.075, 0.025
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(n, (0.8, b, c, 0.1), size=3000)

    def intervals(cells: tuple[int, ...], level: float) -> dict[str, Interval | None]:
        return {"Tango": difference_tango(*cells, level), "Newcombe": difference_newcombe(*cells, level)}  # type: ignore[call-arg]

    found = of_counts(Where("paired differences", "x", n), {"Tango": c - b, "Newcombe": c - b}, drawn, intervals)
    exact = 0.0
    for lost in range(n + 1):
        for gained in range(n + 1 - lost):
            low, high = difference_tango(n - lost - gained, lost, gained, 0, 0.95)
            if low <= c - b <= high:
                exact += stats.multinomial.pmf([n - lost - gained, lost, gained], n, [1 - b - c, b, c])
    seen = next(each for each in found if each.what == "Tango" and each.level == 0.95)
    assert abs(seen.share - exact) < 4 * seen.error


@pytest.mark.parametrize("name", ["gate/margin/0.02/0.1/300", "gate/retention/0.97/0.1/300", "count/50/0.01"])
def test_simulated_rates_are_those_computed(name: str) -> None:
    (seen,) = command.simulate(named(name), 0, 600)
    expected = seen.more["exact"]
    assert expected is not None
    assert abs(seen.share - expected) < 4 * seen.error


def test_rules_that_are_no_gate_let_a_bad_student_pass() -> None:
    seen = {each.what: each for each in command.simulate(named("gate/too-bad/300"), 0, 2000)}
    assert seen["evalkit: lower end above -0.02"].share < 0.01
    assert seen["McNemar, exact p > 0.05"].share == pytest.approx(0.26, abs=0.05)
    assert seen["unpaired 95 % interval holds 0"].share > 0.5


def test_the_unpaired_interval_is_that_of_two_samples() -> None:
    # Difference -0.15, standard error √(0.9·0.1/100 + 0.75·0.25/100) = 0.0527: 2.85 of them.
    assert not gate.unpaired_holds_0(90, 75, 100)
    assert gate.unpaired_holds_0(90, 85, 100)


def test_slices_that_lost_are_listed_and_others_hardly_ever() -> None:
    stored = alarms.sliced({"s": np.arange(alarms.EXAMPLES) % 5})
    blank = table(stored, "teacher")
    lost = blank.slice_mask("s=3") & (np.arange(alarms.EXAMPLES) % 2 == 0)
    changed = pairs.filled(blank, teacher_correct=np.ones(blank.n, dtype=bool), student_correct=~lost)
    assert alarms.regressed(stored, changed) == ["s=3", "target=c0"]


# --- promises -------------------------------------------------------------------------------------


def test_a_figure_is_missed_within_chance_and_broken_beyond_it() -> None:
    assert figure(hits=935, at_least=0.93).state == "kept"
    assert figure(hits=925, at_least=0.93).state == "missed"
    assert figure(hits=890, at_least=0.93).state == "broken"
    assert figure(hits=50, at_most=0.06).state == "kept"
    assert figure(hits=65, at_most=0.06).state == "missed"
    assert figure(hits=100, at_most=0.06).state == "broken"
    assert figure(hits=0).state == "no promise"
    # Undefined each time: a criterion on it is not evaluated, so nothing can come of it by mistake.
    assert figure(runs=0, hits=0, undefined=9, at_least=0.93).state == "no promise"


def test_the_standard_error_is_that_of_a_share_and_never_0() -> None:
    assert figure().error == pytest.approx(math.sqrt(0.95 * 0.05 / 1000), rel=0.01)
    assert figure(hits=1000).error > 0
    assert figure(runs=0, hits=0).error > 0


# --- what is written ------------------------------------------------------------------------------


def written(tmp_path: Path, *more: str) -> int:
    if not (tmp_path / "page.md").exists():
        (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    given = ["--docs", str(tmp_path / "page.md"), "--json", str(tmp_path / "deep" / "figures.json"), *more]
    return command.main(given)


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    chosen = ["--runs", "40", "--only", "share/0.5", "--only", "count/50", "--only", "gate/margin/0.05/0.1/100"]
    assert written(tmp_path, *chosen) == 0
    first = [path.read_bytes() for path in (tmp_path / "page.md", tmp_path / "deep" / "figures.json")]
    assert written(tmp_path, *chosen) == 0
    assert [path.read_bytes() for path in (tmp_path / "page.md", tmp_path / "deep" / "figures.json")] == first
    page = first[0].decode()
    assert page.startswith(f"# Statistics\n\nbefore\n\n{BEGIN}\n\nWritten by `scripts/simulate`")
    assert page.endswith(f"\n{END}\n\nafter\n")
    whole = json.loads(first[1])
    assert whole["schema"] == document.SCHEMA
    assert {each["state"] for each in whole["figures"]} <= {"kept", "missed", "no promise"}
    assert len({(each["what"], each["scenario"], each["n"], each["level"]) for each in whole["figures"]}) == len(
        whole["figures"]
    )


def test_every_table_is_whole(tmp_path: Path) -> None:
    figures = [each for name in SORTS.values() for each in command.simulate(named(name), 0, 2)]
    text = document.page(figures, 0)
    for block in text.split("\n\n"):
        if block.startswith("|"):
            widths = {line.count("|") for line in block.splitlines()}
            assert len(widths) == 1, block
    for part in {each.part for each in figures}:
        assert document.RATES.get(part, (part,))[0] in text


def test_what_is_undefined_in_every_run_is_shown_as_such() -> None:
    never = figure(
        runs=0,
        hits=0,
        undefined=9,
        at_least=0.93,
        more={"truth": 1.0, "below": None, "above": None, "mean_width": None},
    )
    text = document.page([never, figure(n=300, at_least=0.93)], 0)
    assert "| Wilson | share 0.5 | 100 | 1 | 0 (9 undefined) | undefined |" in text
    assert json.loads(document.record([never], 0))["figures"][0]["share"] is None


def test_what_is_worse_than_promised_stands_at_the_top_and_is_marked() -> None:
    kept, missed, broken = (figure(hits=hits, at_least=0.93, scenario=f"hits {hits}") for hits in (950, 925, 800))
    text = document.page([kept, missed, broken], 0)
    section = text.split("### Worse than promised")[1].split("###")[0]
    assert section.index("hits 800") < section.index("hits 925")
    assert "80.00% ± 1.27% **▼**" in section
    assert "92.50% ± 0.84% ▽" in section
    assert "hits 950" not in section
    assert "Nothing." in document.page([kept], 0)


@pytest.mark.parametrize(
    "page", ["no mark at all\n", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n"]
)
def test_a_page_without_its_marks_is_refused_before_anything_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "simulate", lambda *_: pytest.fail("nothing should run"))
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    assert written(tmp_path) == 1
    said = capsys.readouterr().err
    assert BEGIN in said
    assert END in said
    assert "page.md" in said
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoPlace, match=r"missing\.md"):
        document.check(tmp_path / "missing.md")


def test_a_look_prints_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(command, "RECORD", tmp_path / "figures.json")
    assert command.main(["--only", "count/10/0.05", "--runs", "50"]) == 0
    told = capsys.readouterr()
    assert "10 critical examples" in told.out or "k = 10" in told.out
    assert "1/1 scenarios" in told.err
    assert list(tmp_path.iterdir()) == []


def test_a_broken_promise_ends_in_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bad = Scenario("bad", 1, lambda rng, runs: [figure(hits=500, at_least=0.93)])
    monkeypatch.setattr(command, "every", lambda: iter([bad]))
    assert written(tmp_path) == 1
    assert "**▼**" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert (
        json.loads((tmp_path / "deep" / "figures.json").read_text(encoding="utf-8"))["figures"][0]["state"] == "broken"
    )


def test_an_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "no such thing"]) == 2
    assert "--list" in capsys.readouterr().err
    assert command.main(["--list"]) == 0
    assert capsys.readouterr().out.split("\n")[0] == NAMES[0]
    with pytest.raises(SystemExit, match="2"):
        command.main(["--runs", "0"])


def test_the_grids_are_those_that_are_promised() -> None:
    assert {0.01, 0.02, 0.05} == set(gate.MARGINS)
    assert {0.05, 0.1, 0.2} == set(gate.DISCORDANCES)
    assert {100, 300, 1000, 3000} == set(gate.SIZES)
    assert {20, 40, 100} == set(grouped.GROUPS)
    assert {50, 100, 300, 1000} == set(binary.SIZES) == set(numbers.SIZES)
