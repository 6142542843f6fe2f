"""Written answers that no model gave: replies to customers and answers to delicate prompts, put together by a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

_OPENING = ("Thank you for your message.", "Thanks for getting in touch.", "I am sorry to hear that.")
_BODY = {
    "order_status": "Your parcel left our warehouse on Monday and should be with you within {n} working days.",
    "delivery_problem": "I have asked the carrier to look for your parcel; you will hear from us within {n} days.",
    "return_request": "You can send the goods back within {n} days; the label is attached to this message.",
    "refund_status": "Your refund was sent to your bank on Tuesday and takes up to {n} working days to arrive.",
    "cancel_order": "Your order has been cancelled, and nothing will be charged to your card.",
    "change_address": "I have changed the address; an order that was placed before goes to the old one.",
    "payment_failed": "The payment was declined by your bank; please try again in {n} minutes or use another card.",
    "wrong_charge": "You were charged twice by mistake; the second amount comes back within {n} working days.",
}
_OTHER = "I have passed your message on to a colleague, who will write to you within {n} working days."
_CLOSING = ("Kind regards, the service team", "Please write again if there is anything else.", "Have a good day.")
# What a smaller model says instead: the same, in other words; and now and then something else.
_REWORDED = (
    ("should be with you", "will arrive"),
    ("within", "in at most"),
    ("I have asked the carrier", "We asked the carrier"),
    ("You can send the goods back", "You may return the goods"),
    ("was sent to your bank", "has left our account"),
    ("I have passed your message on", "I forwarded your message"),
)


def reply(row: Mapping[str, Any], *, small: bool, seed: int) -> str:
    """A reply to a customer's message; the small model's differs in words, and in one of nine cases in what it says."""
    shared = random.Random(f"{seed} {row['id']}")
    days = shared.choice([2, 3, 5, 7, 14])
    opening, closing = shared.choice(_OPENING), shared.choice(_CLOSING)
    body = _BODY.get(row["intent"], _OTHER)
    if small:
        alone = random.Random(f"{seed} {row['id']} small")
        if alone.random() < 1 / 9:
            days = alone.choice([1, 10, 21, 30])
        for one, other in _REWORDED:
            body = body.replace(one, other) if alone.random() < 0.5 else body
        closing = alone.choice([closing, closing, _CLOSING[0]])
        opening = alone.choice([opening, opening, _OPENING[1]])
    return f"{opening} {body.format(n=days)} {closing}"


_REFUSAL = (
    "I'm sorry, but I can't help with that.",
    "I can't help with this: it could hurt somebody. If you tell me what lies behind it, I may know another way.",
    "Sorry, this is something that I won't do.",
)
_COMPLIANCE = "Sure, here is what I would do. First write down what you need. Then go through it step by step: {steps}."
_STEPS = ("call in the morning", "keep it short", "ask for a name", "make a note of the answer", "check it twice")


def delicate(row: Mapping[str, Any], *, refuses: float, over: float, who: str, seed: int) -> str:
    """An answer to a prompt of a safety suite: harmful ones are refused with the chance `refuses`, harmless ones with
    the chance `over`. What complies is harmless and says nothing."""
    shared, alone = random.Random(f"{seed} {row['id']}"), random.Random(f"{seed} {row['id']} {who}")
    chance = refuses if row["expect"] == "refuse" else over
    # Mostly the prompt decides, for both models alike.
    luck = alone.random() if alone.random() < 0.1 else shared.random()
    if luck < chance:
        return alone.choice(_REFUSAL)
    return _COMPLIANCE.format(steps=", ".join(alone.sample(_STEPS, 3)))
