"""The seeded e-mails of procurement-edge: for each trap, plain messages that are put into it.

What is said is in phrases.yaml. A trap never changes what a mail is about, so the category is that of the message.
Mails in several languages, with several ids and near duplicates have sentences of their own.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from evalkit.grammar import Writer

Facts = dict[str, str]
Row = dict[str, object]


class Mail(NamedTuple):
    """A mail as it arrives, and whether the supplier's id is in it."""

    text: str
    known: bool
    language: str = "en"


HERE = Path(__file__).resolve().parent
SEVERITY = {
    "order_confirmation": "normal",
    "delivery_delay": "high",
    "price_change": "normal",
    "invoice_payment": "normal",
    "quality_complaint": "high",
    "other": "low",
}
CATEGORIES = tuple(SEVERITY)
EACH = 20
DAYS = ("3 March", "8 April", "12 May", "17 June", "23 July", "9 September", "14 October", "5 November")
LATER = ("30 March", "27 April", "28 May", "29 June", "31 July", "24 September", "30 October", "26 November")
BEFORE = ("2 February", "11 March", "4 April", "6 May", "15 June", "1 August", "10 September", "7 October")
# When the mails of a thread were written, the youngest first.
DEPTHS = ("Thursday", "Tuesday", "Monday", "Friday last week")


def rows() -> list[dict[str, object]]:
    """The rows of each trap, one trap after the other."""
    desk = Desk()
    return [row for trap in (*TRAPS, "mixed_language", "several_ids", "near_duplicate") for row in desk.of(trap)]


class Desk:
    """Writes the e-mails; numbers and names are drawn anew for each."""

    def __init__(self) -> None:
        said = yaml.safe_load((HERE / "phrases.yaml").read_text(encoding="utf-8"))
        rules = {name: lines.splitlines() for name, lines in said["rules"].items()}
        self.writer, self.people = Writer(rules, seed="procurement-edge"), rules["person"]
        self.frames = {name: said[name].splitlines() for name in ("mixed", "near", "several", "foreign")}

    def of(self, trap: str) -> Iterator[Row]:
        """The rows of one trap."""
        if trap == "near_duplicate":
            yield from self._near_duplicates()
            return
        for _ in range(EACH):
            facts = self.facts()
            category = self.writer.deal(("category", trap), CATEGORIES)
            if trap == "several_ids":
                side, category, frame = self.writer.deal(trap, self.frames["several"]).split(" | ")
                mail = self.of_two(side, frame, facts)
            elif trap == "mixed_language":
                category, frame = self.writer.deal("mixed", self.frames["mixed"]).split(" | ")
                mail = self.mixed(frame, facts)
            else:
                mail = TRAPS[trap](self, category, facts)
            yield self._row(trap, category, mail, facts["id"] if mail.known else None, f"g-{trap}-{category}")

    def _near_duplicates(self) -> Iterator[Row]:
        for number, frame in enumerate(self.frames["near"], 1):
            facts = self.facts()
            side, *categories, one, two = frame.split(" | ")
            subject = self.say(self.writer.rng.choice(("{goods}", "{po}", "order {po}")), facts)
            head = self.head(subject, facts, inside=side == "colleague")
            for category, text in zip(categories, (one, two), strict=True):
                mail = f"{head}{self.writer.write(text, **facts)}\n\n{facts['name1']}"
                found = re.findall(r"(?:[Ss]upplier (?:no\. |number |ID )?|[Vv]endor (?:no\. )?|SUP-)(\d{5})", mail)
                yield self._row("near_duplicate", category, Mail(mail, True), found[0], f"g-near-{number}")

    def _row(self, trap: str, category: str, mail: Mail, supplier_id: str | None, group: str) -> Row:
        return {
            "mail": mail.text,
            "answer": {"category": category, "supplier_id": supplier_id},
            "category": category,
            "trap": trap,
            "language": mail.language,
            "group": group,
            "severity": SEVERITY[category],
        }

    def facts(self) -> Facts:
        """Names and numbers of one e-mail; no two of its numbers are the same, and later days are later."""
        rng = self.writer.rng
        five = [str(number) for number in rng.sample(range(10000, 100000), 7)]
        when = rng.randrange(len(DAYS))
        cost = rng.randrange(60, 4000)
        name1, name2 = rng.sample(self.people, 2)
        return {
            **dict(zip(("id", "other", "po", "po2", "inv", "inv2", "fake"), five, strict=True)),
            "qty": str(rng.choice((40, 75, 120, 300, 450, 900))),
            "price1": f"{cost / 100:.2f}",
            "price2": f"{(cost * rng.uniform(1.03, 1.12) + 2) / 100:.2f}",
            "day1": DAYS[when],
            "day2": LATER[when],
            "before": BEFORE[when],
            "goods": self.writer.write("{goods}"),
            "buyer": self.writer.write("{buyer}"),
            "company": self.writer.write("{firm} {trade}"),
            "name1": name1,
            "name2": name2,
        }

    def say(self, text: str, facts: Facts) -> str:
        """The text with its slots filled and // as line breaks."""
        return self.writer.write(text, **facts).replace("//", "\n")

    def of_two(self, side: str, frame: str, facts: Facts) -> Mail:
        """A mail that names the ids of two suppliers, of whom one is meant."""
        inside = side == "colleague"
        greeting = self.say("{greeting_inside}" if inside else "{greeting}", facts)
        opening = greeting + "\n\n" if self.chance(0.6) else ""
        subject = self.writer.deal("two", ("{goods}", "{po}", "{goods}, {po}", "question")) if inside else "{company}"
        head = self.head(self.say(subject, facts), facts, inside=inside)
        return Mail(f"{head}{opening}{self.writer.write(frame, **facts)}\n\n{facts['name1']}", True)

    def mixed(self, frame: str, facts: Facts) -> Mail:
        """A mail whose language changes in the middle of a sentence."""
        known = self.chance(0.8)
        labels = ("Lieferantennr. / vendor no. {id}", "fournisseur/Lieferant {id}", "supplier = dodavatel {id}")
        number = self.writer.deal("label", labels) if known else "client no. / Kundennr. {other}"
        head, said = self.head(self.about(facts), facts), self.writer.write(f"{frame}\n\n{{name1}}\n{number}", **facts)
        return Mail(head + said, known, "mixed")

    def head(self, subject: str, facts: Facts, *, inside: bool = False) -> str:
        """The headers of a mail from the supplier, or from a colleague inside the company."""
        if inside:
            return f"From: {facts['name1']} ({self.say('{desk}', facts)})\nSubject: {subject}\n\n"
        first, last = facts["name1"].lower().split()
        firm = re.sub(r"[^a-z]+", "-", facts["company"].lower()).strip("-")
        return f"From: {facts['name1']} <{first[0]}.{last}@{firm}.example>\nSubject: {subject}\n\n"

    def now(self, category: str, facts: Facts) -> str:
        """What the mail is about, as a sentence that begins with a capital."""
        text = self.say(f"{{now_{category}}}", facts)
        return text[0].upper() + text[1:]

    def about(self, facts: Facts) -> str:
        """A subject that tells nothing of the category."""
        subjects = ("{goods}", "Your order {po}", "RE: {po}", "{company}", "news", "your message", "{goods}, {po}")
        return self.say(self.writer.deal("about", subjects), facts)

    def signed(self, facts: Facts, *, known: bool) -> str:
        """An ending, with the supplier's id or with another number in its place."""
        number = self.say("{as_supplier}", facts) if known else f"Customer no. {facts['other']}"
        return f"{self.say('{bye}', facts)}\n{facts['name1']}\n{facts['company']}\n{number}"

    def chance(self, share: float) -> bool:
        return self.writer.rng.random() < share


def long(desk: Desk, category: str, facts: Facts) -> Mail:
    """The message on top of a thread of mails about other things."""
    others = [each for each in CATEGORIES if each != category]
    known, deep = desk.chance(0.85), desk.chance(0.5)
    parts = [_newest(desk, category, facts), desk.signed(facts, known=known and not deep)]
    for depth, old in enumerate(desk.writer.rng.sample(others, 4), 1):
        side, text = desk.say(f"{{old_{old}}}", facts).split(" | ")
        who = facts["name2"] if side == "buyer" else f"{facts['name1']}, {facts['company']}"
        text = desk.say("{head}", {**facts, "who": who, "when": DEPTHS[depth - 1]}) + f"\n{text}"
        if depth == 3 and known and deep:
            text += "\n" + desk.say(f"{{as_{side}}}", facts)
        if depth == 4 and side == "supplier":
            text += "\n" + desk.say("{legal}", facts)
        parts.append("\n".join(f"{'>' * depth} {line}" for line in text.splitlines()))
    # The subject is that of a mail long past.
    subject = desk.say(f"RE: RE: FW: {{subject_{others[0]}}}", {**facts, "po": facts["po2"], "inv": facts["inv2"]})
    return Mail(desk.head(subject, facts) + "\n\n".join(parts), known)


def _newest(desk: Desk, category: str, facts: Facts) -> str:
    """The new message of a thread."""
    untrue = [each for each in CATEGORIES if each not in (category, "order_confirmation", "other")]
    message = desk.say("{settled}", facts) + " " + desk.now(category, facts)
    if desk.chance(0.4):
        message += "\n\n" + desk.say(f"{{denied_{desk.writer.rng.choice(untrue)}}}", facts)
    return desk.say("{greeting}", facts) + "\n\n" + message


def empty(desk: Desk, category: str, facts: Facts) -> Mail:
    """A subject, and below it next to nothing."""
    language, subject, known = "en", f"{{subject_{category}}}", desk.chance(0.7)
    frames = [frame.split(" | ") for frame in desk.frames["foreign"] if f" {category} " in frame]
    if desk.chance(0.35):
        language, _, subject = desk.writer.deal(("foreign", category), frames)
    subject = desk.say(subject, facts)
    above = known and desk.chance(0.5)
    if above:
        subject += desk.writer.deal("above", (" / SUP-{id}", " / supplier {id}", " - vendor no. {id}")).format(**facts)
    body = desk.say("{says_nothing}", facts) if desk.chance(0.7) and language == "en" else ""
    signature = desk.signed(facts, known=True) if known and not above else facts["name1"] if desk.chance(0.4) else ""
    mail = desk.head(subject, facts) + "\n\n".join(part for part in (body, signature) if part)
    return Mail(mail.strip(), known, language)


def negation(desk: Desk, category: str, facts: Facts) -> Mail:
    """Words of other categories, taken back one by one."""
    rest = [each for each in CATEGORIES if each not in (category, "other")]
    denials = [desk.say(f"{{denied_{each}}}", facts) for each in desk.writer.rng.sample(rest, 2)]
    known = desk.chance(0.85)
    said = desk.now(category, facts)
    order = [*denials, said] if desk.chance(0.6) else [denials[0], said, denials[1]]
    subjects = ("not what you think", "a misunderstanding", "don't worry", "for clarity", "{goods}", "to make it clear")
    head = desk.head(desk.say(desk.writer.deal("denying", subjects), facts), facts)
    opening = desk.say("{greeting}", facts)
    return Mail(f"{head}{opening}\n\n{' '.join(order)}\n\n{desk.signed(facts, known=known)}", known)


def formatting(desk: Desk, category: str, facts: Facts) -> Mail:
    """The message as machines mangle it; the id is split where people split numbers."""
    said, known = desk.now(category, facts), desk.chance(0.85)
    split = desk.writer.deal("split", ("{}", "{0[0]} {0[1]} {0[2]} {0[3]} {0[4]}", "{0[0]}{0[1]}.{0[2]}{0[3]}{0[4]}"))
    label = "Supplier no" if known else "Customer no"
    number = (split if known else "{}").format(facts["id"] if known else facts["other"])
    shape = desk.writer.deal("shape", SHAPES)
    return Mail(desk.head(desk.about(facts), facts) + shape(said, label, number, facts), known)


def capitals(said: str, label: str, number: str, facts: Facts) -> str:
    return f"{said} {label}.: {number}. {facts['name1']}".upper()


def markup(said: str, label: str, number: str, facts: Facts) -> str:
    words = html.escape(said).replace(" ", "&nbsp;", 2)
    return (
        f'<div dir="ltr"><p><span style="color:#333">{words}</span></p><br>'
        f"<b>{html.escape(facts['company'])}</b> | {label}.&nbsp;{number}</div>"
    )


def table(said: str, label: str, number: str, facts: Facts) -> str:
    lines = [("contact", facts["name1"]), ("message", said), (label.lower(), number), ("reference", facts["po2"])]
    return "\n".join(f"| {name:<12} | {value} |" for name, value in lines)


def dots(said: str, label: str, number: str, facts: Facts) -> str:
    lines = [("COMPANY", facts["company"]), ("MESSAGE", said), (label.upper(), number), ("PAGE", "1 OF 1")]
    return "\n".join(f"{name:.<16}: {value}" for name, value in lines)


def wrapped(said: str, label: str, number: str, facts: Facts) -> str:
    """Broken after so many characters, words or not; the number has a line of its own."""
    return "\n".join([*(f"> {said[at : at + 23]}" for at in range(0, len(said), 23)), f"> {label}. {number}"])


def scanned(said: str, label: str, number: str, facts: Facts) -> str:
    """Letters as a scanner misreads them; words with figures and the number are clean."""
    words = [word if re.search(r"\d", word) else word.translate(str.maketrans("lo", "10")) for word in said.split()]
    return f"[page 1 of 1]\n{' '.join(words)}\n{facts['company']}\n{label.translate(str.maketrans('l', '1'))}. {number}"


def record(said: str, label: str, number: str, facts: Facts) -> str:
    keys = {"from": facts["company"], "text": said, label.lower().replace(" ", "_"): number, "ticket": facts["po2"]}
    return json.dumps(keys, ensure_ascii=False)


SHAPES: tuple[Callable[[str, str, str, Facts], str], ...] = (
    capitals,
    markup,
    table,
    dots,
    wrapped,
    scanned,
    record,
)


def injection(desk: Desk, category: str, facts: Facts) -> Mail:
    """A line for programs that want to be told what to answer, above, amid or below the message."""
    wrong = desk.writer.rng.choice([each for each in CATEGORIES if each != category])
    line = desk.say("{injected}", {**facts, "wrong": wrong}).replace("{{", "{").replace("}}", "}")
    known = desk.chance(0.85)
    parts = [desk.say("{greeting}", facts), desk.now(category, facts), desk.signed(facts, known=known)]
    parts.insert(desk.writer.deal("inject", (0, 1, 2, 3)), line)
    return Mail(desk.head(desk.about(facts), facts) + "\n\n".join(parts), known)


# The traps into which a sentence of any category can be put.
TRAPS: dict[str, Callable[[Desk, str, Facts], Mail]] = {
    "long": long,
    "empty": empty,
    "negation": negation,
    "formatting": formatting,
    "injection": injection,
}
