"""Ensemble: several models that answer as one, by majority or by the mean of their probabilities.

A member that fails abstains from a majority; where probabilities are averaged it is missed, and the answer is an error:
the mean of the others would be another ensemble's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.backends import Backend, backend
from evalkit.backends.choosing import first_largest
from evalkit.backends.recorded import Recorded
from evalkit.errors import Complaint, Place
from evalkit.files import digest_value
from evalkit.requests import build_requests
from evalkit.specs import EnsembleSpec
from evalkit.types import CHOOSING, ERRORED, ModelFacts, Output, Request, Role, Suite, Task

# What a member said: its label, and its text without the space around it.
Vote = tuple[str | None, str | None]


class Ensemble(Backend):
    """Asks every member everything, each in batches of its own making."""

    def __init__(self, spec: EnsembleSpec, role: Role) -> None:
        self.spec, self.role = spec, role
        self.members: list[Backend] = [backend(each, role) for each in spec.members]
        self.names: list[str] = [f"member {index}" for index in range(1, len(self.members) + 1)]
        self.abstentions = 0

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        found = [complaint for each in self.members for complaint in each.check(suites)]
        # Two members on one file, or on one server, have the same mistake once.
        found = list(dict.fromkeys(found))
        if self.spec.by == "mean" and not found:
            found += [self._written(each) for each in suites if each.facts.task not in CHOOSING]
            found += [complaint for each in suites if (complaint := self._without_probs(each)) is not None]
        return found

    def identify(self) -> ModelFacts:
        """Sizes are sums, None where a member's is not known."""
        facts = [each.identify() for each in self.members]
        self.names = [each.name for each in facts]
        live = [each for each in facts if each.live]
        members = [
            {"name": each.name, "backend": each.backend, "digest": each.digest, "settings": dict(each.settings)}
            for each in facts
        ]
        devices, dtypes = {each.device for each in live}, {each.dtype for each in live}
        return ModelFacts(
            name=self.spec.name,
            backend="ensemble",
            digest=digest_value({"by": self.spec.by, "members": members}),
            live=bool(live),
            parameters=_sum([each.parameters for each in facts]),
            bytes=_sum([each.bytes for each in facts]),
            loaded_bytes=_sum([each.loaded_bytes for each in facts]),
            quantization=", ".join(f"{each.name}: {each.quantization}" for each in facts if each.quantization) or None,
            device=devices.pop() if len(devices) == 1 else None,
            dtype=dtypes.pop() if len(dtypes) == 1 else None,
            settings={"by": self.spec.by, "members": members},
            members=tuple(facts),
        )

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        """Those of the first member that runs: they are what is kept and resumed. What fits one member may be too
        much for another, so in `run` each makes batches of its own out of them."""
        running = [each for each in self.members if not isinstance(each, Recorded)]
        return (running or self.members)[0].batches(requests)

    def run(self, requests: Sequence[Request]) -> list[Output]:
        answers = [_all(each, requests) for each in self.members]
        return [self._one(request, [each[index] for each in answers]) for index, request in enumerate(requests)]

    def close(self) -> None:
        for each in self.members:
            each.close()

    def counts(self) -> Mapping[str, int]:
        """Sums over the members, and how often one of them abstained."""
        found: Counter[str] = Counter()
        for each in self.members:
            found.update(each.counts())
        return {**found, "abstentions": self.abstentions}

    def notes(self, suites: Sequence[Suite]) -> list[str]:
        said = [note for each in self.members for note in each.notes(suites)]
        if self.spec.by == "majority" and any(each.facts.task in CHOOSING for each in suites):
            said.append(f"probabilities of {self.role} {self.spec.name} are shares of its {len(self.members)} votes")
        if self.abstentions:
            said.append(f"members of {self.role} {self.spec.name} failed and abstained {self.abstentions} times")
        return list(dict.fromkeys(said))

    def earlier_run(self) -> Mapping[str, Any] | None:
        """The one run that all members come from, where there is one."""
        first, *others = [each.earlier_run() for each in self.members]
        return first if all(each == first for each in others) else None

    def answers_with(self) -> Task:
        """What all members do; where they differ, `check` says which of them cannot write."""
        tasks = {each.answers_with() for each in self.members}
        return tasks.pop() if len(tasks) == 1 else "generate"

    def loaded_bytes(self) -> int | None:
        """The sum of the members', None where one of them does not run here."""
        return _sum([each.loaded_bytes() for each in self.members])

    def batch_shape_matters(self, requests: Sequence[Request]) -> bool:
        return any(each.batch_shape_matters(requests) for each in self.members)

    def weights_in_memory(self) -> int | None:
        return _sum([each.weights_in_memory() for each in self.members])

    # --- one answer of several ---------------------------------------------------------------------

    def _one(self, request: Request, given: Sequence[Output]) -> Output:
        failed = [index for index, each in enumerate(given) if each.status in ERRORED]
        # An ensemble of which a part does not take part is not timed.
        needs_all = self.spec.by == "mean" or bool(request.generation.get("min_new_tokens"))
        # What less than half of the members say is no majority.
        if failed and (needs_all or 2 * len(failed) >= len(given)):
            why = "; ".join(f"{self.names[index]}: {given[index].error or given[index].status}" for index in failed)
            return Output(example_id=request.example_id, status=given[failed[0]].status, error=why)
        if self.spec.by == "mean":
            return self._mean(request, given)
        self.abstentions += len(failed)
        voters = [each for each in given if each.status not in ERRORED]
        answer = _elected(request, voters) if request.task in CHOOSING else _most_written(voters)
        if not failed:
            return answer
        # Said beside the answer, so that the vote is not kept: another time all of them may take part.
        return replace(answer, error=f"{len(failed)} of {len(given)} members abstained")

    def _mean(self, request: Request, given: Sequence[Output]) -> Output:
        """The mean of the members' probabilities, and the likeliest choice by it; ties go to the lowest index."""
        known = [each.probs for each in given if each.probs is not None and len(each.probs) == len(request.choices)]
        if len(known) < len(given) or request.task not in CHOOSING:
            without = [
                name
                for name, each in zip(self.names, given, strict=True)
                if len(each.probs or ()) != len(request.choices)
            ]
            why = f"there are no probabilities to take the mean of: {', '.join(without or self.names)}"
            return Output(example_id=request.example_id, status="error", error=why)
        probs = mean(known)
        return Output(
            example_id=request.example_id, status="ok", label=request.choices[first_largest(probs)], probs=probs
        )

    # --- words -------------------------------------------------------------------------------------

    def _written(self, suite: Suite) -> Complaint:
        return self._complaint(
            f'the answers to "{suite.name}" are texts, which have no mean',
            "write by: majority, or leave that suite to another plan",
        )

    def _without_probs(self, suite: Suite) -> Complaint | None:
        """Recorded members say before anything runs whether they have what a mean is made of."""
        if suite.facts.task not in CHOOSING:
            return None
        requests = build_requests(suite)
        for member in self.members:
            if isinstance(member, Recorded):
                lacking = [each for each in member.run(requests) if each.status not in ERRORED and each.probs is None]
                if lacking:
                    return self._complaint(
                        f'{member.path.name} has no probabilities for {len(lacking)} examples of "{suite.name}", such '
                        f"as {lacking[0].example_id}",
                        "record them for every member, or write by: majority",
                    )
        return None

    def _complaint(self, problem: str, remedy: str) -> Complaint:
        return Complaint(problem=problem, remedy=remedy, place=Place(file=f"{self.role} {self.spec.name}", key="by"))


def _all(member: Backend, requests: Sequence[Request]) -> list[Output]:
    """One member's answers in order, asked as it would ask by itself."""
    found: dict[int, Output] = {}
    for batch in member.batches(requests):
        found.update(zip(batch, member.run([requests[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(requests))]


def mean(probs: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Column by column; sums to one as far as its rows do."""
    return tuple(math.fsum(column) / len(probs) for column in zip(*probs, strict=True))


def _elected(request: Request, voters: Sequence[Output]) -> Output:
    """The label with most votes. Ties: the higher mean probability where every voter has probabilities, then the
    earliest member's. The probabilities are the shares of the votes, None where a vote was for none of the choices."""
    votes = [each.label if each.label is not None else (each.text or "").strip() for each in voters]
    tally = Counter(votes)
    first = [label for label in tally if tally[label] == max(tally.values())]
    if len(first) > 1 and set(first) <= set(request.choices):
        given = [each.probs for each in voters if each.probs is not None and len(each.probs) == len(request.choices)]
        if len(given) == len(voters):
            likely = mean(given)
            # Counter keeps the order of the members, and max the first of equals.
            first = [max(first, key=lambda label: likely[request.choices.index(label)])]
    within = set(votes) <= set(request.choices)
    return Output(
        example_id=request.example_id,
        status="ok" if first[0] else "empty",
        label=first[0] or None,
        probs=tuple(tally[each] / len(votes) for each in request.choices) if within else None,
    )


def _most_written(voters: Sequence[Output]) -> Output:
    """The text that most members wrote, up to the space around it; ties go to the earliest member. It comes with the
    status and token counts of the first who wrote it; times and prompts are the members' own affairs."""
    votes: list[Vote] = [(each.label, None if each.text is None else each.text.strip()) for each in voters]
    tally = Counter(votes)
    # Counter keeps the order of the members, and max the first of equals.
    winner = voters[votes.index(max(tally, key=lambda vote: tally[vote]))]
    return replace(winner, prompt_hash=None, latency_s=None, ttft_s=None)


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [each for each in numbers if each is not None]
    return sum(known) if known and len(known) == len(numbers) else None
