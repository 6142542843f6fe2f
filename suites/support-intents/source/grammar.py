"""Writes the seeded examples of support-intents from the phrases beside it, one file to a language.

A phrase file has a title line, then sections. `## intent` holds what a customer may say:

    - text     the request itself. Letters before the text say where it can stand: c chat, m mail, v voice transcript
               (none: anywhere); `.` alone, as nothing else goes with it; `!` it is critical
    + text     a detail that goes with every request of the intent that does not stand alone
    = text     a subject line

`%% name` holds the alternatives of a rule, `%% name.voice` those for voice transcripts. In texts, `[a|b]` is one of
the two, `{name}` a rule, `{order}` an order number, a backslash with n a new line. A rule has one value in a message.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from evalkit.grammar import Writer

# How many examples of an intent the grammar writes: in English, and in each of the other languages.
SIZES = {
    "order_status": (60, 8),
    "delivery_problem": (46, 6),
    "return_request": (44, 6),
    "refund_status": (42, 6),
    "cancel_order": (34, 4),
    "change_address": (28, 4),
    "payment_failed": (33, 4),
    "wrong_charge": (29, 4),
    "card_lost_or_stolen": (24, 4),
    "fraud_report": (26, 4),
    "sign_in_problem": (36, 4),
    "subscription_change": (37, 4),
    "close_account": (26, 4),
    "invoice_copy": (29, 4),
    "product_question": (46, 6),
    "staff_complaint": (25, 4),
    "human_agent": (22, 4),
    "other": (30, 4),
}
LANGUAGES = ("en", "de", "es", "fr")
# What a miss costs: money or data at once, goods or money later, an annoyed customer, a second message.
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
NO_CLOSER = {"human_agent", "other", "staff_complaint"}  # "reply by mail" clashes with "call me", thanks with anger
CHANNELS = ("mail", "mail", "mail", "chat", "chat", "voice")
CHANNEL_OF_MARK = {"c": "chat", "m": "mail", "v": "voice"}
_SLOT = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_MARKED = re.compile(r"-([cmv.!]*) (.*)")


class Request(NamedTuple):
    """One phrase that decides the intent; `channel` is None where it can stand in any."""

    name: str
    text: str
    channel: str | None
    alone: bool
    critical: bool


class Intent:
    """What is said about one intent in one language."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.details: list[str] = []
        self.subjects: list[str] = []


def phrases(language: str) -> tuple[dict[str, Intent], dict[str, list[str]]]:
    """The intents and the rules of a phrase file. Raises ValueError for a line that is none of the above."""
    intents: dict[str, Intent] = {}
    rules: dict[str, list[str]] = {}
    lines = Path(__file__).with_name(f"phrases-{language}.txt").read_text(encoding="utf-8").splitlines()
    name, intent = "", None
    for line in filter(None, lines[1:]):
        mark, _, text = line.partition(" ")
        if mark == "##":
            name, intent = text, intents.setdefault(text, Intent())
        elif mark == "%%":
            name, intent = text, None
        elif intent is None:
            rules.setdefault(name, []).append(line.replace("\\n", "\n"))
        elif mark == "+":
            intent.details.append(text)
        elif mark == "=":
            intent.subjects.append(text)
        elif marked := _MARKED.fullmatch(line):
            channel = next((CHANNEL_OF_MARK[each] for each in marked[1] if each in CHANNEL_OF_MARK), None)
            number = f"{language}-{name}-{len(intent.requests) + 1:02d}"
            intent.requests.append(Request(number, marked[2], channel, "." in marked[1], "!" in marked[1]))
        else:
            raise ValueError(f"phrases-{language}.txt: no such line: {line!r}")
    return intents, rules


class Correspondent:
    """Writes the messages of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.intents, self.rules = phrases(language)
        self.writer = Writer(self.rules, seed=f"support-intents 1 {language}")
        self.rng = self.writer.rng
        self._seen: dict[str, None] = {}

    def message(self, intent: str) -> dict[str, object]:
        """An example of the intent whose text differs from all before in more than figures and case."""
        request = self.writer.deal(intent, self.intents[intent].requests)
        for _ in range(40):
            channel = request.channel or self.writer.deal(f"channels {intent}", CHANNELS)
            text = self._filled(self._template(request, self.intents[intent], intent, channel), channel)
            if channel != "mail":
                text = self._spoken(text) if channel == "voice" else self._typed(text)
            shape = re.sub(r"\d+", "0", text).casefold()
            if shape not in self._seen:
                self._seen[shape] = None
                return {
                    "text": text,
                    "intent": intent,
                    "language": self.language,
                    "channel": channel,
                    "length": length(text),
                    "scenario": request.name,
                    "severity": "critical" if request.critical else SEVERITY.get(intent, "normal"),
                }
        raise ValueError(f"{request.name} has nothing new to say: write fewer examples, or more phrases")

    def _template(self, request: Request, intent: Intent, name: str, channel: str) -> str:
        """The message with its rules unfilled."""
        said = [self._chosen(request.text)]
        if not request.alone:
            most = {"mail": 2, "chat": 1, "voice": 1}[channel]
            for _ in range(self.rng.randint(0, most)):
                detail = self._chosen(self.writer.deal(("details", name), intent.details))
                if detail not in said and not self._repeats(detail, said[0]):
                    said.append(detail)
        if channel == "mail":
            return self._letter(said, request, intent, name)
        if channel == "voice":
            hello = ["{hello_voice}"] if self.rng.random() < 0.7 else []
            bye = ["{bye_voice}"] if self.rng.random() < 0.4 and name not in NO_CLOSER else []
            return " ".join([*hello, *map(self._in_small_letters, said), *bye])
        hello = ["{hello_chat}"] if self.rng.random() < 0.45 else []
        bye = ["{bye_chat}"] if self.rng.random() < 0.35 and name not in NO_CLOSER else []
        # A line ends where a sentence has no stop; otherwise now and then.
        text = ""
        for part in [*hello, *said, *bye]:
            stopped = text.endswith((".", "?", "!"))
            if text == "{hello_chat}":
                text += ", " + self._in_small_letters(part)
            elif text:
                text += (" " if stopped and self.rng.random() < 0.7 else "\n") + part
            else:
                text = part
        return text

    def _letter(self, said: list[str], request: Request, intent: Intent, name: str) -> str:
        formal = request.channel == "mail"
        greeting = formal or self.rng.random() < 0.8
        if not request.alone and self.rng.random() < 0.3 and not formal:
            said = ["{opener}", *said]
        if name not in NO_CLOSER and self.rng.random() < 0.4:
            said = [*said, "{closer}"]
        body = " ".join(said)
        if len(said) > 2 and self.rng.random() < 0.5:
            body = " ".join(said[:-1]) + "\n\n" + said[-1]
        hello, bye = ("{formal_greeting}", "{formal_signoff}") if formal else ("{greeting}", "{signoff}")
        parts = [hello] * greeting + [body] + [bye] * (self.rng.random() < 0.75)
        if not request.alone and intent.subjects and self.rng.random() < 0.3:
            word = {"en": "Subject", "de": "Betreff", "es": "Asunto", "fr": "Objet"}[self.language]
            parts = [f"{word}: " + self.writer.deal(("subject", name), intent.subjects), *parts]
        if self.rng.random() < 0.08:
            parts = [*parts, "{quote}"]
        return "\n\n".join(parts)

    @staticmethod
    def _repeats(detail: str, said: str) -> bool:
        """Whether the detail tells a number or a day that was told already."""
        return any(slot in said for slot in ("{order}", "{day}", "{day2}", "{city}") if slot in detail)

    def _chosen(self, text: str) -> str:
        """The text with one of the alternatives in each pair of brackets."""
        return _CHOICE.sub(lambda match: self.writer.deal(match[0], match[1].split("|")), text)

    def _in_small_letters(self, text: str) -> str:
        """The text whose sentences begin small, as in a transcript."""
        small = re.sub(r"(?:^|(?<=[.?!:;] ))[\"¿¡«]*\w", lambda match: match[0].lower(), text)
        return re.sub(r"\bi\b(?=['\s])", "I", small) if self.language == "en" else small

    def _filled(self, template: str, channel: str) -> str:
        """The template with each of its rules filled by one value throughout."""
        given: dict[str, str] = {}
        while match := _SLOT.search(template):  # a value may hold rules of its own
            slot = match[1]
            if slot not in given:
                given[slot] = self._value(slot, channel)
            template = template.replace(match[0], given[slot])
        return template

    def _value(self, slot: str, channel: str) -> str:
        if slot == "order":
            digits = "".join(str(self.rng.randint(0, 9)) for _ in range(7))
            if channel == "voice":
                return " ".join(self.rules["digit"][int(each)] for each in digits[:5])
            return self.writer.deal("order numbers", ("{}", "#{}", "B-{}", "{}")).format(digits)
        if channel == "voice" and f"{slot}.voice" in self.rules:
            slot = f"{slot}.voice"
        return self.writer.deal(slot, self.rules[slot])

    def _spoken(self, text: str) -> str:
        """As a transcript has it: no stops, a filler now and then."""
        parts = re.split(r", ", text)
        filled = parts[0]
        for part in parts[1:]:
            filler = f" {self.writer.deal('filler', self.rules['filler'])} " if self.rng.random() < 0.25 else " "
            filled += filler + part
        plain = re.sub(r"[.,;:!?¿¡\"«»()–] ?(?=\s|$)|[\"¿¡«»()#]", "", filled)
        return re.sub(r"\s+", " ", plain).strip()

    def _typed(self, text: str) -> str:
        """As a chat has it: often in small letters, without the last stop, with a slip of the finger."""
        if self.rng.random() < 0.45:
            text = text.lower()
        if self.rng.random() < 0.6:
            text = text.removesuffix(".")
        if self.rng.random() < 0.2:
            words = [match for match in re.finditer(r"[^\W\d_]{5,}", text) if "@" not in text]
            if words:
                at = self.rng.choice(words).start() + self.rng.randint(1, 2)
                text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        return text


def length(text: str) -> str:
    """short (under 12 words), medium, or long (45 words and more)."""
    words = len(text.split())
    return "short" if words < 12 else "medium" if words < 45 else "long"


def rows() -> list[dict[str, object]]:
    """The examples, intents and languages mixed."""
    written = []
    for language in LANGUAGES:
        correspondent = Correspondent(language)
        for intent, (english, other) in SIZES.items():
            written += [correspondent.message(intent) for _ in range(english if language == "en" else other)]
    order = Writer({}, seed="support-intents 1 order").rng
    order.shuffle(written)
    return written
