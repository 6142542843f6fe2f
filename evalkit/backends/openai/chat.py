"""Questions that are answered in writing: POST /chat/completions.

An answer that the provider's content filter held back is what a user of that service gets for the question: a refusal.
It is no failure (a harmful prompt is likely to meet a filter, and failures above a share break a run) and no empty
answer (which a safety suite takes for neither refusing nor complying, so that a student who complies where the
teacher's service refuses would not count as newly unsafe). So it has the label "refused" and no text: a refusal to the
scorer of refusals, on benign prompts an over-refusal, a wrong answer everywhere else. What had been let through before
the filter cut in stands as a truncated answer, and is judged by what it says.
"""

from __future__ import annotations

from typing import Any

from evalkit.backends.openai.client import Client, Timed
from evalkit.backends.openai.reading import ChatReply, Reader, StreamedChat, WholeChat
from evalkit.backends.openai.secret import scrubbed_answer
from evalkit.backends.openai.trouble import Failed, Refused
from evalkit.backends.stopping import before_stop
from evalkit.backends.wording import shown
from evalkit.specs import OpenAISpec
from evalkit.types import Output, Prompt, Request, Status

PATH = "chat/completions"
NO_LENGTH = "this server cannot be held to a length: the protocol knows an upper limit only"
# Draws of the teacher's second run are others than those of its first.
SEED, SEED_AGAIN = 0, 1


def body(request: Request, spec: OpenAISpec, *, again: bool) -> dict[str, Any]:
    """What is sent. Streamed, because only then is it known when the answer began."""
    asked = request.generation
    temperature = float(asked.get("temperature") or 0.0)
    found: dict[str, Any] = {
        "model": spec.model,
        "messages": turns(request.prompt),
        "max_tokens": int(asked["max_new_tokens"]),
        "temperature": temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if stop := [each for each in asked.get("stop") or () if each]:
        found["stop"] = stop
    if spec.logprobs == "auto":
        found["logprobs"] = True
    if temperature > 0:
        found["seed"] = (request.seed or 0) + (SEED_AGAIN if again else SEED)
    return found


def turns(prompt: Prompt) -> list[dict[str, str]]:
    """A text is one turn of a user."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": shown(prompt)}]
    return [{"role": each.role, "content": shown(each.content)} for each in prompt]


async def answer(client: Client, request: Request, key: str | None, *, again: bool) -> Output:
    """The output of one request. Raises BrokenError when none can be had."""
    if request.generation.get("min_new_tokens"):
        return Output(example_id=request.example_id, status="error", error=NO_LENGTH)
    try:
        got = await client.ask(PATH, body(request, client.spec, again=again), reader_of)
    except Refused as refusal:
        if refusal.said.filtered:
            return _withheld(client, request, None)
        return failed(request, client.meaning(refusal, PATH))
    except Failed as failure:
        return failed(request, failure)
    client.recognise(got.reply.model)
    return output(client, request, got, key)


def failed(request: Request, failure: Failed) -> Output:
    return Output(example_id=request.example_id, status=failure.status, error=failure.reason)


def reader_of(content_type: str) -> Reader[ChatReply]:
    return WholeChat() if "json" in content_type else StreamedChat()


def output(client: Client, request: Request, got: Timed[ChatReply], key: str | None) -> Output:
    """What a reply is as an output."""
    reply = got.reply
    text = scrubbed_answer(reply.text, key)
    filtered = reply.finish == "content_filter"
    if filtered and not text.strip():
        return _withheld(client, request, got)
    client.counts["withheld"] += filtered
    # Some servers leave the stop string in the text.
    text, stopped = before_stop(text, request.generation.get("stop") or ())
    status: Status = "truncated" if (filtered or reply.finish == "length") and not stopped else "ok"
    return Output(
        example_id=request.example_id,
        status=status if text.strip() else "empty",
        text=text,
        reasoning=None if reply.reasoning is None else scrubbed_answer(reply.reasoning, key),
        token_logprobs=reply.token_logprobs,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        latency_s=got.latency_s,
        ttft_s=got.ttft_s,
    )


def _withheld(client: Client, request: Request, got: Timed[ChatReply] | None) -> Output:
    client.counts["withheld"] += 1
    return Output(
        example_id=request.example_id,
        status="ok",
        label="refused",
        tokens_in=None if got is None else got.reply.tokens_in,
        tokens_out=None if got is None else got.reply.tokens_out,
        latency_s=None if got is None else got.latency_s,
    )
