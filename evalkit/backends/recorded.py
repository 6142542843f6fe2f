"""Recorded: outputs that were made elsewhere, in a JSONL or Parquet file, or by an earlier run.

A recording answers for exactly the examples it holds. An example that it lacks is the user's mistake,
found before anything runs; it is never asked of a live model instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.backends import Backend
from evalkit.backends.answers import AnswerError, override_of, parse_answer
from evalkit.data import SHOWN, Row, read_rows, text_of
from evalkit.errors import BrokenError, Complaint, Place, RecordError, UsageError, nearest
from evalkit.files import digest_file
from evalkit.records import opened
from evalkit.requests import build_requests
from evalkit.specs import RecordedSpec
from evalkit.types import Example, ModelFacts, Output, Request, Role, Suite

Key = tuple[str, str]


class Recorded(Backend):
    """Serves the outputs of a file by suite and example id."""

    def __init__(self, spec: RecordedSpec, role: Role) -> None:
        self.path, self.role, self.recorded_role = Path(spec.path), role, spec.role
        self.override = spec.override
        self.outputs: dict[Key, Output] = {}
        # Whose recorded answer was replaced, and how often one of them was served.
        self.overridden: set[Key] = set()
        self.served_overridden = 0
        self.run_manifest: Mapping[str, Any] | None = None
        # Rows that no suite has asked for in any check; None before the first.
        self.spare: set[int] | None = None

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        try:
            if self.path.is_dir() and self.override is not None:
                raise UsageError(
                    _complaint(
                        "override names a column of a file of answers, and this is a run",
                        "record the corrected answers in a file",
                        Place(file=str(self.path)),
                    )
                )
            if self.override is not None and self.role in ("student", "champion"):
                raise UsageError(
                    _complaint(
                        f"override corrects a teacher, and this is the {self.role}: its own answers are on trial",
                        "remove override",
                        Place(file=str(self.path)),
                    )
                )
            spare = self._read_run(suites) if self.path.is_dir() else self._read_file(suites)
            self.spare = spare if self.spare is None else self.spare & spare
        except UsageError as error:
            return list(error.complaints)
        return list(self._missing(suites))

    def identify(self) -> ModelFacts:
        try:
            digest = digest_file(self._file())
        except OSError as error:
            raise BrokenError(f"the recording {self.path} cannot be read any more: {error}") from None
        then: Mapping[str, Any] = {}
        if self.run_manifest is not None:
            if digest != self.run_manifest.get("records", {}).get("pairs.parquet"):
                raise BrokenError(f"{self._file()} is not the file that the manifest beside it recorded")
            then = self.run_manifest.get("models", {}).get(self.recorded_role) or {}
        return ModelFacts(
            name=then.get("name") or self.path.stem,
            backend="recorded",
            digest=digest,
            live=False,
            path=str(self.path),
            weights_digest=then.get("weights_digest"),
            parameters=then.get("parameters"),
            bytes=then.get("bytes"),
            loaded_bytes=then.get("loaded_bytes"),
            sparsity=then.get("sparsity"),
            quantization=then.get("quantization"),
            dtype=then.get("dtype"),
            settings={"extra_ids": len(self.spare or ()), **({"override": self.override} if self.override else {})},
        )

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        return [list(range(len(requests)))] if requests else []

    def run(self, requests: Sequence[Request]) -> list[Output]:
        keys = [(request.suite, request.example_id) for request in requests]
        self.served_overridden += sum(key in self.overridden for key in keys)
        return [self.outputs[key] for key in keys]

    def counts(self) -> Mapping[str, int]:
        return {"overridden": self.served_overridden} if self.override else {}

    def notes(self, suites: Sequence[Suite]) -> list[str]:
        if self.override is None:
            return []
        asked = {(suite.name, example.id) for suite in suites for example in suite.examples}
        whose = f"{self.role} {self.path.name}"
        return [f'{len(self.overridden & asked)} of {len(asked)} answers of {whose} are its column "{self.override}"']

    def earlier_run(self) -> Mapping[str, Any] | None:
        return self.run_manifest

    def _file(self) -> Path:
        return self.path / "pairs.parquet" if self.path.is_dir() else self.path

    def _read_file(self, suites: Sequence[Suite]) -> set[int]:
        """Keeps what the suites ask for; returns the other rows. Raises UsageError."""
        rows = read_rows(self.path)
        self._find_override(rows.rows)
        wanted = {suite.name: {example.id: example for example in suite.examples} for suite in suites}
        complaints: list[Complaint] = []
        spare: set[int] = set()
        met: set[Key] = set()
        several = any("suite" in row for row in rows.rows)
        for index, row in enumerate(rows.rows):
            name = _named(row, wanted)
            place = rows.place(index)
            if name is None:
                complaints.append(_complaint("the row has no id", "every recorded row needs the example's id", place))
                continue
            homes = [text_of(row.get("suite"))] if several else [each for each in wanted if name in wanted[each]]
            if len(homes) > 1:
                problem = f'the id "{name}" is in the suites {" and ".join(map(str, homes))}'
                complaints.append(_complaint(problem, "add a `suite` column that says which is meant", place))
                continue
            home = homes[0] if homes else None
            example = wanted.get(home or "", {}).get(name)
            if home is None or example is None:
                spare.add(index)
                continue
            if (home, name) in met:
                complaints.append(
                    _complaint(f'the id "{name}" is recorded twice', "keep one answer per example", place)
                )
                continue
            met.add((home, name))
            try:
                suite = next(each for each in suites if each.name == home)
                self.outputs[home, name] = parse_answer(row, example, suite.facts, self.override)
                if override_of(row, self.override) is not None:
                    self.overridden.add((home, name))
            except AnswerError as error:
                complaints.append(_complaint(f'id "{name}": {error.problem}', error.remedy, place))
        if complaints:
            more = len(complaints) - SHOWN
            tail = [_complaint(f"and {more} more rows like these", "mend the first ones", Place(file=str(self.path)))]
            raise UsageError([*complaints[:SHOWN], *(tail if more > 0 else [])])
        return spare

    def _find_override(self, rows: Sequence[Row]) -> None:
        """A column that no row has would override nothing, in silence."""
        if self.override is None or any(self.override in row for row in rows):
            return
        known = list(dict.fromkeys(name for row in rows for name in row))
        raise UsageError(
            _complaint(
                f'no row has a column "{self.override}", which is to override',
                nearest(self.override, known),
                Place(file=str(self.path)),
            )
        )

    def _read_run(self, suites: Sequence[Suite]) -> set[int]:
        """The recorded role of a finished run. Its answers count only if they answered the same questions.
        Returns the rows that the suites do not ask for."""
        try:
            path = self.path / "manifest.json"
            self.run_manifest = opened(json.loads(path.read_text(encoding="utf-8")), "manifest", str(path))
        except RecordError as error:
            raise UsageError(
                _complaint(str(error), "name a run that this version can read", Place(file=str(self.path)))
            ) from None
        except (OSError, ValueError):
            raise UsageError(
                _complaint(
                    f"{self.path} is not a finished run: it has no readable manifest.json",
                    "name a run that ended with a verdict other than broken, or a JSONL or Parquet file",
                    Place(file=str(self.path)),
                )
            ) from None
        rows = read_rows(self.path / "pairs.parquet").rows
        asked = {(suite.name, each.example_id): each.key for suite in suites for each in build_requests(suite)}
        other: list[Key] = []
        spare: set[int] = set()
        for index, row in enumerate(rows):
            key = (str(row.get("suite")), str(row.get("id")))
            if key not in asked:
                spare.add(index)
            elif row.get("request_key") != asked[key]:
                other.append(key)
            elif row.get(f"{self.recorded_role}_status") is not None:
                self.outputs[key] = _from_run(row, self.recorded_role)
        if other:
            raise UsageError(
                _complaint(
                    f"the run was asked something else for {len(other)} examples, such as {other[0][1]}",
                    "the suite's prompts, choices or settings have changed since; run that model again",
                    Place(file=str(self.path)),
                )
            )
        return spare

    def _missing(self, suites: Sequence[Suite]) -> Iterator[Complaint]:
        for suite in suites:
            ids = [each.id for each in suite.examples if (suite.name, each.id) not in self.outputs]
            if ids:
                few = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
                several = suite.facts.samples > 1
                which = f" (each example has `sample` 1 to {suite.facts.samples})" if several else ""
                yield _complaint(
                    f"the {self.role} recording lacks {len(ids)} of {len(suite.examples)} {suite.facts.rows} "
                    f'of "{suite.name}": {few}',
                    f'record them{which}; a request that failed is a row with `status: "error"`, not a row left out',
                    Place(file=str(self.path)),
                )


def _named(row: Row, wanted: Mapping[str, Mapping[str, Example]]) -> str | None:
    """The id of what a row answers. A sample may be named by its example's id and a `sample` column, counted from 1."""
    name, number = text_of(row.get("id")), text_of(row.get("sample"))
    if name is None or number is None:
        return name
    # A Parquet column of numbers of which some are missing holds 1.0.
    sample = f"{name}#{number.removesuffix('.0')}"
    return sample if any(sample in each for each in wanted.values()) else name


def _from_run(row: Row, role: str) -> Output:
    def cell(name: str) -> Any:
        return row.get(f"{role}_{name}")

    return Output(
        example_id=row["id"],
        status=cell("status"),
        label=cell("label"),
        text=cell("text"),
        probs=tuple(cell("probs")) if cell("probs") is not None else None,
        choice_logprobs=tuple(cell("choice_logprobs")) if cell("choice_logprobs") is not None else None,
        choice_tokens=tuple(cell("choice_tokens")) if cell("choice_tokens") is not None else None,
        reasoning=cell("reasoning"),
        token_logprobs=tuple(cell("token_logprobs")) if cell("token_logprobs") is not None else None,
        judgement=cell("judgement"),
        tokens_in=cell("tokens_in"),
        tokens_out=cell("tokens_out"),
        latency_s=cell("latency_s"),
        ttft_s=cell("ttft_s"),
        prompt_hash=cell("prompt_hash"),
        error=cell("error"),
    )


def _complaint(problem: str, remedy: str, place: Place) -> Complaint:
    return Complaint(problem=problem, remedy=remedy, place=place)
