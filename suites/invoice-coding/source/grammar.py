"""Seeded invoices: what suppliers sell (catalogue.txt), how invoices and notes say it (wording.yaml), and the coding.

The facts of a row are drawn first (item, price, whom it is for, VAT) and its coding follows from them by the rules of
the prompt. Only then is the text written, in the supplier's language.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import yaml

from evalkit.grammar import Writer

HERE = Path(__file__).resolve().parent
ACCOUNTS = {
    "1500": "fixed_assets",
    "4110": "materials",
    "4210": "freight",
    "4310": "small_equipment",
    "4320": "repair",
    "4410": "software",
    "4420": "cloud",
    "4430": "phone",
    "4510": "office_supplies",
    "4520": "marketing",
    "4610": "travel",
    "4620": "entertainment",
    "4630": "training",
    "4640": "staff_welfare",
    "4710": "rent",
    "4720": "cleaning",
    "4730": "energy",
    "4810": "professional",
    "4820": "insurance_fees",
}
TAXES = {"s": "standard", "r": "reduced", "e": "exempt", "x": "reverse_charge"}
THRESHOLD = Decimal(1000)
# How often an item comes: more where a few items have to carry an account.
TIMES = {"EQ": 4, "MEAL": 7, "4310": 3, "4110": 3, "4410": 4, "4420": 3, "4430": 4, "4510": 3, "4640": 4, "4710": 3}
CENTERS = ("C10", "C20", "C30", "C40", "C50", "C60", "C70")
# First name, surname, and whether addressed as a woman.
STAFF = {
    "C10": [("Maeve", "Corrigan", True), ("Tomasz", "Wilk", False)],
    "C20": [("Anneke", "Vos", True), ("Ruben", "Haddad", False)],
    "C30": [("Dirk", "Oyelaran", False), ("Sanne", "Kuiper", True)],
    "C40": [("Ilse", "Brandt", True), ("Kenji", "Morita", False)],
    "C50": [("Lucía", "Ferrán", True), ("Pablo", "Etxarte", False)],
    "C60": [("Femke", "Aydin", True), ("Colm", "Duggan", False)],
    "C70": [("Priya", "Nandakumar", True), ("Jonas", "Weil", False)],
}
# What is a thing, and can be delivered to an address.
GOODS = {"pcs", "sets", "pairs", "boxes", "cartons", "bottles", "kg", "litres", "bags", "platters", "copies"}
IN_SERVER_ROOM = {"4320", "4410", "4420"}
GUESTS = (
    "Hidro Levante",
    "Waterwerken Oostmeer",
    "Norrström Pumpar",
    "Talsperre Kirnach",
    "Moyglass Water",
    "Kowalczyk Armatura",
    "Benali Instruments",
    "Otieno Water Trust",
    "Takamori Valves",
    "Ebro Riegos",
    "Isar Anlagenbau",
)
FORMS = ["line"] * 6 + ["table_row"] * 4 + ["several_lines"] * 4 + ["note"] * 6 + ["credit_note"] * 2
SEPARATORS = (", ", " – ", " / ", "; ", " | ", "\n", "  ", ", ", ". ")
# S supplier, X number and terms, D what was sold, Q price, T tax, P place or person.
ORDERS = ("SDQTP", "SXDQTP", "SPDQT", "SXPDQT", "DQTSP", "XSDQPT", "SDPQT", "SXDPTQ", "PSDQT", "DSQTP", "SDTQPX")


@dataclass(frozen=True)
class Item:
    """A line of the catalogue; `low` and `high` bound its net price apiece."""

    text: str
    account: str
    low: Decimal
    high: Decimal
    taxes: str = "s"
    kind: str = "any"
    unit: str = ""
    least: int = 1
    most: int = 1
    centers: tuple[str, ...] = CENTERS
    tie: bool = False
    whole: bool = False
    home: bool = False

    @property
    def thing(self) -> bool:
        """Whether it can be delivered, damaged and sent back."""
        return self.account in ("EQ", "1500") or (self.unit in GOODS and self.account not in ("4710", "4720"))

    @property
    def personal(self) -> bool:
        """Whether one person can be its user."""
        return self.account in ("EQ", "4110", "4310", "4410", "4420", "4430", "4510")


@dataclass(frozen=True)
class Shop:
    """A supplier with its language, its VAT rates (standard, reduced) and what it sells."""

    name: str
    language: str
    rates: tuple[Decimal, Decimal]
    items: list[Item] = field(default_factory=list)


@dataclass
class Place:
    """Where the cost belongs, and what says so: fragments of the invoice, and a note's writer and sentences."""

    center: str
    parts: list[str] = field(default_factory=list)
    writer: str = ""
    sentences: list[str] = field(default_factory=list)
    by_person: bool = False


@dataclass
class Facts:
    """What is known of an invoice before a word of it is written; amounts are net."""

    shop: Shop
    item: Item
    account: str
    count: int
    price: Decimal
    tax: str
    how: str  # rate, none, sums, gross or words: how the text tells the VAT
    form: str
    by_amount: bool = False
    list_price: Decimal | None = None
    percent: int = 0

    @property
    def total(self) -> Decimal:
        return self.count * self.price

    @property
    def rate(self) -> Decimal:
        return {"s": self.shop.rates[0], "r": self.shop.rates[1]}.get(self.tax, Decimal(0))


def read_catalogue(text: str) -> list[Shop]:
    """The suppliers of catalogue.txt, in their order."""
    shops: list[Shop] = []
    common = ""
    for line in text.splitlines():
        if line.startswith("@ "):
            name, language, standard, reduced, *rest = (each.strip() for each in line[2:].split("|"))
            common = rest[0] if rest else ""
            shops.append(Shop(name, language, (Decimal(standard), Decimal(reduced))))
        elif line and not line.startswith("#"):
            shops[-1].items.append(_item(line, common))
    return shops


def _item(line: str, common: str) -> Item:
    text, account, prices, options = (each.strip() for each in [*line.split("|"), ""][:4])
    low, high = (Decimal(each) for each in prices.split("-"))
    words = f"{common} {options}".split()
    values = {key: value for key, _, value in (word.partition(":") for word in words)}
    unit, _, counts = values.get("q", "").partition(":")
    least, _, most = counts.partition("-")
    centers = tuple(f"C{each}" for each in values["c"].split("-")) if "c" in values else CENTERS
    if account == "4110":
        centers = tuple(each for each in centers if each in ("C20", "C30", "C40", "C60"))
    return Item(
        text=text,
        account=account,
        low=low,
        high=high,
        taxes=values.get("t", "s"),
        kind=values.get("k", "any"),
        unit=unit,
        least=int(least or 1),
        most=int(most or 1),
        centers=centers,
        tie="tie" in words,
        whole="whole" in words,
        home="home" in words,
    )


def severity(account: str, tax: str, net: Decimal, by_amount: bool) -> str:
    """What a wrong coding would cost: VAT that is owed or lost, assets that are missed, large sums in a wrong place."""
    if net >= 10000 and tax != "standard":
        return "critical"
    if net >= 5000 or account == "1500" or (account == "4310" and by_amount):
        return "high"
    return "low" if net < 100 and tax == "standard" else "normal"


def cents(amount: Decimal) -> Decimal:
    """Rounded to cents, halves up."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def first_upper(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


class Invoices:
    """Draws facts and writes texts; one writer for each language."""

    def __init__(self) -> None:
        wording = yaml.safe_load((HERE / "wording.yaml").read_text(encoding="utf-8"))
        self.writers = {language: Writer(rules, seed=f"invoices {language}") for language, rules in wording.items()}
        self.wording: dict[str, dict[str, list[str]]] = wording
        self.main = Writer({}, seed="invoices")
        self.rng = self.main.rng

    # -- facts ---------------------------------------------------------------------------------------------------

    def facts(self, shop: Shop, item: Item) -> Facts:
        """An invoice of `shop` over `item`; what decides by an amount is drawn so that it is near the threshold."""
        form = self.main.deal(("form", shop.language), FORMS)
        tax = self.main.deal(("tax", item.text), item.taxes)
        how = self._how(tax, form)
        count = self.rng.randint(item.least, item.most) if item.unit else 1
        facts = Facts(shop, item, item.account, count, self._price(item), tax, how, form)
        if item.account == "EQ":
            self._equipment(facts)
        if item.account == "MEAL":
            self._meal(facts)
        return facts

    def _how(self, tax: str, form: str) -> str:
        if tax in "ex":
            return "words"
        if form in ("table_row", "credit_note"):
            return self.main.deal("how short", ["rate", "rate", "rate", "none"]) if tax == "s" else "rate"
        if tax == "s":
            return self.main.deal("how standard", ["rate"] * 4 + ["none"] * 2 + ["sums", "gross"])
        return self.main.deal("how reduced", ["rate"] * 3 + ["sums"] * 2 + ["gross"])

    def _price(self, item: Item) -> Decimal:
        low, high = item.low, item.high
        drawn = low + (high - low) * Decimal(self.rng.randint(0, 1000)) / 1000
        step = Decimal("0.01") if high < 5 else Decimal("0.10") if high < 60 else Decimal("0.50")
        if high >= 250:
            step = Decimal(1) if drawn < 600 else Decimal(5) if drawn < 4000 else Decimal(20)
        return cents(max(low, (drawn / step).to_integral_value() * step))

    def _equipment(self, facts: Facts) -> None:
        item = facts.item
        modes = ["plain"]
        if item.low < 950 and item.high > 1050:
            modes += ["below", "above", "below", "above", "discount", "discount"]
            if facts.form in ("line", "note") and facts.tax == "s":
                modes += ["gross", "gross"]
        if item.most > 1 and item.low < 900:
            modes += ["many", "many"]
        mode = self.main.deal(("mode", tuple(modes)), modes)
        if facts.how == "gross":
            facts.how = "rate"
        if mode == "below":
            facts.price = self.main.deal("below", [Decimal(each) for each in BELOW])
        elif mode == "above":
            facts.price = self.main.deal("above", [Decimal(each) for each in ABOVE])
        elif mode == "gross":
            facts.price, facts.count, facts.how = self.main.deal("near", [Decimal(each) for each in NEAR]), 1, "gross"
        elif mode == "discount" and facts.form in ("line", "note"):
            facts.list_price, facts.percent = self.main.deal("discount", DISCOUNTS)
            facts.price = cents(facts.list_price * (100 - facts.percent) / 100)
            facts.count = 1
        elif mode == "many":
            facts.price = min(facts.price, Decimal(self.rng.choice([690, 745, 820, 895, 940, 989])))
            facts.count = max(facts.count, int(THRESHOLD / facts.price) + 1)
            if facts.count > max(12, item.most):
                facts.count = item.most
        near = mode in ("below", "above", "gross") or (mode == "discount" and facts.list_price is not None)
        facts.by_amount = near or (facts.price < THRESHOLD <= facts.total)
        facts.account = "1500" if facts.price >= THRESHOLD else "4310"

    def _meal(self, facts: Facts) -> None:
        occasions = ["4620", "4640"] if facts.item.home else ["4620", "4610", "4640", "4620"]
        facts.account = self.main.deal(("occasion", facts.item.home), occasions)
        if facts.item.unit == "covers":
            least = {"4610": 2, "4620": 4, "4640": 5}[facts.account]
            facts.count = 2 if facts.account == "4610" else max(facts.count, least)

    # -- whom the cost belongs to --------------------------------------------------------------------------------

    def place(self, facts: Facts, note: Writer | None, language: str) -> Place:
        """Draws a cost centre and what tells it, for an invoice in the shop's language and a note in `language`."""
        item, kind = facts.item, facts.item.kind
        if kind == "host" and facts.account == "4610":
            kind = "trip"
        fitting = tuple(each for each in item.centers if kind != "site" or each != "C70")
        center = self.main.deal(("center", fitting), fitting)
        # Orders, delivery and hearsay point elsewhere: to another centre than the one that is right.
        other = self.rng.choice([each for each in CENTERS if each != center])
        if note is not None:
            return self._in_note(facts, kind, center, other, note, language)
        return self._on_invoice(facts, kind, center, other)

    def _on_invoice(self, facts: Facts, kind: str, center: str, other: str) -> Place:
        write, language, item = self.writers[facts.shop.language].write, facts.shop.language, facts.item
        if item.whole and self.rng.random() < 0.4:
            center = "C70" if facts.account in ("4410", "4420", "4430") else "C10"
            extra = [self._ordered(language, other)] if self.rng.random() < 0.5 else []
            return Place(center, [write("{whole}"), *extra], by_person=bool(extra))
        if kind == "site":
            return self._at_site(facts, center, other)
        ways = ["project", "project+orderer"]
        if kind == "any":
            ways += ["orderer"] * 3 + ["team"] * 3 + ["team+orderer"] * 2
            if item.personal:
                ways += ["user", "user+orderer"]
            if item.thing:
                ways += ["delivery"] * 2 + ["orderer+delivery"] * 2
            if item.centers == CENTERS:
                ways += ["none"]
        elif kind == "order":
            ways += ["orderer"] * 5 + ["team"] * 3
        elif kind == "host":
            ways += ["host"] * 6 + (["team"] * 2 if facts.account == "4640" else [])
        else:
            ways += [kind] * 5 + [f"{kind}+booker"] * 3
        way = self.main.deal(("way", tuple(ways)), ways)
        if way == "none":
            return Place("C10")
        if way.startswith("project"):
            parts = [write("{project}", her=self._her())]
            if way == "project+orderer":
                word = {
                    "any": "{orderer}",
                    "order": "{orderer}",
                    "host": "{host}",
                    "trip": "{trip}",
                    "course": "{course}",
                }[kind]
                parts.append(write(word, p=self._person(language, other)))
            return Place("C80", parts, by_person=len(parts) > 1)
        if way == "delivery":
            if center == "C70":
                center = "C10"
            return Place(center, [write("{delivery}", at=self._at(language, center))])
        if way == "orderer+delivery":
            gate = self.rng.choice([each for each in CENTERS if each not in (center, "C70")])
            parts = [self._ordered(language, center), write("{delivery}", at=self._at(language, gate))]
            return Place(center, parts, by_person=True)
        first, _, second = way.partition("+")
        if first == "team":
            parts = [write("{for}", fo=self._team(facts, language, center))]
        else:
            parts = [write(f"{{{first}}}", p=self._person(language, center))]
        if second == "orderer":
            parts.append(self._ordered(language, other))
        elif second == "booker":
            parts.append(write("{booker}", p=self._person(language, other)))
        return Place(center, parts, by_person=first != "team" or bool(second))

    def _at_site(self, facts: Facts, center: str, other: str) -> Place:
        write, language = self.writers[facts.shop.language].write, facts.shop.language
        way = self.main.deal("site way", ["site"] * 5 + ["site+orderer"] * 3 + ["project"])
        if way == "project":
            return Place("C80", [write("{project}", her=self._her())])
        parts = [write("{site}", at=self._at(language, center))]
        if way == "site+orderer":
            parts.append(self._ordered(language, other))
        return Place(center, parts, by_person=way == "site+orderer")

    def _in_note(self, facts: Facts, kind: str, center: str, other: str, note: Writer, language: str) -> Place:
        if kind == "site":
            found = self._at_site(facts, center, other)
            found.writer = self._person(language, self.rng.choice(CENTERS), full=True)
            found.by_person = True
            return found
        ways = ["writer"] * 3 + ["project"] * 2
        if kind in ("trip", "course"):
            ways += [kind] * 3
        elif kind == "any":
            ways += ["team"] * 3
            if facts.item.personal:
                ways += ["person"] * 2
            if facts.item.thing:
                ways += ["delivery"] * 2
        elif kind == "order" or facts.account == "4640":
            ways += ["team"] * 2
        way = self.main.deal(("note way", tuple(ways)), ways)
        place = Place(center, writer=self._person(language, other, full=True), by_person=True)
        if way == "project":
            place.center = "C80"
            place.sentences.append(note.write("{note_project}", her=self._her()))
            return place
        if way in ("writer", "delivery"):
            place.writer = self._person(language, center, full=True)
        elif way == "team":
            place.sentences.append(note.write("{note_for}", fo=self._team(facts, language, center)))
        else:
            person = self._person(language, center, full=True)
            place.sentences.append(note.write(f"{{note_{way}}}", p2=person))
        if way == "delivery":
            gate = self.rng.choice([each for each in CENTERS if each not in (center, "C70")])
            writer = self.writers[facts.shop.language]
            place.parts = [writer.write("{delivery}", at=self._at(facts.shop.language, gate))]
        if self.rng.random() < 0.12:
            place.sentences.append(note.write("{note_other}"))
        return place

    def _ordered(self, language: str, center: str) -> str:
        return self.writers[language].write("{orderer}", p=self._person(language, center))

    def _team(self, facts: Facts, language: str, center: str) -> str:
        room = center == "C70" and (facts.item.account == "EQ" or facts.account in IN_SERVER_ROOM)
        return self.writers[language].write("{server_room}" if room else f"{{fo_{center}}}")

    def _at(self, language: str, center: str) -> str:
        return self.writers[language].write(f"{{at_{center}}}")

    def _her(self) -> str:
        return f"{self.rng.randint(401, 439):04d}"

    def _person(self, language: str, center: str, full: bool = False) -> str:
        first, last, woman = self.main.deal(("staff", center), STAFF[center])
        title = self.wording[language]["titles"][0 if woman else 1]
        ways = [f"{first} {last}", f"{first} {last}", f"{first[0]}. {last}", f"{title} {last}"]
        return ways[0] if full and self.rng.random() < 0.7 else ways[2] if full else self.main.deal("person", ways)

    # -- texts ---------------------------------------------------------------------------------------------------

    def text(self, facts: Facts, place: Place, note: Writer | None) -> str:
        """The invoice, with its note where there is one."""
        occasion = self._occasion(facts, note)
        money = self._money(facts.shop.language)
        forms: dict[str, Callable[[], str]] = {
            "line": lambda: self._line(facts, place, money, occasion),
            "note": lambda: self._line(facts, place, money, ""),  # the note tells the occasion
            "table_row": lambda: self._row(facts, place, money, occasion),
            "several_lines": lambda: self._lines(facts, place, money, occasion),
            "credit_note": lambda: self._credit(facts, place, money, occasion),
        }
        written = forms[facts.form]()
        if note is None:
            return written
        return f"{written}\n{self._note(facts, place, note, occasion)}"

    def _money(self, language: str) -> Callable[[Decimal], str]:
        style = self.main.deal(("money", language), self.wording[language]["money"])

        def shown(amount: Decimal) -> str:
            text = f"{amount:,.2f}"
            if language != "en":
                text = text.translate(str.maketrans(",.", ".,"))
            return style.replace("{amount}", text)

        return shown

    def _rate(self, facts: Facts) -> str:
        text = f"{facts.rate.normalize():f}"
        return text if facts.shop.language == "en" else text.replace(".", ",")

    def _unit(self, facts: Facts) -> str:
        return self.wording[facts.shop.language][f"unit_{facts.item.unit}"][0 if facts.count == 1 else 1]

    def _tax(self, facts: Facts, money: Callable[[Decimal], str], net: Decimal | None = None) -> str:
        """What the invoice says of VAT, or nothing."""
        write = self.writers[facts.shop.language].write
        if facts.tax == "e":
            return write("{exempt}")
        if facts.tax == "x":
            goods = facts.account in ("4110", "1500", "4310")
            return write("{reverse_goods}" if goods and self.rng.random() < 0.6 else "{reverse}")
        if facts.how == "sums":
            net = facts.total if net is None else net
            vat = cents(net * facts.rate / 100)
            return write("{sums}", net=money(net), vat=money(vat), gross=money(net + vat))
        return write("{rate}", r=self._rate(facts)) if facts.how == "rate" else ""

    def _priced(self, facts: Facts, money: Callable[[Decimal], str]) -> str:
        write = self.writers[facts.shop.language].write
        if facts.list_price is not None:
            return write("{discount}", list=money(facts.list_price), pct=str(facts.percent), price=money(facts.price))
        if facts.how == "gross":
            gross = cents(facts.total * (100 + facts.rate) / 100)
            text = write("{price_gross}", gross=money(gross), r=self._rate(facts))
            return f"{facts.count} {self._unit(facts)}, {text}" if facts.count > 1 else text
        if facts.count == 1 and not (facts.item.unit and self.rng.random() < 0.3):
            return write("{price_one}", t=money(facts.total))
        values = {"n": str(facts.count), "u": self._unit(facts), "price": money(facts.price), "t": money(facts.total)}
        return write("{price_many}", **values)

    def _extra(self, language: str, rule: str) -> str:
        number = str(self.rng.randint(1200, 98000))
        date = f"{self.rng.randint(1, 28):02d}.{self.rng.randint(1, 12):02d}."
        return self.writers[language].write(f"{{{rule}}}", n=number, date=date, m=str(self.rng.randint(1000, 9000)))

    def _line(self, facts: Facts, place: Place, money: Callable[[Decimal], str], occasion: str) -> str:
        language = facts.shop.language
        described, priced = facts.item.text + (f", {occasion}" if occasion else ""), self._priced(facts, money)
        order, separator = self.main.deal("order", ORDERS), self.main.deal("separator", SEPARATORS)
        taxed = self._tax(facts, money)
        if facts.account == "1500" and facts.count == 1 and facts.how != "gross" and self.rng.random() < 0.3:
            percent = self.rng.choice([20, 25, 30, 40])
            part = cents(facts.price * percent / 100)
            values = {"d": facts.item.text, "price": money(facts.price), "part": money(part), "pct": str(percent)}
            described, priced = self.writers[language].write("{advance}", **values), ""
            facts.by_amount, facts.list_price = True, None
            if facts.how == "sums":
                facts.how = "rate"
                taxed = self._tax(facts, money)
        if facts.how == "sums" and facts.count == 1 and priced and money(facts.total) in taxed:
            priced = ""  # the sums say it
        name = facts.shop.name.upper() if self.rng.random() < 0.15 else facts.shop.name
        extras = [self._extra(language, "invoice")] if self.rng.random() < 0.7 else [self._extra(language, "terms")]
        pieces = {"S": [name], "X": extras, "D": [described], "Q": [priced], "T": [taxed], "P": place.parts}
        parts = [each for letter in order for each in pieces[letter] if each]
        if separator in ("\n", ". "):
            parts = [first_upper(each).removesuffix("." if separator == ". " else "") for each in parts]
        if parts[0] == name and separator in (", ", " – ", ". ") and self.rng.random() < 0.6:
            joiner = self.rng.choice([": ", " – ", ", "])
            return f"{name}{joiner}{separator.join(parts[1:])}"
        return separator.join(first_upper(each) if not i else each for i, each in enumerate(parts))

    def _row(self, facts: Facts, place: Place, money: Callable[[Decimal], str], occasion: str) -> str:
        language = facts.shop.language
        bar = self.main.deal("bar", [" | ", ";", "\t", "   ", " | ", "|"])
        described = facts.item.text + (f" ({occasion})" if occasion else "")
        unit = f" {self._unit(facts)}" if facts.item.unit else ""
        position = self.rng.choice(["1", "01", "10", "2", "003", "Pos. 3", "5"])
        cells = [position, described, f"{facts.count}{unit}", money(facts.price), money(facts.total)]
        if facts.tax in "ex":
            cells.append(self._tax(facts, money))
        elif facts.how != "none":
            cells.append(f"{self._rate(facts)} %")
        lines = [bar.join(cells)]
        if self.rng.random() < 0.45 and facts.how != "none":
            head = self.writers[language].write("{head}")
            lines.insert(0, bar.join(each.strip() for each in head.split("|")))
            if head.count("|") == 4:  # one column fewer: no position
                lines[-1] = bar.join(cells[1:])
        top = [facts.shop.name, self._extra(language, "invoice")][: self.rng.randint(1, 2)]
        below = place.parts
        if self.rng.random() < 0.35:
            return bar.join([*top[:1], *lines[-1:], *below])
        if self.rng.random() < 0.5:
            return "\n".join([", ".join([*top, *below]), *lines])
        return "\n".join([", ".join(top), *lines, *(first_upper(each) for each in below)])

    def _lines(self, facts: Facts, place: Place, money: Callable[[Decimal], str], occasion: str) -> str:
        language = facts.shop.language
        if facts.how == "gross":
            facts.how = "rate"
        main = facts.item.text + (f", {occasion}" if occasion else "")
        if facts.count > 1:
            main += f", {facts.count} {self._unit(facts)} x {money(facts.price)}"
        lines = [(main, facts.total), *self._smaller(facts, money)]
        if self.rng.random() < 0.3:
            lines = [*lines[1:], lines[0]]
        style = self.main.deal(
            "line style", ["{n}) {d}: {t}", "- {d} {t}", "{d} ... {t}", "{d}\t{t}", "{n}. {d} = {t}", "{d}   {t}"]
        )
        shown = [
            style.replace("{n}", str(n)).replace("{d}", d).replace("{t}", money(t)) for n, (d, t) in enumerate(lines, 1)
        ]
        net = sum((each for _, each in lines), Decimal(0))
        head = [facts.shop.name, self._extra(language, "invoice")]
        middle = [first_upper(each) for each in place.parts]
        taxed = self._tax(facts, money, net)
        tail = [f"{self.writers[language].write('{sum}')} {money(net)}"]
        if facts.how == "sums":  # says the net sum itself, or leaves it to the reader
            tail = [first_upper(taxed)]
        elif taxed:
            tail = [f"{tail[0]}, {taxed}"] if self.rng.random() < 0.5 else [*tail, first_upper(taxed)]
        if self.rng.random() < 0.4:
            tail.append(first_upper(self._extra(language, "terms")))
        body = [*middle, *shown, *tail] if self.rng.random() < 0.6 else [*shown, *tail, *middle]
        return "\n".join(["\n".join(head) if self.rng.random() < 0.4 else ", ".join(head), *body])

    def _smaller(self, facts: Facts, money: Callable[[Decimal], str]) -> Iterator[tuple[str, Decimal]]:
        """One to three more lines, each well below the main one; another item of the shop makes the sum decide."""
        language = facts.shop.language
        rest = facts.total * Decimal("0.45")
        same_tax = [
            each
            for each in facts.shop.items
            if facts.tax in each.taxes
            and each.account not in ("MEAL", facts.item.account)
            and each.kind == facts.item.kind
        ]
        if same_tax and self.rng.random() < 0.7:
            other = self.rng.choice(same_tax)
            price = self._price(other)
            count = other.least
            if count * price < rest:
                text = other.text
                if count > 1:
                    text += f", {count} {self.wording[language][f'unit_{other.unit}'][1]} x {money(price)}"
                facts.by_amount = True
                rest -= count * price
                yield text, count * price
        rule = "minor_goods" if facts.item.thing else "minor_service"
        named = list(self.wording[language][rule])
        self.rng.shuffle(named)
        for text in named[: self.rng.randint(1, 2)]:
            amount = Decimal(self.rng.randint(8, 160)) / 2
            while amount > rest / 3:
                amount /= 4
            yield text, cents(amount.quantize(Decimal("0.1"), ROUND_HALF_UP))

    def _credit(self, facts: Facts, place: Place, money: Callable[[Decimal], str], occasion: str) -> str:
        language = facts.shop.language
        write = self.writers[language].write
        header = self._extra(language, "credit")
        described = facts.item.text + (f", {occasion}" if occasion else "")
        if facts.item.account == "EQ" and facts.count == 1 and self.rng.random() < 0.6:
            part = cents(facts.price * self.rng.choice([4, 5, 8, 10]) / 100)
            values = {"d": described, "price": money(facts.price), "part": money(part)}
            middle = [write("{allowance}", **values)]
            facts.by_amount = True
        else:
            count = f"{facts.count} {self._unit(facts)} " if facts.count > 1 else ""
            apiece = f" ({count.strip()} x {money(facts.price)})" if count else ""
            reason = write("{reason_goods}" if facts.item.thing else "{reason_service}")
            middle = [described + apiece, reason, write("{credited}", t=money(facts.total))]
        parts = [facts.shop.name, header, *middle, self._tax(facts, money), *place.parts]
        if self.rng.random() < 0.4:
            parts = [parts[1], parts[0], *parts[2:]]
        separator = self.main.deal("separator", SEPARATORS)
        kept = [each for each in parts if each]
        return separator.join(map(first_upper, kept) if separator in ("\n", ". ") else kept)

    def _occasion(self, facts: Facts, note: Writer | None) -> str:
        if facts.item.account != "MEAL":
            return ""
        writer = note or self.writers[facts.shop.language]
        rule = {"4620": "guests", "4610": "road", "4640": "staff"}[facts.account]
        guests = facts.count - 2 if facts.item.unit == "covers" else self.rng.randint(3, 6)
        return writer.write(f"{{{rule}}}", k=str(guests), g=self.main.deal("guests", GUESTS))

    def _note(self, facts: Facts, place: Place, note: Writer, occasion: str) -> str:
        sentences = list(place.sentences)
        if occasion:
            sentences.insert(0, f"{first_upper(occasion)}.")
        if facts.how in ("rate", "words") and self.rng.random() < 0.15:
            sentences.append(note.write("{note_tax}"))
        shape = self.main.deal("note shape", ["o", "oc", "c", "cc", "oc", ""])
        if "o" in shape or not sentences:
            sentences.insert(0, note.write("{note_open}"))
        sentences += [note.write("{note_chat}") for _ in range(shape.count("c"))]
        body = " ".join(sentences)
        return note.write("{note_head}", p=place.writer, body=body)

    # -- rows ----------------------------------------------------------------------------------------------------

    def row(self, shop: Shop, item: Item) -> dict[str, object]:
        """One example, without id and origin."""
        facts = self.facts(shop, item)
        note, language = None, shop.language
        if facts.form == "note":
            language = self.main.deal("note language", [shop.language, shop.language, "en"])
            note = self.writers[language]
        place = self.place(facts, note, language)
        text = self.text(facts, place, note)
        account, tax = facts.account, TAXES[facts.tax]
        return {
            "invoice": text,
            "coding": {"account": account, "cost_center": place.center, "tax": tax},
            "account": ACCOUNTS[account],
            "language": shop.language,
            "form": facts.form,
            "decided_by": self._decided_by(facts, place),
            "severity": severity(account, tax, facts.total, facts.by_amount),
            "supplier": re.sub(r"\W+", "-", shop.name.casefold()).strip("-"),
        }

    def _decided_by(self, facts: Facts, place: Place) -> str:
        """What a reader must see to code it: the hardest part of the invoice gives the name."""
        if facts.by_amount:
            return "amount"
        if facts.item.tie or facts.item.account == "MEAL":
            return "tie_breaker"
        if place.by_person:
            return "requester"
        return "tax" if facts.how in ("words", "sums") else "keyword"


# Prices about the threshold, and pairs of a list price and a discount of which one side crosses it.
BELOW = ("999.00", "999.99", "998.50", "995.00", "990.00", "985.00", "979.00", "960.00", "949.90", "925.00")
ABOVE = ("1000.00", "1000.50", "1001.00", "1005.00", "1010.00", "1025.00", "1040.00", "1049.00", "1080.00", "1100.00")
NEAR = ("980.00", "1020.00", "990.00", "1000.00", "960.00", "1050.00", "940.00", "1010.00", "920.00", "1100.00")
DISCOUNTS = (
    (Decimal(1100), 10),
    (Decimal(1050), 5),
    (Decimal(1180), 15),
    (Decimal(1250), 20),
    (Decimal(1240), 20),
    (Decimal(1120), 10),
    (Decimal(1090), 8),
    (Decimal(1060), 5),
    (Decimal(1150), 15),
    (Decimal(1200), 15),
    (Decimal(1300), 25),
    (Decimal(1350), 25),
)


def rows() -> list[dict[str, object]]:
    """The seeded examples: every item of the catalogue some times, no two texts the same but for their figures."""
    invoices = Invoices()
    shops = read_catalogue((HERE / "catalogue.txt").read_text(encoding="utf-8"))
    orders = [(shop, item) for shop in shops for item in shop.items for _ in range(TIMES.get(item.account, 2))]
    invoices.rng.shuffle(orders)
    seen: dict[str, None] = {}
    found = []
    for shop, item in orders:
        row = invoices.row(shop, item)
        while (shape := re.sub(r"\d+", "0", str(row["invoice"])).casefold()) in seen:
            row = invoices.row(shop, item)
        seen[shape] = None
        found.append(row)
    return found
