"""The seeded e-mails of procurement-mails: who writes, about what, and where the supplier's id stands.

What is said is in phrases.yaml, who says it in names.yaml. One line of a `core` decides the category and the severity;
all that is put around it (greeting, small talk, asides, signature, an earlier mail) is true of every category.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from evalkit.grammar import Writer

HERE = Path(__file__).resolve().parent
# Rows of each language, and of each hundred of them those of each category: uneven, as in a real mailbox.
LANGUAGES = {"en": 650, "de": 190, "fr": 100, "it": 100}
SHARES = {
    "order_confirmation": 21,
    "delivery_delay": 25,
    "price_change": 14,
    "invoice_payment": 18,
    "quality_complaint": 13,
    "other": 9,
}
# Where the id stands, in a deck of a hundred.
PLACES = ["signature"] * 27 + ["body"] * 28 + ["subject"] * 10 + ["quoted"] * 12 + ["none"] * 23
KINDS = ("metal", "electric", "soft")


class Core(NamedTuple):
    """What an e-mail is about, and the frame that it shares with others."""

    category: str
    severity: str
    internal: bool
    tone: str
    text: str
    frame: str

    @property
    def about_nobody(self) -> bool:
        """A colleague's wish that concerns no supplier, so that none can be named."""
        return self.internal and self.category == "other" and "{company}" not in self.text


def rows() -> list[dict[str, object]]:
    """The rows, language by language, shuffled within each by the decks that they are dealt from."""
    phrases = yaml.safe_load((HERE / "phrases.yaml").read_text(encoding="utf-8"))
    names = yaml.safe_load((HERE / "names.yaml").read_text(encoding="utf-8"))
    made = []
    for language, count in LANGUAGES.items():
        clerk = Clerk(language, phrases[language], names[language])
        deck = [category for category, share in SHARES.items() for _ in range(share)]
        made += [clerk.row(clerk.writer.deal("category", deck)) for _ in range(count)]
    return made


class Clerk:
    """Writes the e-mails of one language."""

    def __init__(self, language: str, phrases: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> None:
        rules = {name: lines.splitlines() for name, lines in phrases.items() if name != "core"}
        self.language, self.rules, self.names = language, rules, names
        self.writer = Writer(rules, seed=f"procurement-mails {language}")
        self.cores = {
            category: [_core(category, line, f"{language}-{category}-{number}") for number, line in enumerate(lines, 1)]
            for category, lines in ((category, text.splitlines()) for category, text in phrases["core"].items())
        }

    def row(self, category: str) -> dict[str, object]:
        """One e-mail with its answer and its slices."""
        core = self.writer.deal(("core", category), self.cores[category])
        place = "none" if core.about_nobody else self.writer.deal("place", PLACES)
        facts = self._facts()
        if "{trifles}" in core.text:
            facts["goods"] = facts["trifles"]
        subject = self._say(f"subject_{'internal_' if core.internal else ''}{category}", facts)
        if place == "subject":
            subject = self._say("subject_id", {**facts, "subject": subject})
        style = core.tone if core.tone != "any" else self._one_of("casual" if core.internal else "formal", "casual")
        if place == "quoted" and (core.internal or self._chance(0.4)):
            sender, subject, body = self._passed_on(core, facts, subject)
        else:
            sender, body = self._sender(core, facts), self._body(core, facts, place, style)
            if place == "quoted":
                subject = self._say("subject_reply", {**facts, "subject": subject})
                # An order that is quoted names one quantity and one date: no answer in weeks or lots may contradict it.
                loose = category in ("price_change", "other") or re.search(r"\{(?:week|part|rest)\}", core.text)
                asked = "quoted_talk" if loose else "quoted_order"
                body += "\n\n" + self._quote(self._say(asked, facts))
        if style == "casual" and self._chance(0.05):
            body = body.lower()
        return {
            "mail": f"From: {sender}\nSubject: {subject}\n\n{body}",
            "answer": {"category": category, "supplier_id": None if place == "none" else facts["id"]},
            "category": category,
            "language": self.language,
            "where": place,
            "length": length(body),
            "group": core.frame,
            "severity": core.severity,
        }

    def _sender(self, core: Core, facts: Mapping[str, str]) -> str:
        if core.internal:
            desk = self._say(f"dept_{core.category}", facts)
            return self._one_of(f"{facts['colleague']} ({desk})", desk, f"{facts['colleague']}, {desk}")
        if self._chance(0.2):
            return f"{facts['company']} <{facts['address']}>"
        if self._chance(0.15):
            return f"{self._name('desks')} <{facts['address']}>"
        return f"{facts['person']} <{facts['address']}>"

    def _body(self, core: Core, facts: Mapping[str, str], place: str, style: str) -> str:
        """Greeting, message and signature, of which people leave out now this and now that."""
        greeting = self._say(f"greet_{style}", facts) if self._chance(0.85 if style == "formal" else 0.7) else ""
        opened = self._chance(0.4) if not core.internal else style == "casual" and self._chance(0.2)
        side = "internal" if core.internal else "supplier"
        opener = self._say("open_internal" if core.internal else f"open_{style}", facts) if opened else ""
        message = self.writer.write(core.text, **facts).strip()
        if place == "body":
            aside = self._say(f"id_{side}", facts)
        elif core.about_nobody:
            aside = ""
        elif place == "none" and self._chance(0.15):
            aside = self._say(f"unknown_{side}", facts)
        else:
            aside = self._say(f"none_{side}", facts) if self._chance(0.25) else ""
        if opener:
            message = f"{opener} {_capital(message)}"
        message = self._started(message, greeting)
        if style == "casual" and self._chance(0.12):
            message = self._mistyped(message)
        if aside:
            apart = "\n\n" if "\n" in message or self._chance(0.5) else " "
            message += apart + aside
        if self._chance(0.3):
            message += "\n\n" + self._say(f"besides_{side}", facts)
        parts = [greeting, message, self._signature(core, facts, place, style)]
        if style == "casual" and greeting and self._chance(0.3):
            parts[:2] = [f"{greeting} {message}"]
        if style == "formal" and self._chance(0.15):
            parts.append(self._say("footer", facts))
        return "\n\n".join(part for part in parts if part)

    def _started(self, message: str, greeting: str) -> str:
        """The message as its language begins it after a greeting that ends in a comma."""
        if self.language in ("de", "it") and greeting:
            return message[:1].lower() + message[1:] if self.language == "it" else message
        return message if greeting and self._chance(0.25) else _capital(message)

    def _signature(self, core: Core, facts: Mapping[str, str], place: str, style: str) -> str:
        ending = self._say(f"bye_{style}", facts) if self._chance(0.9 if style == "formal" else 0.6) else ""
        if core.internal:
            who = facts["colleague"] if self._chance(0.4) else facts["colleague"].split()[0]
            # Colleagues have no supplier number: what stands below their names is whom they write about.
            tail = self._say("tail_internal", facts) if place == "signature" else ""
            return "\n".join(part for part in (ending, who, tail) if part)
        lines = [ending, facts["person"] if style == "formal" else self._one_of(facts["person"], facts["their"])]
        if place == "signature":
            lines += [facts["company"], self._say("tail", facts)]
        elif self._chance(0.75 if style == "formal" else 0.4):
            lines += [facts["company"], *([self._say("tail_none", facts)] if self._chance(0.6) else [])]
        return "\n".join(line for line in lines if line)

    def _passed_on(self, core: Core, facts: Mapping[str, str], subject: str) -> tuple[str, str, str]:
        """A colleague who adds a line to somebody's e-mail: sender, subject and body."""
        style = "casual" if core.internal else self._one_of("formal", "casual")
        inner = self._body(core, facts, "signature" if self._chance(0.5) else "body", style)
        head = self._say("forward", facts)
        if core.internal:
            head = head.replace(f", {facts['company']}", "").replace(f" <{facts['address']}>", "")
            head = head.replace(facts["address"], facts["person"]).replace(facts["person"], facts["colleague"])
        quoted = self._quote(f"{head}\n{inner}")
        words = self._say("pass_on", facts)
        signed = f"{words} {facts['first']}" if self._chance(0.4) else words
        sender = f"{facts['buyer']} ({self._say('dept_forward', facts)})"
        return sender, self._say("subject_forward", {**facts, "subject": subject}), f"{signed}\n\n{quoted}"

    def _quote(self, text: str) -> str:
        """An earlier mail as mail programs quote it; its lines are parted by // in the phrases."""
        return text if self._chance(0.5) else "\n".join(f"> {line}".rstrip() for line in text.splitlines())

    def _mistyped(self, message: str) -> str:
        """Two letters of a word have changed places; names and numbers are left alone."""
        words = list(re.finditer(r"\b[a-z]{6,12}\b", message))
        if not words:
            return message
        at = self.writer.rng.choice(words).start() + self.writer.rng.randint(1, 3)
        return message[:at] + message[at + 1] + message[at] + message[at + 2 :]

    def _facts(self) -> dict[str, str]:
        """Names and numbers of one e-mail; no two of its numbers are the same, and later dates are later."""
        rng, kind = self.writer.rng, self.writer.deal("kind", KINDS)
        # The first is the id; the rest are numbers of other things that look like it.
        five = [str(number) for number in rng.sample(range(10000, 100000), 10)]
        if self._chance(0.08):
            five[0] = "0" + five[0][1:]
        whole = rng.choice((60, 120, 200, 250, 300, 400, 500, 800, 1200, 2000))
        share = rng.randrange(2, 9) * whole // 10
        cost = rng.randrange(45, 3900)
        month, week = rng.randrange(2, 11), rng.randrange(8, 40)
        early, late = (rng.choice((2, 3, 4, 5, 6, 7, 9, 10, 12, 13)) for _ in range(2))
        later = rng.choice((14, 15, 16, 17, 19, 20, 22, 23, 24, 26, 27))
        shape = self._name("dates")
        surname, person = self._name("surnames"), f"{self._name('given')} {self._name('surnames')}"
        company = f"{surname} {self._name('trades')}"
        goods = self._say(f"goods_{kind}", {})
        *titles, first, last = self._name("buyers").split()
        title = " ".join((*titles, last))
        return {
            "id": five[0],
            "cust": five[1],
            "note": five[2],
            "po": rng.choice((five[3], f"45001{five[3]}", f"PO-{five[3]}" if self.language == "de" else five[3])),
            "inv": rng.choice((five[4], f"{rng.randrange(10, 99)}-{five[4]}", f"RE{five[4]}", f"2026/{five[4][1:]}")),
            "inv2": five[5],
            "lot": rng.choice((five[6], f"L{five[6][:4]}", five[6][:4])),
            "plz": five[7],
            "reg": five[9],
            "ref": rng.choice((f"{five[8][:3]}/{surname[:2].upper()}", f"A-{five[8]}", f"{five[8][:4]}-2026")),
            "vat": f"{five[8][:3]} {five[7][:4]} {five[6][:2]}",
            "ext": str(rng.randrange(110, 999)),
            "room": str(rng.randrange(2, 19)),
            "few": str(rng.randrange(3, 20)),
            "qty": self._grouped(whole),
            "part": self._grouped(share),
            "rest": self._grouped(whole - share),
            "price": self._money(cost),
            "price_up": self._money(round(cost * rng.uniform(1.03, 1.14)) + 1),
            "price_down": self._money(round(cost * rng.uniform(0.88, 0.97)) - 1),
            "pct": self._point(f"{rng.randrange(20, 95) / 10:.1f}".removesuffix(".0")),
            "amount": self._money(rng.randrange(9000, 990000)),
            "date0": self._date(shape, early, month - 1),
            "date": self._date(shape, late, month),
            "date2": self._date(shape, later, month),
            "month": self.names["months"][month],
            "week": str(week),
            "week2": str(week + rng.randrange(1, 4)),
            "year": "2026",
            "year2": "2029",
            "goods": goods,
            "trifles": self._say("trifles", {}),
            "goods2": next(other for other in self.rules[f"goods_{kind}"] if other != goods),
            "defect": self._say(f"defect_{kind}", {}),
            "first": first,
            "buyer": f"{first} {last}",
            "title": title,
            "title_dear": f"Sehr geehrte{'r' if title.startswith('Herr') else ''} {title}",
            "person": person,
            "their": person.split()[0],
            "colleague": f"{self._name('given')} {self._name('surnames')}",
            "company": company,
            "address": _address(person, company),
        }

    def _name(self, kind: str) -> str:
        return self.writer.deal(("name", kind), self.names[kind])

    def _say(self, rule: str, facts: Mapping[str, str]) -> str:
        """One of a rule's alternatives, with // as the line breaks that they stand for."""
        return self.writer.write(f"{{{rule}}}", **facts).replace("//", "\n")

    def _chance(self, share: float) -> bool:
        return self.writer.rng.random() < share

    def _one_of(self, *choices: str) -> str:
        return self.writer.rng.choice(choices)

    def _point(self, number: str) -> str:
        return number if self.language == "en" else number.replace(".", ",")

    def _grouped(self, number: int) -> str:
        return f"{number:,}" if self.language == "en" else str(number)

    def _money(self, cents: int) -> str:
        if self.language == "en":
            return f"{cents / 100:,.2f}"
        return f"{cents // 100:,}".replace(",", " " if self.language == "fr" else ".") + f",{cents % 100:02}"

    def _date(self, shape: str, day: int, month: int) -> str:
        return shape.format(day=day, month=month, name=self.names["months"][month - 1], year=2026)


def length(body: str) -> str:
    """The slice of a mail by its words, without its headers."""
    words = len(body.split())
    return "short" if words < 35 else "medium" if words < 65 else "long"


def _core(category: str, line: str, frame: str) -> Core:
    head, text = line.split(" | ", 1)
    severity, side, tone = head.split()
    return Core(category, severity, side == "internal", tone, text.replace("//", "\n"), frame)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _address(person: str, company: str) -> str:
    """An address that nobody has, in plain letters: a.hale@hale-castings.example."""
    plain = unicodedata.normalize("NFKD", f"{person}|{company}").encode("ascii", "ignore").decode().lower()
    name, firm = plain.split("|")
    given, *_, family = name.split()
    return f"{given[0]}.{family}@{'-'.join(re.findall(r'[a-z]+', firm)[:2])}.example"
