"""Drafts out of scenes: a breach of one rule, or its mend, in the middle of what belongs to the matter.

A scene (scenes/GENRE.yaml) is one matter: a cracked kettle, a stocktaking. It has leads and facts, which keep all
rules, and cases: sentences in which `<a|b>` is a breach `a` and its mend `b`. Any facts and mends of a scene go
together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from evalkit.grammar import Writer

GENRES = ("reply", "post", "page", "announcement", "supplier", "mailing")
RULES = {
    "hello_reply": [
        "Hello {customer},",
        "Dear {customer},",
        "Hi {first},",
        "Good morning {customer},",
        "Dear {first} {surname},",
        "Hello,",
        "",
        "Hi there,",
        "Good afternoon,",
    ],
    "bye_reply": [
        "Kind regards\n{agent}\nTarnbrook Customer Care",
        "Best wishes\n{agent}",
        "{agent}, Tarnbrook",
        "",
        "Have a good day,\n{agent}",
        "Warm regards from Lindenholt\n{agent}",
        "Yours\nTarnbrook Customer Care",
        "– {agent}",
        "If anything is unclear, just answer this mail.\n{agent}",
        "",
    ],
    "hello_post": [""],
    "bye_post": [""],
    "hello_page": [""],
    "bye_page": [""],
    "hello_announcement": [
        "Dear all,",
        "Hello everyone,",
        "",
        "Dear colleagues,",
        "To all sites",
        "Good morning,",
        "Hi all,",
        "[Intranet, front page]",
        "",
    ],
    "bye_announcement": [
        "{team}",
        "Thanks, {agent}",
        "",
        "Questions: {team}.",
        "See you around\n{agent}, {team}",
        "{agent} for the {team} team",
        "",
    ],
    "team": ["Facilities", "Human Resources", "Communications", "Operations", "Office Services"],
    "hello_supplier": [
        "Dear {contact},",
        "Hello {contact},",
        "Dear Sir or Madam,",
        "Dear team,",
        "Good morning,",
        "Dear partners,",
        "Good afternoon {contact},",
    ],
    "bye_supplier": [
        "Kind regards\n{agent}\nPurchasing, Tarnbrook",
        "Best regards\n{agent}",
        "Thank you and best regards\n{agent}, Tarnbrook",
        "With kind regards from Lindenholt\n{agent}",
        "Regards\nTarnbrook Purchasing",
        "Many thanks\n{agent}",
    ],
    "hello_mailing": ["Hello {first},", "Dear customer,", "", "Good day,", "Dear {customer},", "Hello,", ""],
    "bye_mailing": ["Your Tarnbrook team", "", "See you soon\nTarnbrook", "All the best from Lindenholt", ""],
    "customer": ["Mr {surname}", "Ms {surname}", "Mrs {surname}"],
    "contact": ["Mr {surname}", "Ms {surname}", "Dr {surname}", "{first} {surname}"],
    "first": [
        *("Aisha", "Bruno", "Celia", "Dragan", "Elena", "Femi", "Grietje", "Hassan", "Ines", "Jakub", "Kaja", "Luis"),
        *("Mina", "Nils", "Olga", "Pia", "Quentin", "Rashid", "Sofia", "Tariq", "Ursula", "Valentin", "Xenia", "Yuki"),
    ],
    "surname": [
        *("Abara", "Bauer", "Castellan", "Dahl", "Eriksen", "Fontaine", "Gupta", "Horvat", "Ibsen", "Jansson"),
        *("Kowalczyk", "Lindgren", "Moreau", "Nowicki", "Osei", "Pinto", "Rehman", "Santoro", "Takeda", "Ueda"),
        *("Verhoef", "Wolanski", "Yusupov", "Zanetti"),
    ],
    "agent": [
        *("Henrike Saal", "T. Almeida", "Priyanka", "Lasse", "Joost Vermeer", "M. Okonkwo", "Delphine", "Aron Weisz"),
        *("Greta H.", "Samir", "Roisin", "B. Castaneda", "Ilan", "Mirela Popa", "Jo", "Karolina Szulc", "Finn"),
    ],
}
CHOICE = re.compile(r"<([^<>|]*)\|([^<>|]*)>")
CRITICAL = "!! "
SEVERITY = {"complies": "low", "privacy": "high", "advice": "high"}  # what a slip costs; others are normal


class Case(NamedTuple):
    """A sentence that breaks one rule, and the same sentence mended."""

    rule: str
    bad: str
    good: str
    critical: bool


class Layout(NamedTuple):
    """All of a draft but the case: with the same layout, a breach and its mend differ in nothing else."""

    hello: str
    lead: str
    before: list[str]
    after: list[str]
    end: str  # a post's hashtags, a mailing's line that says how to stop it
    bye: str
    quote: str
    style: str
    subtlety: str


class Scene:
    """One matter of a genre, and the drafts about it."""

    def __init__(self, genre: str, common: dict[str, Any], scene: dict[str, Any], writer: Writer) -> None:
        self.genre, self.name, self.writer = genre, str(scene["name"]), writer
        self.kind = str(common["genre"])
        self.leads, self.facts = list(scene["leads"]), list(scene["facts"])
        self.stops = list(common.get("stops", []))
        self.others = list(common.get("others", []))
        self.ends = list(scene.get("ends", [""]))
        self.quote = str(scene.get("quote", ""))
        self.cases = [_case(rule, text) for rule, texts in scene["cases"].items() for text in texts]

    def rows(self) -> Iterator[dict[str, object]]:
        """Each breach, many of them in pair with its mend, and a draft in which nothing comes near one."""
        for number, case in enumerate(self.cases):
            layout = self.layout(case)
            yield self.row(case.rule, case.bad, layout, critical=case.critical)
            if self.writer.deal("mended", (True, True, False, False, False)):
                yield self.row("complies", case.good, layout, subtlety="near_miss")
            elif number % 10 == 0:  # a mend that stands alone, so that not every near miss has a twin
                yield self.row("complies", case.good, self.layout(case), subtlety="near_miss")
            if case.rule == "opt-out":
                yield self.row(case.rule, case.bad, self.layout(case))
        if self.stops:
            yield from self.mailings()
        yield self.row("complies", "", self.layout(None), subtlety="plain")

    def mailings(self) -> Iterator[dict[str, object]]:
        """Mailings without a way to stop them, and one of them with it."""
        for number in range(4):
            layout = self.layout(None, least=1 + number)
            subtlety = "buried" if (other := self.writer.deal("other", self.others)) else "plain"
            yield self.row("opt-out", "", layout._replace(end=other), subtlety=subtlety)
            if number == 1:
                yield self.row("complies", "", layout, subtlety="near_miss")

    def layout(self, case: Case | None, least: int = 2) -> Layout:
        """A dealt frame. Without a case, at least so many facts; with one, it stands alone or amid much else."""
        deal = self.writer.deal
        buried = case is not None and deal("buried", (True, False))
        count = deal(("facts", buried), (2, 3, 4, 5, 5)) if buried else deal(("facts", buried), (0, 0, 1, 1, 2))
        facts = self.some_facts(count if case else max(count, least))
        if case and buried:
            others = [each.good for each in self.cases if each.rule != case.rule]
            for _ in range(deal("distractors", (1, 1, 2))):  # near misses of other rules draw the eye away
                other = deal((self.name, case.rule), others)
                if other not in facts:
                    facts.insert(self.writer.rng.randint(0, len(facts)), other)
        cut = self.writer.rng.randint(1, max(1, len(facts) - 1)) if facts else 0
        if facts and deal("slip", (True, *[False] * 11)):
            facts[0] = self.slip(facts[0])
        return Layout(
            hello=self.writer.write(f"{{hello_{self.genre}}}"),
            lead=deal((self.name, "lead"), self.leads),
            before=facts[:cut],
            after=facts[cut:],
            end=deal("stop", self.stops) if self.stops else deal((self.name, "end"), self.ends),
            bye=self.writer.write(f"{{bye_{self.genre}}}"),
            quote=self.quote if deal("quote", (True, False, False)) else "",
            style=deal(("style", self.genre), STYLES[self.genre]),
            subtlety="buried" if buried else "plain",
        )

    def some_facts(self, count: int) -> list[str]:
        """So many facts of the scene, in their order."""
        dealt = range(len(self.facts))
        chosen = {self.writer.deal((self.name, "fact"), dealt) for _ in range(count)}
        return [self.facts[index] for index in sorted(chosen)]

    def slip(self, text: str) -> str:
        """The text with two letters of its longest word swapped, as hands do that type fast."""
        word = max(re.findall(r"[a-z]+", text), key=len)
        at = self.writer.rng.randint(1, max(1, len(word) - 3))
        return text.replace(word, word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :], 1)

    def row(
        self, rule: str, said: str, layout: Layout, *, critical: bool = False, subtlety: str | None = None
    ) -> dict[str, object]:
        """The draft with what is said in place of its case, as a row of the suite."""
        draft = _draft(said, layout)
        return {
            "draft": draft,
            "rule": rule,
            "genre": self.kind,
            "subtlety": subtlety or layout.subtlety,
            "length": length_of(draft),
            "severity": "critical" if critical else SEVERITY.get(rule, "normal"),
            "group": self.name,
        }


STYLES = {
    "reply": ("paragraph", "paragraphs", "paragraph"),
    "post": ("paragraph", "lines", "paragraph"),
    "page": ("bullets", "paragraph", "lines", "paragraphs"),
    "announcement": ("paragraph", "paragraphs", "bullets"),
    "supplier": ("paragraph", "paragraphs", "paragraph"),
    "mailing": ("paragraph", "paragraphs", "lines"),
}


def rows() -> list[dict[str, object]]:
    """All drafts of all scenes, the same at each call."""
    here = Path(__file__).resolve().parent / "scenes"
    made = []
    for genre in GENRES:
        writer = Writer(RULES, seed=f"policy-review {genre}")
        common = yaml.safe_load((here / f"{genre}.yaml").read_text(encoding="utf-8"))
        for scene in common["scenes"]:
            made += list(Scene(genre, common, scene, writer).rows())
    seen: set[object] = set()  # facts are dealt again for each draft: two without a case may come out alike
    return [row for row in made if not (row["draft"] in seen or seen.add(row["draft"]))]


def length_of(draft: str) -> str:
    """The slice `length`: up to about 30 words, up to about 60, more."""
    return "short" if len(draft) < 180 else "medium" if len(draft) < 350 else "long"


def _case(rule: str, text: str) -> Case:
    critical, text = text.startswith(CRITICAL), text.removeprefix(CRITICAL)
    return Case(rule, CHOICE.sub(r"\1", text), CHOICE.sub(r"\2", text), critical)


def _draft(said: str, layout: Layout) -> str:
    case = [said] if said else []
    rest = [*layout.before, *case, *layout.after]
    if layout.style == "bullets" and len(rest) > 1:
        body = "\n".join([layout.lead, *(f"- {each}" for each in rest)])
    elif layout.style == "lines" or "\n" in layout.lead or layout.lead[-1].isalnum():
        body = "\n".join([layout.lead, *rest])
    elif layout.style == "paragraphs" and len(rest) > 1:
        half = len(layout.before) + len(case)
        body = "\n\n".join(filter(None, (" ".join([layout.lead, *rest[:half]]), " ".join(rest[half:]))))
    else:
        body = " ".join([layout.lead, *rest])
    draft = "\n\n".join(filter(None, (layout.quote, layout.hello, body, layout.bye, layout.end)))
    return re.sub(r" +(?=[ ,.;])", "", draft)  # where one side of a choice is empty, its spaces stay behind
