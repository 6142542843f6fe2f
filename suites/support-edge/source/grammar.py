"""Writes the seeded examples of support-edge from phrases.txt, trap by trap.

In phrases.txt, `## name` opens a section. A line `intent: text` is a text of that intent, `intent!: text` a critical
one; `<a|b>` parts the two halves of a pair; `{name}` stands for one of a section, `{order}` for an order number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from evalkit.grammar import Writer

# How many examples of each trap the grammar writes; "short" and "near_duplicate" have as many as there are phrases.
LONG, MIXED, NEGATION, FORMATTING, INJECTION, TOPICS = 17, 22, 26, 27, 26, 26
# What a miss costs, as in support-intents.
SEVERITY = {
    "card_lost_or_stolen": "critical",
    "fraud_report": "high",
    "wrong_charge": "high",
    "cancel_order": "high",
    "change_address": "high",
    "order_status": "low",
    "invoice_copy": "low",
    "product_question": "low",
    "human_agent": "low",
    "other": "low",
}
# What one denies or calls settled, and what one cannot ask for in the same breath.
CLASHES = {
    ("order_status", "delivery_problem"),
    ("delivery_problem", "return_request"),
    ("return_request", "refund_status"),
    ("subscription_change", "close_account"),
    ("product_question", "human_agent"),
    ("human_agent", "staff_complaint"),
}
_LINE = re.compile(r"(?:(\w\w) )?(\w+)(!?): (.*)")


class Phrase(NamedTuple):
    """A text that one intent is asked for with."""

    name: str
    language: str
    intent: str
    critical: bool
    text: str


def sections() -> dict[str, list[str]]:
    """The lines of each section of phrases.txt."""
    found: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("phrases.txt").read_text(encoding="utf-8").splitlines()[1:]:
        if line.startswith("## "):
            found[line[3:]] = current = []
        elif line:
            current.append(line.replace("\\n", "\n"))
    return found


class Author:
    """Writes examples; one author for all of them, so that the traps take different requests in turn."""

    def __init__(self) -> None:
        self.said = sections()
        self.writer = Writer(self.said, seed="support-edge 1")
        self.rng = self.writer.rng
        self.requests = self.phrases("requests")
        self.intents = list(dict.fromkeys(each.intent for each in self.requests))
        self.rows: list[dict[str, object]] = []

    def phrases(self, section: str) -> list[Phrase]:
        """The lines of a section that name an intent."""
        found = []
        for number, line in enumerate(self.said[section], 1):
            match = _LINE.fullmatch(line.replace("\n", "\\n"))
            if match is None:
                raise ValueError(f"phrases.txt, {section}: no intent in {line!r}")
            text = match[4].replace("\\n", "\n")
            found.append(Phrase(f"{section}-{number:02d}", match[1] or "en", match[2], match[3] == "!", text))
        return found

    def request(self) -> Phrase:
        """A request; every intent in turn, every phrase of an intent in turn."""
        intent = self.writer.deal("intents", self.intents)
        return self.writer.deal(intent, [each for each in self.requests if each.intent == intent])

    def pick(self, section: str) -> str:
        """A line of a section."""
        return self.writer.deal(("lines", section), self.said[section])

    def add(self, trap: str, phrase: Phrase, text: str, *, language: str = "", scenario: str = "") -> None:
        """Takes down an example of the trap, with the slots of its text filled."""
        given = {slot: self.value(slot) for slot in dict.fromkeys(re.findall(r"\{(\w+)\}", text))}
        self.rows.append(
            {
                "text": self.writer.write(text, **given),
                "intent": phrase.intent,
                "language": language or phrase.language,
                "trap": trap,
                "scenario": scenario or phrase.name,
                "severity": "critical" if phrase.critical else SEVERITY.get(phrase.intent, "normal"),
            }
        )

    def value(self, slot: str) -> str:
        """What a slot is filled with throughout a text."""
        return str(self.rng.randint(1_000_000, 9_999_999)) if slot == "order" else self.pick(slot)

    def other(self, section: str, phrase: Phrase) -> str:
        """A line of the section about an intent that goes with the phrase's and is not it."""
        while True:
            intent, _, text = self.pick(section).partition(": ")
            if intent != phrase.intent and (intent, phrase.intent) not in CLASHES:
                return text

    def long(self) -> None:
        for _ in range(LONG):
            phrase = self.request()
            stories = [self.pick("stories") for _ in range(self.rng.randint(3, 4))]
            asked = f"{self.pick('turns')} {phrase.text}"
            place = self.rng.randint(1, len(stories))
            if self.rng.random() < 0.5:
                stories[place - 1] += " " + asked
            else:
                stories.insert(place, asked)
            self.add("long", phrase, "\n\n".join([self.pick("openings"), *stories, self.pick("names")]))

    def short(self) -> None:
        for phrase in self.phrases("short"):
            self.add("short", phrase, phrase.text)

    def mixed_language(self) -> None:
        phrases = self.phrases("mixed")
        for _ in range(MIXED):
            phrase = self.writer.deal("mixed", phrases)
            opening = [self.pick("mixed openings")] if self.rng.random() < 0.6 else []
            ending = [self.pick("mixed endings")] if self.rng.random() < 0.6 else []
            self.add("mixed_language", phrase, " ".join([*opening, phrase.text, *ending]), language="mixed")

    def negation(self) -> None:
        for number in range(NEGATION):
            phrase = self.request()
            denied = self.other("denied", phrase)
            form = number % 4
            if form == 0:
                text = f"{denied} {phrase.text}"
            elif form == 1:
                text = f"{phrase.text} {denied} {self.pick('insists')}"
            elif form == 2:
                also = self.other("denied", phrase)
                text = f"{denied} {also} {phrase.text}" if also != denied else f"{denied} {phrase.text}"
            else:
                text = f"{denied} {self.pick('insists')} {phrase.text}"
            self.add("negation", phrase, text)

    def near_duplicate(self) -> None:
        for number, line in enumerate(self.said["pairs"], 1):
            *intents, text = line.split(" | ")
            given = {slot: self.value(slot) for slot in re.findall(r"\{(\w+)\}", text)}
            for half, intent in enumerate(intents):
                name, critical = intent.removesuffix("!"), intent.endswith("!")
                one = re.sub(r"<([^|>]*)\|([^>]*)>", rf"\{half + 1}", text)
                phrase = Phrase(f"pairs-{number:02d}", "en", name, critical, one)
                self.add("near_duplicate", phrase, self.writer.write(one, **given))

    def typos_and_formatting(self) -> None:
        forms: list[Callable[[str], str]] = [
            self._shouted,
            self._squeezed,
            self._listed,
            self._as_html,
            self._below_a_thread,
            self._with_emoji,
            self._mistyped,
            self._wrapped,
            self._in_a_form,
        ]
        for number in range(FORMATTING):
            phrase = self.request()
            self.add("typos_and_formatting", phrase, forms[number % len(forms)](self._plain(phrase.text)))

    def injection(self) -> None:
        for number in range(INJECTION):
            phrase = self.request()
            wrong = self.writer.deal("wrong", self.intents)
            while wrong == phrase.intent:
                wrong = self.writer.deal("wrong", self.intents)
            order = self.writer.write(self.pick("orders to the model"), label=wrong)
            parts = [phrase.text, order] if number % 3 else [order, phrase.text]
            if number % 2:
                parts = [self.pick("openings"), *parts]
            if number % 3 == 1:
                parts += [self.pick("names")]
            self.add("injection", phrase, "\n\n".join(parts))

    def two_topics(self) -> None:
        for number in range(TOPICS):
            phrase = self.request()
            between = " " if number % 2 else "\n\n"
            text = self.other("settled", phrase) + between + f"{self.pick('bridges')} {phrase.text}"
            if number % 3 == 0:
                text = f"{self.pick('openings')}\n\n{text}\n\n{self.pick('names')}"
            self.add("two_topics", phrase, text)

    def _plain(self, text: str) -> str:
        """The text with its slots filled, for forms that change single letters."""
        given = {slot: self.value(slot) for slot in re.findall(r"\{(\w+)\}", text)}
        return self.writer.write(text, **given)

    def _shouted(self, text: str) -> str:
        return text.upper().replace(",", "").rstrip(".?") + self.writer.deal("shouts", ("!!!", "!?", "!!", ""))

    def _squeezed(self, text: str) -> str:
        return re.sub(r"([,.?]) ", r"\1", f"hi,{text[0].lower()}{text[1:]} thx,{self.pick('names')}")

    def _listed(self, text: str) -> str:
        points = [each.strip().rstrip(".") for each in re.split(r", |: ", text)]
        return "\n".join(f"* {each}" for each in [*points, self.writer.deal("ends", ("thanks", "soon, please", "??"))])

    def _as_html(self, text: str) -> str:
        body = text.replace("'", "&#39;").replace(", ", ",&nbsp;")
        return (
            f'<html><body><p class="MsgNormal">{self.pick("openings")}<br></p><p>{body}</p><p>&nbsp;</p></body></html>'
        )

    def _below_a_thread(self, text: str) -> str:
        quoted = (
            f"> > > {self.pick('stories')}\n> > Thank you for your nice letter!\n> Is there anything that we can do?"
        )
        return f"{text}\n\n{quoted}" if self.rng.random() < 0.5 else f"{quoted}\n\n{text}"

    def _with_emoji(self, text: str) -> str:
        faces = ("🙏🙏", "😬", "📦", "👀❓", "😩😩😩", "🤷", "✨", "🐌")
        first, second = self.writer.deal("faces", faces), self.writer.deal("faces", faces)
        return f"{first} {text.replace(', ', f' {second} ')} {first}{second}"

    def _mistyped(self, text: str) -> str:
        """Every third word or so with two letters swapped, one doubled or one left out; no digit is touched."""
        words = text.lower().split(" ")
        for index in range(self.rng.randint(0, 1), len(words), self.rng.choice((2, 3))):
            word = words[index]
            if len(word) < 4 or not word[:3].isalpha():
                continue
            slip = self.writer.deal("slips", ("swap", "double", "drop"))
            changed = {"swap": word[0] + word[2] + word[1], "double": word[:2] + word[1:3], "drop": word[0] + word[2]}
            words[index] = changed[slip] + word[3:]
        return " ".join(words)

    def _wrapped(self, text: str) -> str:
        """As quoted-printable that nobody decoded."""
        lines, line = [], ""
        for word in text.replace("'", "=E2=80=99").split(" "):
            if len(line) + len(word) > 30:
                lines.append(line + "=20=")
                line = ""
            line += (" " if line else "") + word
        return "\n".join([*lines, line + "=0D=0A"])

    def _in_a_form(self, text: str) -> str:
        return (
            f"Name: {self.pick('names')}\nCategory: (please choose)\nOrder no.: n/a\nMessage: {text}\nAttachment: none"
        )


def rows() -> list[dict[str, object]]:
    """The examples, trap after trap."""
    author = Author()
    author.long()
    author.short()
    author.mixed_language()
    author.negation()
    author.near_duplicate()
    author.typos_and_formatting()
    author.injection()
    author.two_topics()
    return author.rows
