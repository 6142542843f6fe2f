"""Questions that are answered by choosing: how likely a server finds each choice as what comes after the prompt.

POST /completions with `echo` gives the log-probabilities of a prompt's own tokens. The prompt is sent once alone, to
count its tokens, and once with each choice behind it; what the second has beyond the first are the tokens of the
choice, as the same question is counted for models that run here.

vLLM and llama-cpp-python do this; OpenAI's own service and llama.cpp's server do not. The latter takes `echo` and gives
the log-probabilities of the written token alone, which would score every choice alike: that is found out here.
"""

from __future__ import annotations

import math
import re
from typing import Any

from evalkit.backends.choosing import choose, joined
from evalkit.backends.openai.background import together
from evalkit.backends.openai.chat import failed
from evalkit.backends.openai.client import Client, Timed
from evalkit.backends.openai.reading import Echo, EchoReply
from evalkit.backends.openai.trouble import Failed, Refused
from evalkit.errors import BrokenError
from evalkit.types import Output, Request

Logprobs = tuple[float | None, ...]
PATH = "completions"
_NO_SUCH = (404, 405, 501)
_NEEDED = re.compile(r"\b(echo|logprobs)\b")


class CannotTell(ValueError):
    """Why this one question has no score."""


def body(text: str, model: str) -> dict[str, Any]:
    """One token is written, because some servers refuse to write none."""
    return {"model": model, "prompt": text, "max_tokens": 1, "temperature": 0.0, "echo": True, "logprobs": 1}


async def answer(client: Client, request: Request) -> Output:
    """The output of one request. Raises BrokenError when this server gives no such numbers."""
    try:
        got = await together([_ask(client, each) for each in texts_of(request)])
        alone, *whole = [each.reply.prompt_logprobs or () for each in got]
        sums = [of_the_choice(len(alone), each) for each in whole]
        tokens = tuple(len(each) - len(alone) for each in whole)
        label, probs = choose(request.choices, sums, tokens, request.choose_by)
    except Failed as failure:
        return failed(request, failure)
    except ValueError as error:
        return Output(example_id=request.example_id, status="error", error=str(error))
    return Output(
        example_id=request.example_id,
        status="ok",
        label=label,
        probs=probs,
        choice_logprobs=tuple(sums),
        choice_tokens=tokens,
        tokens_in=len(alone),
        # They are asked side by side.
        latency_s=max(each.latency_s for each in got),
    )


def texts_of(request: Request) -> list[str]:
    """The prompt without the whitespace at its end, and with each choice behind it. Raises CannotTell."""
    if not isinstance(request.prompt, str):
        raise CannotTell("chat turns cannot be scored through a server: /completions takes a text")
    if not request.prompt.strip():
        raise CannotTell("the prompt is empty, and a server gives the first token of a text no probability")
    context, _ = joined(request.prompt, "")
    return [context, *("".join(joined(request.prompt, each)) for each in request.choices)]


def of_the_choice(context: int, whole: Logprobs) -> float:
    """The log-likelihood of what comes after so many tokens. Raises CannotTell where there is nothing, or no number."""
    numbers = [each for each in whole[context:] if each is not None]
    if not numbers or len(numbers) < len(whole) - context:
        raise CannotTell("the server gives no probability for a token of a choice")
    return math.fsum(numbers)


async def _ask(client: Client, text: str) -> Timed[EchoReply]:
    try:
        # Without these two parameters there is nothing to read, so none is spared.
        got = await client.ask(PATH, body(text, client.spec.model), lambda _: Echo(), spare=False)
    except Refused as refusal:
        words = f"{refusal.status}: {refusal.said.message}" if refusal.said.message else str(refusal.status)
        if not client.scores and (refusal.status in _NO_SUCH or _NEEDED.search(refusal.said.message)):
            raise cannot_score(client, words) from None
        raise client.meaning(refusal, PATH) from None
    if got.reply.prompt_logprobs is None:
        if not client.scores:
            raise cannot_score(client, "it answered without them")
        raise Failed("error", "the server gave no log-probabilities of the prompt this time")
    client.scores = True
    client.recognise(got.reply.model)
    return got


def cannot_score(client: Client, said: str) -> BrokenError:
    return client.broken(
        f"the server gives no log-probabilities of a prompt, so it cannot score choices ({said}); record its answers, "
        "or write the suite as generate"
    )
