"""The command line: options in, one call of the pipeline, an exit code out.

Everything heavy is imported inside the commands that need it, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from evalkit import __version__
from evalkit.errors import BrokenError, Complaint, EvalkitError, Place, UsageError, nearest
from evalkit.pipes import unless_closed

if TYPE_CHECKING:
    from evalkit.backends.pool import Pooled
    from evalkit.environment import Environment
    from evalkit.pipeline import Finished
    from evalkit.plan import Overrides, Plan
    from evalkit.progress import Progress
    from evalkit.ranking import Ranked

INTERRUPTED = 130
_EPILOGUE = (
    "Exit codes: 0 pass (or ungated), 1 fail, 2 wrong usage, 3 inconclusive, 4 broken, 5 empty, 130 interrupted."
)


class _Group(click.Group):
    """Suggests the nearest command for one that does not exist."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f'there is no command "{args[0]}"; {nearest(args[0], self.list_commands(ctx))}')
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog=_EPILOGUE,
)
@click.version_option(__version__, "--version", prog_name="evalkit")
def app() -> None:
    """May this student model replace its teacher?

    \b
    evalkit gate                    run ./evalkit.yaml and decide
    evalkit show runs/my-run        the verdict again
    evalkit verify runs/my-run      derive it again from the records
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line. A user's own mistake never ends in a traceback, and nothing that goes wrong
    ends in 1: that is the verdict fail."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A character that the terminal lacks is written as a code, not a crash.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(_exit_code(list(arguments) if arguments is not None else None))


def _exit_code(arguments: list[str] | None) -> int:
    try:
        try:
            code = app.main(args=arguments, prog_name="evalkit", standalone_mode=False)
            sys.stdout.flush()
            return code if isinstance(code, int) else 0
        except SystemExit:
            # No command ends like this: it is click's answer to an output that is closed.
            raise BrokenPipeError from None
    except (click.exceptions.Abort, KeyboardInterrupt):
        _say("interrupted; the same command resumes where it stopped")
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return 2
    except UsageError as error:
        shown = error.complaints[:20]
        _say("\n\n".join(_told(each) for each in shown))
        if more := len(error.complaints) - len(shown):
            _say(f"\nand {more} more error{'s' if more > 1 else ''}")
        return error.exit_code
    except EvalkitError as error:
        _say(f"error: {_line(str(error))}")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output went away; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("EVALKIT_DEBUG"):
            raise
        if isinstance(error, OSError) and (said := _of_the_disk(error)) is not None:
            _say(f"error: {_line(said)}")
            return EvalkitError.exit_code
        _say(f"error: evalkit itself failed: {type(error).__name__}: {_line(str(error))}")
        _say("  help: this is a bug; EVALKIT_DEBUG=1 shows where it happened")
        return EvalkitError.exit_code


def _of_the_disk(error: OSError) -> str | None:
    """What the disk said where it was only looked at, with what to do; None for what may be a fault of ours."""
    from evalkit.files import REMEDIES, told

    return told(error) if error.errno in REMEDIES and error.filename is not None else None


def _say(text: str) -> None:
    with unless_closed(sys.stderr):
        print(text, file=sys.stderr)


def _told(complaint: Complaint, word: str = "error") -> str:
    """A complaint for a terminal or a CI log: its parts may hold what somebody else wrote."""
    lines = [f"{word}: {_line(complaint.problem)}"]
    if complaint.place is not None:
        lines.append(f"  --> {_line(str(complaint.place))}")
    return "\n".join([*lines, f"  help: {_line(complaint.remedy)}"])


def _line(text: str) -> str:
    from evalkit.report.text import for_terminal

    return for_terminal(text, 500)


def _lines(text: str) -> str:
    """Text that may have lines of its own, each of them safe."""
    from evalkit.report.text import visible

    # The two ways in which a line of a CI log becomes a command.
    return visible(text).replace("##[", "##\\x5b").replace("::", ":\\x3a")


# --- options that several commands share -------------------------------------------------------------

_PLAN = click.argument("plan", required=False, type=click.Path(path_type=Path))
_RUN = click.argument("run", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print verdict.json instead of the summary.")
_OUT = click.option(
    "--out", type=click.Path(path_type=Path), help="The run directory.  [default: runs/<UTC>-<student>]"
)
_QUIET = click.option("--quiet", is_flag=True, help="No progress.")


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        _QUIET,
        click.option("--json", "as_json", is_flag=True, help="Print verdict.json (of several students ranking.json)."),
        click.option(
            "--cache",
            type=click.Path(path_type=Path),
            default=Path(".evalkit/cache"),
            show_default=True,
            help="Where finished batches are kept.",
        ),
        click.option("--ray-workers", type=click.IntRange(min=1), help="How many.  [default: what there is room for]"),
        click.option(
            "--ray",
            metavar="[ADDRESS]",
            is_flag=False,
            flag_value="local",
            help="Ask models through workers: of a Ray started here, or of a cluster.",
        ),
        click.option("--seed", type=click.IntRange(min=0), help="Seed of every random draw."),
        click.option("--limit", type=click.IntRange(min=0), help="At most this many examples of each suite."),
        _OUT,
        click.option("--suite", "suites", multiple=True, help="A suite folder, or one of the plan's; repeatable."),
        click.option("--champion", help="The student in service: a finished run or a model."),
        click.option("--student", help="The candidate model; in place of all that the plan names."),
        click.option("--teacher", help="The reference model."),
    ):
        command = option(command)
    return command


# --- init --------------------------------------------------------------------------------------------


@app.command(epilog="Example: evalkit init my-gate")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def init(folder: Path) -> int:
    """Write a plan, a suite, a policy and CI workflows that run as they are.

    Files that are there are kept. DIR is made if it is not there; it defaults to this folder.
    """
    from evalkit.starter import LOST, begin

    begun = begin(folder)
    for name in begun.written:
        print(f"wrote  {_line(str(folder / name))}")
    for name in begun.kept:
        print(f"kept   {_line(str(folder / name))}, which was there")
    for index, line in enumerate(_unseen_by_ci(folder.resolve())):
        print(("  " if index else "\n") + _line(line))
    there = folder.resolve() == Path.cwd()
    print("\nnext")
    for command in ([] if there else [f"cd {shlex.quote(str(folder))}"]) + [
        "evalkit gate",
        f"evalkit gate --student recorded:{LOST}",
        *(["evalkit suite show suites/mails"] if there else []),
    ]:
        print(f"  {_line(command)}")
    return 0


def _unseen_by_ci(folder: Path) -> list[str]:
    """What has to move, and how its job changes, where `folder` is not the top of its repository; absolute paths."""
    top = next((each for each in (folder, *folder.parents) if os.path.exists(each / ".git")), None)
    if top is None or top == folder:
        return []
    below = shlex.quote(folder.relative_to(top).as_posix())
    jobs = {
        ".github/workflows/evalkit.yml": f"needs `working-directory: {below}` (defaults: run:), and its artifact the "
        f"path {below}/gate-run",
        ".gitlab-ci.yml": f"needs `cd {below}` first in script and after_script, and its artifacts {below}/gate-run",
    }
    told = [f"GitHub and GitLab read CI files only at the top of a repository, which is {top}"]
    for name, job in jobs.items():
        there = (
            f"put the job into {top / name}, which is there"
            if os.path.exists(top / name)
            else f"move it to {top / name}"
        )
        told.append(f"{name}: {there}; the job then {job}")
    return told


# --- demo --------------------------------------------------------------------------------------------


@app.command(epilog="Example: evalkit demo --out my-demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("evalkit-demo"),
    show_default=True,
    help="The folder to make.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31), help="Seed of every random draw.")
@_QUIET
def demo(out: Path, seed: int, quiet: bool) -> int:
    """Train a tiny teacher and three students, and gate them.

    A few minutes on two CPU cores. The first student should pass, the second fail on quality, the third on safety:
    the exit code is 0 if and only if they do. Interrupted, the same command goes on where it stopped.
    """
    from evalkit.demo import demo as run_demo
    from evalkit.progress import Progress

    with Progress(quiet=quiet) as progress:
        say = (lambda line: None) if quiet else _say
        ended = run_demo(out, seed=seed, env=_environment(progress), say=say)
    with unless_closed():
        print(_lines(ended.text), end="")
    if ended.surprises:
        _say("\n".join(f"error: {_line(each)}" for each in ended.surprises))
    return EvalkitError.exit_code if ended.surprises else 0


# --- gate, audit, regate -----------------------------------------------------------------------------


@app.command(epilog="Example: evalkit gate --student ./models/student-v2 --policy recovery-97")
@_PLAN
@click.option("--policy", help="A named policy (recovery-99, …) or a file.")
@_run_options
def gate(plan: Path | None, policy: str | None, **options: Any) -> int:
    """Run the plan, decide, write the run. PLAN defaults to ./evalkit.yaml."""
    return _run(plan, policy, audit=False, **options)


@app.command(epilog="Example: evalkit audit --student recorded:student.jsonl --suite suites/support-intents")
@_PLAN
@_run_options
def audit(plan: Path | None, **options: Any) -> int:
    """Measure everything, decide nothing: the verdict is `ungated`."""
    return _run(plan, None, audit=True, **options)


def _run(
    plan: Path | None,
    policy: str | None,
    *,
    audit: bool,
    out: Path | None,
    cache: Path,
    as_json: bool,
    quiet: bool,
    ray: str | None,
    ray_workers: int | None,
    **over: Any,
) -> int:
    from evalkit.pipeline import gate as run_gate
    from evalkit.progress import Progress

    read = _plan(plan, policy, over, audit=audit)
    with _workers(ray, ray_workers) as pooled, Progress(quiet=quiet) as progress:
        env = _environment(progress, pooled)
        if not read.students:
            finished = run_gate(read, out, cache, env, audit=audit)
        else:
            ranked = _gate_each(read, out, cache, env, audit=audit)
    return _conclude(finished, as_json) if not read.students else _conclude_each(ranked, as_json)


def _gate_each(plan: Plan, out: Path | None, cache: Path, env: Environment, *, audit: bool) -> Ranked:
    """The same for a plan of several students."""
    from evalkit.compare.standings import standings
    from evalkit.ranking import gate_each

    return gate_each(plan, out, cache, env, audit=audit, standings=standings)


def _workers(address: str | None, count: int | None) -> AbstractContextManager[Pooled | None]:
    """What puts workers in the place of models here, while it is open; None without --ray."""
    if address is None:
        if count is not None:
            raise UsageError(
                Complaint(
                    problem="--ray-workers says how many, and there is no --ray to say where",
                    remedy="add --ray to start Ray here, or --ray=HOST:PORT to join a cluster",
                    place=Place(file="command line", key="--ray-workers"),
                )
            )
        return nullcontext()
    from evalkit.backends.pool import on_ray

    return on_ray(address, count)


def _plan(path: Path | None, policy: str | None, over: dict[str, Any], *, audit: bool) -> Plan:
    from evalkit.plan import Overrides, load_plan

    overrides: Overrides = Overrides(policy=policy, **over)
    default = Path("evalkit.yaml")
    # An audit of a named student on named suites is about nothing else: a plan that happens to lie here has no say.
    alone = audit and overrides.student is not None and bool(overrides.suites)
    if path is None and default.is_file() and not alone:
        path = default
    if path is not None and path.is_dir():
        path = path / "evalkit.yaml"
    return load_plan(path, overrides)


@app.command(epilog="Example: evalkit regate runs/my-run --policy recovery-97")
@_RUN
@click.option("--policy", required=True, help="A named policy or a file.")
@_OUT
@_JSON
def regate(run: Path, policy: str, out: Path | None, as_json: bool) -> int:
    """Another verdict from a finished run's pairs; no model runs."""
    from evalkit.pipeline import regate as run_regate
    from evalkit.policy import load_policy
    from evalkit.progress import Progress

    with Progress() as progress:
        finished = run_regate(run, load_policy(policy), out, _environment(progress))
    return _conclude(finished, as_json)


def _environment(progress: Progress | None, pooled: Pooled | None = None) -> Environment:
    from evalkit.environment import Environment

    command = shlex.join(["evalkit", *sys.argv[1:]])
    if progress is None:
        return Environment(command=command)
    return Environment(command=command, progress=progress, pooled=pooled)


def _conclude(finished: Finished, as_json: bool) -> int:
    with unless_closed():
        if as_json:
            print((finished.out / "verdict.json").read_text(encoding="utf-8"), end="")
        else:
            _print_record(finished.record, finished.out)
    return finished.verdict.exit_code


def _conclude_each(ranked: Ranked, as_json: bool) -> int:
    """The ranking of several students; the exit code is that of the worst verdict."""
    from evalkit.report import ranking_console
    from evalkit.types import EXIT_CODES

    with unless_closed():
        if as_json:
            print((ranked.out / "ranking.json").read_text(encoding="utf-8"), end="")
        else:
            print(ranking_console.render(ranked.ranking, **_looks(), folder=str(ranked.out)), end="")
    return EXIT_CODES[ranked.ranking.word]


def _print_record(record: Any, run: Path) -> None:
    from evalkit import report

    page = str(run / "report.html") if (run / "report.html").is_file() else ""
    print(report.terminal(record, **_looks(), page=page), end="")


def _looks() -> dict[str, bool]:
    """Whether the output takes colours, and whether it takes nothing but ASCII."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    colour = colour or bool(os.environ.get("FORCE_COLOR") and not os.environ.get("NO_COLOR"))
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    return {"colour": colour, "ascii_only": not encoding.startswith("utf")}


# --- finished runs -----------------------------------------------------------------------------------


@app.command(epilog="Example: evalkit show runs/my-run")
@_RUN
@_JSON
def show(run: Path, as_json: bool) -> int:
    """Print a run's verdict. The exit code is 0: it is the printing that is asked for."""
    from evalkit.store import read_verdict

    verdict = read_verdict(run)
    if as_json:
        print((run / "verdict.json").read_text(encoding="utf-8"), end="")
    else:
        _print_record(_record(run, verdict), run)
    return 0


@app.command("report", epilog="Example: evalkit report runs/my-run --out report.html")
@_RUN
@click.option("--out", type=click.Path(path_type=Path), help="The page to write.  [default: RUN/report.html]")
def report_command(run: Path, out: Path | None) -> int:
    """Render a run's HTML report again."""
    from evalkit import report
    from evalkit.files import WriteError, write_whole
    from evalkit.store import read_verdict

    page = report.html(_record(run, read_verdict(run)))
    target = out or run / "report.html"
    try:
        write_whole(target, page)
    except WriteError as error:
        raise BrokenError(f"the report cannot be written: {error}") from None
    print(target)
    return 0


def _record(run: Path, verdict: Any) -> Any:
    """A run as reports see it; of a broken one, which has no manifest, just the verdict."""
    from evalkit.conclude import Conclusion, run_record
    from evalkit.store import read_run

    if verdict.word == "broken":
        return run_record([], Conclusion(verdict=verdict, results=(), timings=()), {})
    read = read_run(run)
    conclusion = Conclusion(verdict=read.verdict, results=read.results, timings=read.timings)
    return run_record(read.columns, conclusion, read.manifest)


@app.command(epilog="Example: evalkit verify runs/my-run --student ./models/student")
@_RUN
@click.option("--student", type=click.Path(path_type=Path), help="A model folder to hold against the run.")
def verify(run: Path, student: Path | None) -> int:
    """Derive a run's numbers and verdict again, hash its models again; exit 4 at the first difference."""
    from evalkit.provenance.verify import verify as run_verify

    verified = run_verify(run, student)
    for line in verified.checked:
        print(f"same     {_line(line)}")
    for line in verified.unchecked:
        print(f"skipped  {_line(line)}")
    print(f"verified: the verdict of {run} follows from its records")
    return 0


# --- several runs ------------------------------------------------------------------------------------

_PAGE = click.option("--out", type=click.Path(path_type=Path), help="Write a self-contained HTML page to this file.")


@app.command(epilog="Example: evalkit compare runs/student-v1 runs/student-v2 --out v1-v2.html")
@click.argument("first", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("second", metavar="RUN", type=click.Path(path_type=Path))
@_PAGE
@click.option("--json", "as_json", is_flag=True, help="Print everything that was compared as JSON.")
def compare(first: Path, second: Path, out: Path | None, as_json: bool) -> int:
    """Hold the second run's student against the first's, example by example.

    Both runs must have asked the same suites; the teacher stands beside them. Nothing is decided: the exit code is 0.
    """
    from evalkit.compare import compare as run_compare
    from evalkit.compare.record import compared_record
    from evalkit.report import compare_console, compare_page

    compared = run_compare(first, second)
    if out is not None:
        _write_page(out, compare_page.render(compared))
    with unless_closed():
        if as_json:
            print(json.dumps(compared_record(compared), ensure_ascii=False, indent=1, allow_nan=False))
        else:
            print(compare_console.render(compared, **_looks()), end="")
            _print_place(out)
    return 0


@app.command(epilog="Example: evalkit history runs --out history.html")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_PAGE
@click.option("--last", type=click.IntRange(min=1), help="Only so many of the latest runs.")
@click.option("--criterion", "criteria", multiple=True, help="Only the trend of this criterion; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print runs and trends as JSON.")
def history(folder: Path, out: Path | None, last: int | None, criteria: tuple[str, ...], as_json: bool) -> int:
    """List the runs below DIR by their time, and how each criterion moved.

    It reads manifest.json and verdict.json alone, and marks where the policy, the teacher or a suite changed.
    """
    from evalkit.history import history as run_history
    from evalkit.history.record import history_record
    from evalkit.report import history_console, history_page

    found = run_history(folder, last, criteria)
    if out is not None:
        _write_page(out, history_page.render(found, out))
    with unless_closed():
        if as_json:
            print(json.dumps(history_record(found), ensure_ascii=False, indent=1, allow_nan=False))
        else:
            print(history_console.render(found, **_looks()), end="")
            _print_place(out)
    return 0


def _write_page(out: Path, page: str) -> None:
    from evalkit.files import WriteError, write_whole

    try:
        write_whole(out, page)
    except WriteError as error:
        raise BrokenError(f"the page cannot be written: {error}") from None


def _print_place(out: Path | None) -> None:
    if out is not None:
        print(f"page  {_line(str(out))}")


# --- load --------------------------------------------------------------------------------------------


@app.command(
    epilog="Example: evalkit load --model openai:http://localhost:8000/v1#m --suite support-replies --rates 1,2,4,8 "
    '--objective "p95 <= 2s"'
)
@click.option("--model", help="The endpoint to load: openai:http://host:port/v1#model.")
@click.option("--teacher", help="With --student: two endpoints in turns, under the same load.")
@click.option("--student", help="The endpoint that is to hold the load of --teacher.")
@click.option("--suite", "suites", multiple=True, help="A suite folder or a shipped suite's name; repeatable.")
@click.option("--rate", help="Requests per second, sent whether or not earlier ones are answered.")
@click.option("--rates", help="Several of those, one after the other, like 1,2,4,8.")
@click.option("--sweep", help="Or so many at a time, the next when one is answered, like 1,2,4,8.")
@click.option(
    "--arrivals", type=click.Choice(["poisson", "constant"]), show_default="poisson", help="How requests come."
)
@click.option("--duration", default="60s", show_default=True, help="How long is counted at each load, like 60s or 2m.")
@click.option("--warm-up", show_default="a tenth of what counts", help="Sent before it counts, like 5s.")
@click.option("--timeout", default="60s", show_default=True, help="After that a request has failed.")
@click.option("--objective", help='What a service promises: "p95 <= 0.8s" or "ttft.p90 <= 300ms and p95 <= 2s".')
@click.option("--fixed-tokens", type=click.IntRange(1, 100_000), help="Every answer so long, where the server can.")
@click.option("--once-each", is_flag=True, help="No prompt twice, instead of drawing them with replacement.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of arrivals and prompts.")
@click.option(
    "--level",
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="One-sided confidence.",
)
@click.option("--api-key-env", help="The environment variable that holds the key.")
@click.option("--no-logprobs", is_flag=True, help="Ask for no log-probabilities, which a gate asks for.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that was measured as JSON.")
@click.option("--out", type=click.Path(path_type=Path), help="Write FILE.json (everything) or FILE.md (a block).")
@_QUIET
def load(as_json: bool, out: Path | None, quiet: bool, no_logprobs: bool, level: float, **options: Any) -> int:
    """What an endpoint bears: latency at a rate of requests, goodput, the largest rate that holds an objective.

    Latency counts from when a request was due, not from when a client got round to sending it. Nothing is tried again.
    The exit code is 0, whatever the numbers; 4 where no load could be measured at all.
    """
    from evalkit.load.command import ended_badly, run_load
    from evalkit.progress import Progress

    with Progress(quiet=quiet) as progress:
        told = run_load(
            _suite, _environment(progress), logprobs=not no_logprobs, level=2 * level - 1, out=out, **options
        )
    with unless_closed():
        print(told.json() if as_json else told.text(ascii_only=_looks()["ascii_only"]), end="")
    if told.session.interrupted:
        return INTERRUPTED
    return EvalkitError.exit_code if ended_badly(told.session) else 0


# --- suites ------------------------------------------------------------------------------------------


@app.group(cls=_Group, epilog="Example: evalkit suite lint suites/support-intents")
def suite() -> None:
    """Look at suites without a model."""


@suite.command(epilog="Example: evalkit suite lint suites/support-intents")
@click.argument("paths", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def lint(paths: tuple[str, ...], as_json: bool) -> int:
    """Find what is weak or wrong about suites; exit 2 when there is a finding."""
    from evalkit.lint import lint as run_lint

    findings = []
    for path in paths:
        try:
            findings += run_lint(_suite(path))
        except UsageError as error:
            findings += error.complaints
    if as_json:
        rows = [
            {"problem": each.problem, "remedy": each.remedy, "place": str(each.place) if each.place else None}
            for each in findings
        ]
        print(json.dumps({"findings": rows}, ensure_ascii=False, indent=1))
    elif findings:
        print("\n\n".join(_told(each, "finding") for each in findings))
    else:
        print(f"no findings in {len(paths)} {'suite' if len(paths) == 1 else 'suites'}")
    return 2 if findings else 0


@suite.command("show", epilog="Example: evalkit suite show suites/support-intents")
@click.argument("path")
@click.option("--examples", default=3, show_default=True, type=click.IntRange(min=0), help="How many to print.")
def show_suite(path: str, examples: int) -> int:
    """Print what a suite holds: its facts, its slices, its first prompts."""
    from collections import Counter

    from evalkit.requests import build_requests, prompt_text
    from evalkit.suite.samples import once_each

    read = _suite(path)
    samples, read = read.facts.samples, once_each(read)
    facts = read.facts
    print(f"{facts.name}  version {facts.version}  {facts.kind}  {facts.task}, scored by {facts.scorer}")
    print(f"{len(read.examples)} examples, {sum(each.target is not None for each in read.examples)} with a target")
    if samples > 1:
        print(f"{samples} samples of each, at temperature {read.generation['temperature']:g}")
    print(f"digest {facts.digest}")
    for note in read.notes:
        print(_line(note))
    for name in facts.slice_names:
        counts = Counter(each.slices.get(name, "(none)") for each in read.examples)
        told = ", ".join(f"{value} {count}" for value, count in counts.most_common(12))
        print(_line(f"slice {name}: {told}" + (f", and {len(counts) - 12} more" if len(counts) > 12 else "")))
    for each, example in zip(build_requests(read)[:examples], read.examples, strict=False):
        print(f"\n--- {_line(example.id)}  target: {_line(example.target or 'none')}")
        print(_lines(prompt_text(each.prompt)))
    return 0


def _suite(path: str) -> Any:
    from evalkit.shipped import shipped
    from evalkit.suite import load_suite

    place = Path(path)
    if not place.exists():
        # By its name alone, as a plan's suites go in `gate --suite`: one's own before what comes with evalkit.
        own = Path("suites") / path
        place = own if (own / "suite.yaml").is_file() else shipped("suites").get(path, place)
    if not place.exists() and (name := Path(path).name) in shipped("suites"):
        raise UsageError(
            Complaint(
                problem=f"there is no suite at {path}",
                remedy=f"{name} comes with evalkit: name it without a folder, as {name}",
            )
        )
    return load_suite(place / "suite.yaml" if place.is_dir() else place)


# --- the cache ---------------------------------------------------------------------------------------

_CACHE = click.option(
    "--cache",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(".evalkit/cache"),
    show_default=True,
    help="The folder that was given to a gate's --cache.",
)


@app.group("cache", cls=_Group, epilog="Example: evalkit cache gc --unused-for 30d --keep 5GB")
def cache_group() -> None:
    """Look after the outputs that are kept."""


@cache_group.command(epilog="Example: evalkit cache ls")
@_CACHE
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def ls(folder: Path, as_json: bool) -> int:
    """List the models whose outputs are kept: how many, how large, when last used."""
    from evalkit.cache.keeping import contents
    from evalkit.cache.telling import listed, listed_record

    found = contents(folder)
    with unless_closed():
        if as_json:
            print(json.dumps(listed_record(found, folder), ensure_ascii=False, indent=1))
        else:
            print(_lines("\n".join(listed(found, folder))))
    return 0


@cache_group.command(epilog="Example: evalkit cache gc --unused-for 30d --keep 5GB --dry-run")
@_CACHE
@click.option("--unused-for", metavar="SPAN", help="Remove what was not used for so long: 12h, 30d, 2w.")
@click.option("--model", metavar="DIGEST", help="Remove all of the model whose digest begins so (evalkit cache ls).")
@click.option("--keep", metavar="SIZE", help="Remove what was used longest ago until so much is left: 500MB, 5GB.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
def gc(folder: Path, unused_for: str | None, model: str | None, keep: str | None, dry_run: bool) -> int:
    """Remove what is damaged, unfinished or of an earlier version, and what the options name.

    Nothing that evalkit did not put there is touched.
    """
    from evalkit.cache.keeping import clear
    from evalkit.cache.telling import cleared, size, span

    removed, left = clear(
        folder,
        _environment(None).now(),
        unused_for=span(unused_for) if unused_for is not None else None,
        model=model,
        keep=size(keep) if keep is not None else None,
        dry_run=dry_run,
    )
    with unless_closed():
        print("\n".join(cleared(removed, left, dry_run=dry_run)))
    return 0


@cache_group.command("verify", epilog="Example: evalkit cache verify")
@_CACHE
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def verify_cache(folder: Path, as_json: bool) -> int:
    """Hold every file against its name and contents; exit 4 when one is damaged."""
    from evalkit.cache.keeping import verify as run_verify
    from evalkit.cache.telling import verified_lines, verified_record

    found = run_verify(folder)
    with unless_closed():
        if as_json:
            print(json.dumps(verified_record(found), ensure_ascii=False, indent=1))
        else:
            print(_lines("\n".join(verified_lines(found, folder))))
    return BrokenError.exit_code if found.damaged else 0


# --- metrics, schemas, power -------------------------------------------------------------------------


@app.command(epilog="Example: evalkit metrics calibration")
@click.argument("prefix", default="")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def metrics(prefix: str, as_json: bool) -> int:
    """List the metrics that a policy can name."""
    from evalkit.metrics import catalogue, known_names

    better = {"higher": "higher is better", "lower": "lower is better", "neutral": "neither is better"}
    rows = []
    for name in known_names():
        if name.startswith(prefix):
            found = catalogue().get(name)
            direction, unit = (found[0].direction, found[0].unit) if found is not None else (None, None)
            rows.append({"metric": name, "measured": found is not None, "direction": direction, "unit": unit})
    if not rows:
        raise UsageError(Complaint(problem=f'no metric begins with "{prefix}"', remedy=nearest(prefix, known_names())))
    if as_json:
        print(json.dumps({"metrics": rows}, indent=1))
        return 0
    for row in rows:
        said = f"{better[str(row['direction'])]}, {row['unit']}" if row["measured"] else "not measured yet"
        print(f"{row['metric']:<42} {said}")
    return 0


@app.command(epilog="Example: evalkit schema plan > .evalkit.schema.json")
@click.argument("file", type=click.Choice(["plan", "suite", "policy"]))
def schema(file: str) -> int:
    """Print the JSON Schema of a file, for editors."""
    from evalkit.schema import json_schema

    print(json.dumps(json_schema(file), indent=1, ensure_ascii=False))
    return 0


_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@app.command(epilog="Example: evalkit power --margin 0.02 --discordance 0.08")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option(
    "--margin",
    type=_SHARE,
    help="The largest drop in accuracy (or share of newly unsafe answers) that is acceptable.",
)
@click.option(
    "--min-retention",
    type=_SHARE,
    help="Or the least share of the teacher's accuracy to keep; needs --teacher-accuracy or RUN.",
)
@click.option("--teacher-accuracy", type=_SHARE, help="Share of examples on which the teacher is right.")
@click.option(
    "--discordance",
    type=click.FloatRange(0, 1, min_open=True),
    show_default="0.1",
    help="Share of examples on which exactly one model is right.",
)
@click.option(
    "--difference",
    type=click.FloatRange(-1, 1),
    show_default="0, or what RUN lost",
    help="The true difference, student minus teacher.",
)
@click.option(
    "--n",
    type=click.IntRange(1, 5_000_000),
    help="Examples at hand: print what they can show. Beside --suite or RUN: as if it had so many (a safety suite: of "
    "each half).",
)
@click.option("--suite", "suite_path", help="Take n and groups from a suite; beside RUN, only this suite of it.")
@click.option("--group-size", type=click.FloatRange(1, 1_000_000), help="Examples per group; needs --icc.")
@click.option(
    "--icc", type=click.FloatRange(0, 1), help="How alike the examples of a group fare: 0 not at all, 1 fully."
)
@click.option(
    "--level",
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    show_default="0.95, or that of RUN",
    help="One-sided confidence.",
)
@click.option(
    "--power",
    "wanted",
    type=_SHARE,
    default=0.8,
    show_default=True,
    help="How often a good student should pass.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def power(run: Path | None, as_json: bool, **asked: Any) -> int:
    """How many examples a margin needs, or what a suite can detect.

    From assumptions; or from a finished RUN, whose pairs say how often the models differ and whose policy says what is
    to be shown.
    """
    from evalkit.power.command import answer

    told, said = answer(run, _suite, **asked)
    print(json.dumps(told, indent=1) if as_json else "\n".join(said))
    return 0
