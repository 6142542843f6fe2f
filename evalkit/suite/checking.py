"""What is wrong with a suite's columns, templates and ids, folded so that a mistake on a thousand rows is said once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from evalkit.data import Rows, text_of
from evalkit.errors import Complaint, UsageError, nearest
from evalkit.scorers import JUDGED, JudgeSettings
from evalkit.suite.written import WholeSuite
from evalkit.yamlfile import Document


@dataclass
class Findings:
    """Complaints about rows, folded: the same mistake on a thousand rows is one complaint with a count."""

    rows: Rows
    found: dict[tuple[str, str], tuple[Complaint, int]] = field(default_factory=dict)

    def add(self, kind: str, index: int, key: str, problem: str, remedy: str) -> None:
        first, count = self.found.get((kind, key), (None, 0))
        complaint = first or Complaint(problem=problem, remedy=remedy, place=self.rows.place(index, key))
        self.found[(kind, key)] = (complaint, count + 1)

    def complaints(self) -> Iterator[Complaint]:
        for complaint, count in self.found.values():
            more = f" (and {count - 1} more rows like it)" if count > 1 else ""
            yield Complaint(problem=complaint.problem + more, remedy=complaint.remedy, place=complaint.place)


def check_columns(parsed: WholeSuite, rows: Rows, document: Document) -> None:
    """Every mapped column must exist in some row; the input must come from somewhere."""
    known = list(dict.fromkeys(name for row in rows.rows for name in row))
    complaints = []
    mapped = parsed.columns
    wanted: list[tuple[tuple[str | int, ...], str | None]] = [
        *((("columns", role), getattr(mapped, role)) for role in ("id", "input", "target", "group")),
        *((("columns", role), getattr(mapped, role)) for role in ("severity", "choices", "expect")),
        *((("columns", "slices", index), name) for index, name in enumerate(mapped.slices)),
    ]
    for key, name in wanted:
        if name is not None and name not in known:
            remedy = nearest(name, known)
            if key == ("columns", "id") and not remedy.startswith("did you mean"):
                remedy = (
                    "name the column that tells the rows apart under columns.id, or add one "
                    f"(docs/suites.md, What goes wrong, has the command); {remedy}"
                )
            complaints.append(
                Complaint(problem=f'no row has the column "{name}"', remedy=remedy, place=document.place(*key))
            )
    if mapped.input is None and parsed.prompt is None:
        complaints.append(
            Complaint(
                problem="nothing says what the model is asked",
                remedy="map columns.input to the column that holds the text, or write a prompt",
                place=document.place("columns"),
            )
        )
    complaints += _template_complaints(parsed, known, document)
    if complaints:
        raise UsageError(complaints)


def _template_complaints(parsed: WholeSuite, known: Sequence[str], document: Document) -> Iterator[Complaint]:
    import jinja2.sandbox

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment()
    asked = [(key, text, "the prompt", list(known)) for key, text in templates(parsed)]
    if isinstance(parsed.scorer, JudgeSettings):
        asked.append((("scorer", "prompt"), parsed.scorer.prompt, "the judge's prompt", [*JUDGED, *known]))
    for key, text, what, names in asked:
        try:
            # Compiled as well: an unknown filter is a mistake that parsing alone does not see.
            environment.from_string(text)
            wanted = names_in(text)
        except (jinja2.TemplateSyntaxError, RecursionError) as error:
            yield Complaint(
                problem=f"{what} is not a template: {getattr(error, 'message', None) or error}",
                remedy="check its braces and filters; `{{ column }}` inserts a column",
                place=document.place(*key),
            )
            continue
        for name in sorted(wanted - set(names) - set(environment.globals)):
            yield Complaint(
                problem=f"{what} uses {{{{ {name} }}}}, which no row has",
                remedy=nearest(name, names),
                place=document.place(*key),
            )
        if what != "the prompt" and "answer" not in wanted:
            yield Complaint(
                problem="the judge's prompt never shows the answer that is to be judged",
                remedy="write {{ answer }} where it belongs, between marks that tell it from your own words",
                place=document.place(*key),
            )


def templates(parsed: WholeSuite) -> list[tuple[tuple[str | int, ...], str]]:
    """The prompt's texts, each with its key."""
    if parsed.prompt is None or isinstance(parsed.prompt, str):
        return [(("prompt",), parsed.prompt)] if parsed.prompt is not None else []
    return [(("prompt", index, "content"), each.content) for index, each in enumerate(parsed.prompt)]


def names_in(template: str) -> set[str]:
    """What a template takes from the row."""
    import jinja2.meta
    import jinja2.sandbox

    return jinja2.meta.find_undeclared_variables(jinja2.sandbox.ImmutableSandboxedEnvironment().parse(template))


def check_ids(parsed: WholeSuite, rows: Rows, findings: Findings) -> None:
    column = parsed.columns.id
    seen: dict[str, int] = {}
    for index, row in enumerate(rows.rows):
        name = text_of(row.get(column))
        if name is None:
            findings.add("id", index, column, "the row has no id", "every example needs an id of its own")
        elif name in seen:
            findings.add(
                "id-twice",
                index,
                column,
                f'the id "{name}" is used twice, first at {rows.place(seen[name])}',
                "ids join teacher and student: make them unique",
            )
        else:
            seen[name] = index
