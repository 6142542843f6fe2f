"""BANKING77: what people ask a bank, in 77 intents. The rows, and a suite made of the test split."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from scripts.real_pair.settings import Recipe
from scripts.real_pair.work import DATA_HELP, Stop, keep_lines, keep_text

# What a customer is busy with: every intent is in one of these.
TOPICS = {
    "getting a card": (
        *("activate_my_card", "card_about_to_expire", "card_arrival", "card_delivery_estimate", "card_linking"),
        *("disposable_card_limits", "get_disposable_virtual_card", "get_physical_card", "getting_spare_card"),
        *("getting_virtual_card", "order_physical_card", "visa_or_mastercard"),
    ),
    "using a card": (
        *("apple_pay_or_google_pay", "card_acceptance", "card_not_working", "change_pin", "compromised_card"),
        *("contactless_not_working", "lost_or_stolen_card", "pin_blocked", "virtual_card_not_working"),
    ),
    "cash": (
        *("atm_support", "card_swallowed", "cash_withdrawal_charge", "cash_withdrawal_not_recognised"),
        *("declined_cash_withdrawal", "pending_cash_withdrawal", "wrong_amount_of_cash_received"),
        "wrong_exchange_rate_for_cash_withdrawal",
    ),
    "payments": (
        *("Refund_not_showing_up", "card_payment_fee_charged", "card_payment_not_recognised"),
        *("card_payment_wrong_exchange_rate", "declined_card_payment", "direct_debit_payment_not_recognised"),
        *("extra_charge_on_statement", "pending_card_payment", "request_refund", "reverted_card_payment?"),
        "transaction_charged_twice",
    ),
    "transfers": (
        *("balance_not_updated_after_bank_transfer", "beneficiary_not_allowed", "cancel_transfer"),
        *("declined_transfer", "failed_transfer", "pending_transfer", "receiving_money", "transfer_fee_charged"),
        *("transfer_into_account", "transfer_not_received_by_recipient", "transfer_timing"),
    ),
    "top-ups": (
        *("automatic_top_up", "balance_not_updated_after_cheque_or_cash_deposit", "pending_top_up"),
        *("top_up_by_bank_transfer_charge", "top_up_by_card_charge", "top_up_by_cash_or_cheque", "top_up_failed"),
        *("top_up_limits", "top_up_reverted", "topping_up_by_card", "verify_top_up"),
    ),
    "currencies": (
        *("country_support", "exchange_charge", "exchange_rate", "exchange_via_app", "fiat_currency_support"),
        "supported_cards_and_currencies",
    ),
    "account": (
        *("age_limit", "edit_personal_details", "lost_or_stolen_phone", "passcode_forgotten", "terminate_account"),
        *("unable_to_verify_identity", "verify_my_identity", "verify_source_of_funds", "why_verify_identity"),
    ),
}
# What a wrong answer costs; intents that are not here are normal.
SEVERITIES = {
    # Somebody else may be spending the money at this moment.
    "critical": ("compromised_card", "lost_or_stolen_card", "lost_or_stolen_phone"),
    # Money is missing, or the customer has none to hand.
    "high": (
        *("card_payment_not_recognised", "cash_withdrawal_not_recognised", "direct_debit_payment_not_recognised"),
        *("card_swallowed", "pin_blocked", "transaction_charged_twice", "transfer_not_received_by_recipient"),
        "wrong_amount_of_cash_received",
    ),
    # General questions, which a page of help answers as well.
    "low": (
        *("age_limit", "apple_pay_or_google_pay", "atm_support", "card_acceptance", "country_support"),
        *("disposable_card_limits", "exchange_rate", "exchange_via_app", "fiat_currency_support"),
        *("supported_cards_and_currencies", "top_up_limits", "visa_or_mastercard", "why_verify_identity"),
    ),
}


@dataclass(frozen=True)
class Rows:
    """Texts and the positions of their intents in `labels`."""

    texts: list[str]
    targets: list[int]

    def at(self, positions: Iterable[int]) -> Rows:
        """The rows at some positions."""
        picked = list(positions)
        return Rows([self.texts[each] for each in picked], [self.targets[each] for each in picked])


@dataclass(frozen=True)
class Banking:
    """The data set. `rarest` holds the labels from the one with the fewest training rows on."""

    labels: list[str]
    train: Rows
    test: Rows

    @property
    def rarest(self) -> list[str]:
        counts = Counter(self.train.targets)
        return [self.labels[at] for at in sorted(range(len(self.labels)), key=lambda at: (counts[at], at))]


def read(folder: Path) -> Banking:
    """The data set in `folder`. Raises Stop where a file is not there or holds an intent that has no topic."""
    names = ("train.csv", "test.csv", "categories.json")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise Stop(f"{folder} holds no {' and no '.join(missing)}: {DATA_HELP}")
    labels = json.loads((folder / "categories.json").read_text(encoding="utf-8"))
    known = {intent for intents in TOPICS.values() for intent in intents}
    if set(labels) != known:
        raise Stop(f"{folder / 'categories.json'} is not BANKING77's: it differs in {sorted(known ^ set(labels))[:5]}")
    return Banking(labels=labels, train=_rows(folder / "train.csv", labels), test=_rows(folder / "test.csv", labels))


def _rows(path: Path, labels: list[str]) -> Rows:
    at = {label: index for index, label in enumerate(labels)}
    with path.open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    return Rows(texts=[row["text"] for row in found], targets=[at[row["category"]] for row in found])


def chosen(rows: Rows, recipe: Recipe) -> np.ndarray:
    """Positions of the rows that a recipe trains on: without the rarest classes, and no more than it wants."""
    counts = Counter(rows.targets)
    dropped = sorted(counts, key=lambda target: (counts[target], target))[: recipe.drop_rarest]
    left = np.flatnonzero(~np.isin(rows.targets, dropped))
    if recipe.rows is None or recipe.rows >= len(left):
        return left
    return np.sort(np.random.default_rng(recipe.seed).choice(left, recipe.rows, replace=False))


def write_suite(data: Banking, folder: Path) -> Path:
    """The test split as a gold suite, with slices and severities. No group: the rows name no customer or thread."""
    topic = {intent: name for name, intents in TOPICS.items() for intent in intents}
    severity = {intent: name for name, intents in SEVERITIES.items() for intent in intents}
    seen = Counter(data.labels[at] for at in data.train.targets)
    rows: list[dict[str, Any]] = []
    for number, (text, target) in enumerate(zip(data.test.texts, data.test.targets, strict=True), 1):
        intent = data.labels[target]
        rows.append(
            {
                "id": f"b{number:04d}",
                "text": text,
                "intent": intent,
                "topic": topic[intent],
                "length": length(text),
                "training": training(seen[intent]),
                "severity": severity.get(intent, "normal"),
            }
        )
    keep_lines(folder / "examples.jsonl", rows)
    said = {
        "schema": "evalkit/suite/v1",
        "name": "banking77",
        "kind": "gold",
        "task": "classify",
        "version": 1,
        "description": "What customers ask a bank, by intent: the test split of BANKING77 (PolyAI, CC-BY-4.0).",
        "data": {"path": "examples.jsonl"},
        "columns": {
            "id": "id",
            "input": "text",
            "target": "intent",
            "slices": ["topic", "length", "training"],
            "severity": "severity",
        },
        "labels": data.labels,
    }
    keep_text(folder / "suite.yaml", yaml.safe_dump(said, sort_keys=False))
    return folder


def length(text: str) -> str:
    """About a quarter of the test split is short, and a quarter long."""
    words = len(text.split())
    return "short" if words <= 7 else "middling" if words <= 12 else "long"


def training(rows: int) -> str:
    """How often an intent was seen in training."""
    return "under 100 rows" if rows < 100 else "100 to 149 rows" if rows < 150 else "150 rows and more"
