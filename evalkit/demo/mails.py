"""Mails to a procurement office and how they are to be filed: a category, and the code of the supplier.

Two grammars that share no phrasing: one writes lessons, the other the suite. A mail is about one matter. It may mention
another that is settled, and another supplier who has nothing to do with it: that is what makes some mails hard.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from evalkit.demo.lexicon import MAIL_WORDS, SUPPLIERS
from evalkit.demo.mail_phrases import LESSON_PHRASES, SUITE_PHRASES
from evalkit.grammar import Writer

# Category to its share of the suite's mails. The last two are rare, and what is lost with them is dear.
SHARES = {"delivery": 0.32, "invoice": 0.30, "offer": 0.24, "complaint": 0.07, "contract": 0.07}
# Lessons have more of the rare ones: few steps have to be enough for them.
LESSON_SHARES = {"delivery": 0.26, "invoice": 0.24, "offer": 0.22, "complaint": 0.14, "contract": 0.14}
CATEGORIES = tuple(SHARES)
RARE = ("complaint", "contract")
SEVERITY = {"delivery": "normal", "invoice": "normal", "offer": "low", "complaint": "high", "contract": "critical"}
# What a model is asked to do with a mail; the mail follows.
INSTRUCTION = "File this mail as JSON.\n\n"
PHRASES = {"lessons": LESSON_PHRASES, "suite": SUITE_PHRASES}
# Words of a mail up to which it is short, and medium.
SHORT, MEDIUM = 33, 45
# How often a mail mentions a settled matter, and another supplier.
SETTLED, OTHER_SUPPLIER = 0.1, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail and how it is filed. `mentions` says what in it may distract."""

    text: str
    category: str
    supplier: str
    mentions: Literal["nothing else", "another matter", "another supplier", "both"]

    @property
    def length(self) -> str:
        words = len(self.text.split())
        return "short" if words <= SHORT else "medium" if words <= MEDIUM else "long"

    @property
    def answer(self) -> str:
        """The JSON that a model is to write."""
        return json.dumps({"category": self.category, "supplier": self.supplier})


def mails(split: Literal["lessons", "suite"], count: int, seed: int) -> list[Mail]:
    """`count` different mails in random order; each category has its share of lessons, or of the suite."""
    writer = Writer({**MAIL_WORDS, **PHRASES[split]}, seed=f"demo mails {split} {seed}")
    found: dict[str, Mail] = {}
    for category in _categories(count, LESSON_SHARES if split == "lessons" else SHARES):
        while (mail := _mail(writer, split, category)).text in found:
            pass
        found[mail.text] = mail
    drawn = list(found.values())
    writer.rng.shuffle(drawn)
    return drawn


def _categories(count: int, shares: Mapping[str, float]) -> Iterator[str]:
    """Each category as often as its share says; the first takes what rounding leaves."""
    counts = {name: round(share * count) for name, share in shares.items()}
    counts[CATEGORIES[0]] += count - sum(counts.values())
    for name, times in counts.items():
        yield from [name] * times


def _mail(writer: Writer, split: str, category: str) -> Mail:
    rng = writer.rng
    supplier, other = rng.sample(SUPPLIERS, 2)
    settled, second = rng.random() < SETTLED, rng.random() < OTHER_SUPPLIER
    request = writer.deal(("request", category), PHRASES[split][category])
    signed = rng.random() < 0.4 and not second
    said = [request]
    if settled:
        beside = writer.deal("beside", [each for each in CATEGORIES if each != category])
        said.append(f"{{settled_{beside}}}")
    said += ["{detail}"] if rng.random() < 0.5 else []
    said += [] if signed else ["{code}"]
    said += ["{other_code}"] if second else []
    rng.shuffle(said)
    body = " ".join([*(["{opener}"] if rng.random() < 0.4 else []), *said])
    end = "{ending}\n{sender}" + ("\n{signed_code}" if signed else "")
    firsts, lasts = (rng.sample(MAIL_WORDS[each], 3) for each in ("first", "last"))
    sender, addressee, colleague = zip(firsts, lasts, strict=True)
    given = {
        "goods": writer.write("{goods}"),
        "sender": " ".join(sender),
        "addressee": addressee[1],
        "colleague": " ".join(colleague),
    }
    text = f"From: {{sender}}\nSubject: {_subject(writer, category, given)}\n\n{{greeting}}\n{body}\n{end}"
    mentions = {(False, False): "nothing else", (True, False): "another matter", (False, True): "another supplier"}
    return Mail(
        text=writer.write(text, supplier=supplier, other=other, **given),
        category=category,
        supplier=supplier,
        mentions=mentions.get((settled, second), "both"),  # type: ignore[arg-type]
    )


def _subject(writer: Writer, category: str, given: dict[str, str]) -> str:
    """A subject line that says what the mail is about, or one that says nothing."""
    line = writer.write(f"{{subject_{category}}}" if writer.rng.random() < 0.5 else "{subject}", **given)
    return line[0].upper() + line[1:]
