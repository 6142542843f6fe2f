"""The nouns of evalkit, frozen at birth (docs/glossary.md says each in a sentence).

Standard library only: everything else may import this room, and it imports nothing of evalkit. Beside it: `points` for
what the report draws, `record` for a run as its reports see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["gold", "edge-case", "safety-refusal"]
Task = Literal["classify", "choose", "generate", "extract"]
Severity = Literal["low", "normal", "high", "critical"]
Role = Literal["teacher", "student", "champion", "teacher_again", "judge"]
Status = Literal["ok", "truncated", "empty", "error", "timeout"]
Versus = Literal["teacher", "champion"]
Effect = Literal["block", "warn"]
OnMissing = Literal["inconclusive", "fail", "skip"]
Refusal = Literal["refused", "complied", "undetermined"]
ChooseBy = Literal["sum", "per_token", "per_byte"]
Fallback = Literal["teacher", "human"]
CriterionStatus = Literal["pass", "fail", "inconclusive", "not_evaluated", "waived"]
VerdictWord = Literal["pass", "fail", "inconclusive", "broken", "empty", "ungated"]
Direction = Literal["higher", "lower", "neutral"]

KINDS: tuple[Kind, ...] = ("gold", "edge-case", "safety-refusal")
TASKS: tuple[Task, ...] = ("classify", "choose", "generate", "extract")
# Tasks whose answer is one of what was offered, and tasks whose answer is written.
CHOOSING: frozenset[Task] = frozenset({"classify", "choose"})
WRITING: frozenset[Task] = frozenset({"generate", "extract"})
SEVERITIES: tuple[Severity, ...] = ("low", "normal", "high", "critical")
STATUSES: tuple[Status, ...] = ("ok", "truncated", "empty", "error", "timeout")
# Metrics of what a student costs, and of what it does with somebody to fall back on: none says that its own answers
# are good.
BESIDE_ANSWERS = ("fallback.", "cost.", "size.", "latency.", "throughput.", "memory.", "flops.", "energy.")
# The model gave no answer because something broke. These count as wrong, and are capped by
# a policy's max_error_rate; `empty` and `truncated` are answers, if poor ones.
ERRORED: frozenset[Status] = frozenset({"error", "timeout"})

EXIT_CODES: Mapping[VerdictWord, int] = {
    "pass": 0,
    "ungated": 0,
    "fail": 1,
    "inconclusive": 3,
    "broken": 4,
    "empty": 5,
}


# --- what is asked -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row of a suite. `row` is the data as read; the rest is what `columns` made of it."""

    id: str
    row: Mapping[str, Any]
    target: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None
    severity: Severity = "normal"
    choices: tuple[str, ...] = ()
    expect: Literal["refuse", "comply"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a chat prompt."""

    role: str
    content: str


Prompt = str | tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFacts:
    """What a run remembers of a suite. `digest` covers the suite's file and its data.

    `settings` are the scorer's own; with `marked`, it gives marks in [0, 1] instead of right or wrong.
    `choose_by` says which log-likelihood decides between choices: the whole, or its mean over tokens or bytes.
    With `samples` above 1 each example is asked so many times: a row each, in a group with each other.
    """

    name: str
    kind: Kind
    task: Task
    version: int
    scorer: str
    labels: tuple[str, ...]
    slice_names: tuple[str, ...]
    grouped: bool
    digest: str
    path: str
    answer_after: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    marked: bool = False
    choose_by: ChooseBy = "sum"
    samples: int = 1

    def sample_id(self, example: str, number: int) -> str:
        """What the row of an example's sample is called; samples are numbered from 1."""
        return f"{example}#{number}"

    @property
    def rows(self) -> str:
        """What a suite's rows are, for a count of them."""
        return "samples" if self.samples > 1 else "examples"

    def example_of(self, row: str) -> str:
        """The example that a row is an answer to, by their ids: the same, unless the suite asks for samples."""
        return row.rpartition("#")[0] if self.samples > 1 else row

    def spoken(self, text: str) -> str | None:
        """What of a text is the answer: what follows the last `answer_after`; None where it never comes."""
        if self.answer_after is None:
            return text
        _, marker, answer = text.rpartition(self.answer_after)
        return answer if marker else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named, versioned set of examples of one kind, ready to be asked. `notes`: what a reader must know of them."""

    facts: SuiteFacts
    prompt: Prompt | None
    generation: Mapping[str, Any]
    examples: tuple[Example, ...]
    input_column: str | None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.facts.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a model is asked for one example. `key` is a hash of all of it, so equal keys mean equal questions.

    `generation` has max_new_tokens, temperature and stop; the timing protocol adds min_new_tokens, which a
    backend that cannot keep to answers with an error. `seed` is that of a sample's draw, even and below 2^31, so that
    the next number is free for a second run; None where an example is asked once, and the backend has seeds of its own.
    """

    key: str
    suite: str
    example_id: str
    task: Task
    prompt: Prompt
    choices: tuple[str, ...]
    generation: Mapping[str, Any]
    choose_by: ChooseBy = "sum"
    seed: int | None = None


# --- what is answered ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What one model answered to one request. A failure is a status, never an answer and never dropped.

    `probs` follow the order of the request's choices (classify: the suite's labels), and so do `choice_logprobs`:
    the log-likelihood of each choice in nats, of which `choice_tokens` are the lengths in the model's own tokens.
    `text` is what the model wrote, whole but for `reasoning` that a server keeps apart; `token_logprobs` are the
    log-probabilities in nats of the tokens it wrote. `tokens_in` counts what the model read, `tokens_out` what it
    wrote. Times are seconds on the backend's own clock, None for requests that shared a batch; `ttft_s` is the time
    to the first token. `prompt_hash` is of what the model really saw, after its own chat template; None if not
    known. `written` are the tokens that it wrote, by their numbers in its own vocabulary, as many as `tokens_out`.
    `judgement` is what a judge wrote about this answer.
    """

    example_id: str
    status: Status
    label: str | None = None
    text: str | None = None
    probs: tuple[float, ...] | None = None
    choice_logprobs: tuple[float, ...] | None = None
    choice_tokens: tuple[int, ...] | None = None
    reasoning: str | None = None
    token_logprobs: tuple[float, ...] | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_s: float | None = None
    ttft_s: float | None = None
    prompt_hash: str | None = None
    written: tuple[int, ...] | None = None
    judgement: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCounts:
    """How one field of an extracted record fared: values found, values that should not be there, values missed.
    A wrong value is one of each of the last two."""

    right: int
    spurious: int
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An output judged against a target.

    `correct` is None when there is no target. `answer` is the parsed answer, None when nothing
    could be parsed or nothing was answered; `why` says so in words where it is not evident.
    `marks` in [0, 1] where the suite's scorer gives marks (`SuiteFacts.marked`), else None; `refused` where it
    tells refusing from complying; `fields` by name where it looks into a record.
    """

    correct: bool | None
    answer: str | None
    unparsable: bool = False
    why: str = ""
    marks: float | None = None
    refused: Refusal | None = None
    fields: Mapping[str, FieldCounts] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One role's side of a pair. `confidence` is the probability of the answer given, `target_confidence` that of the
    target, if known; `reasoning` is what a server kept apart from the text."""

    status: Status
    answer: str | None
    correct: bool | None
    unparsable: bool
    why: str
    text: str | None
    confidence: float | None
    latency_s: float | None
    error: str | None
    marks: float | None = None
    refused: Refusal | None = None
    target_confidence: float | None = None
    tokens_out: int | None = None
    reasoning: str | None = None


# Where there is no right and wrong an answer got marks (graded), or nobody knows a target.
Flip = Literal[
    "right_to_wrong",
    "wrong_to_right",
    "wrong_to_other_wrong",
    "both_right",
    "both_wrong_same",
    "graded",
    "no_target",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Teacher and student on one example, side by side: what a reader of the report looks at.

    `unstable`: the teacher's own second run, or another of its samples, came out differently here. `choices` are those
    of a choose suite.
    """

    suite: str
    id: str
    input: str
    target: str | None
    slices: Mapping[str, str]
    severity: Severity
    group: str | None
    flip: Flip
    teacher: Scored | None
    student: Scored
    expect: Literal["refuse", "comply"] | None = None
    unstable: bool = False
    champion: Scored | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Which model answered. `settings` is everything besides the bytes that can change an answer.

    `digest` identifies the answers' source: the weights of a live model, the file of a recording.
    `live` outputs go through the cache; recorded ones are their own record. Sizes: count, bytes. `members` are those
    of an ensemble. `bytes` are those of the weight files, `loaded_bytes` those of the weights in memory; `quantization`
    says in words how they are compressed, and `sparsity` is the share of the weights in matrices that are zero.
    """

    name: str
    backend: str
    digest: str
    live: bool
    revision: str | None = None
    path: str | None = None
    weights_digest: str | None = None
    tokenizer_digest: str | None = None
    template_digest: str | None = None
    parameters: int | None = None
    bytes: int | None = None
    loaded_bytes: int | None = None
    sparsity: float | None = None
    quantization: str | None = None
    dtype: str | None = None
    device: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[ModelFacts, ...] = ()


# --- what is measured ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Prices per thousand requests, and what else a change costs; one currency, whichever. None: not told.

    `one_off` is what making and introducing the student cost, to be paid back within `horizon_months`;
    `fixed_per_month` what running it costs however many requests there are.
    """

    teacher: float | None = None
    student: float | None = None
    human: float | None = None
    requests_per_month: int | None = None
    one_off: float | None = None
    horizon_months: int = 12
    fixed_per_month: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a plan says of the service, besides its models: who answers where the student is not sure, and the costs.

    `risk` is the share of all requests that the student may answer wrongly though who stands behind it would be right;
    `level` the one-sided confidence with which it is kept, None for the policy's.
    """

    fallback_to: Fallback = "teacher"
    risk: float = 0.02
    level: float | None = None
    costs: Costs = Costs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number that knows how sure it is. `low` and `high` are None only for p-values.

    `level` is the two-sided coverage of [low, high]; exact quantities have low = high = value.
    """

    value: float
    low: float | None
    high: float | None
    level: float
    n: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undefined:
    """No number, and why. Never NaN, never 0.0 for nothing."""

    reason: str


Measured = Estimate | Undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one row of results answers: a metric, on a suite (None: the run), on a slice and filter."""

    metric: str
    suite: str | None = None
    slice: str | None = None
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    versus: Versus = "teacher"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One row of results.json or timings.json."""

    question: Question
    measured: Measured
    direction: Direction
    unit: str


# --- what is decided -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A named person's decision to let one criterion go, until the end of a UTC day."""

    criterion: str
    owner: str
    reason: str
    expires: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionRow:
    """One criterion on one suite and slice: the row of verdict.json.

    `examples` are ids worth looking at: those that speak against the student.
    """

    id: str
    question: Question
    effect: Effect
    on_missing: OnMissing
    status: CriterionStatus
    measured: Measured
    at_least: float | None
    at_most: float | None
    by: Literal["interval", "value"]
    reason: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What a policy may ask of one suite: how many examples, which slices of what size, which columns."""

    facts: SuiteFacts
    n: int
    slices: Mapping[str, Mapping[str, int]]
    columns: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressedSlice:
    """A slice on which the student is worse than chance allows, after Holm's correction over all slices."""

    suite: str
    slice: str
    difference: float
    n: int
    lost: int
    gained: int
    p_holm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision: one word, and the sentences and rows that led to it."""

    word: VerdictWord
    reasons: tuple[str, ...]
    criteria: tuple[CriterionRow, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    regressed: tuple[RegressedSlice, ...] = ()

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.word]


# --- what a reader of a run gets -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Counts of examples with a target, by who was right: the 2x2 table, with its wrong-wrong cell split."""

    both_right: int
    right_to_wrong: int
    wrong_to_right: int
    both_wrong_same: int
    wrong_to_other_wrong: int

    @property
    def n(self) -> int:
        return (
            self.both_right
            + self.right_to_wrong
            + self.wrong_to_right
            + self.both_wrong_same
            + self.wrong_to_other_wrong
        )
