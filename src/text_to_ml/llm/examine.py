"""What a language model can do here, tried with three tiny requests: for `text-to-ml doctor --model`.

Every line is plain, at most 78 characters, and says what to change where something does not work. Shows no keys, and
raises nothing for a server's fault.
"""

from __future__ import annotations

import textwrap
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from text_to_ml.errors import LLMError, LLMRejected, LLMUnreachable, OptionError
from text_to_ml.llm.base import LLM, Message, Reply, Request
from text_to_ml.llm.opened import open_llm
from text_to_ml.llm.options import NO_KEY, REPLAY, LLMOptions, Route, route, split_model
from text_to_ml.llm.redaction import redact
from text_to_ml.llm.replies import code_of
from text_to_ml.llm.retrying import Patience
from text_to_ml.llm.structured import ask_json, rungs

WIDTH = 78
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
    "required": ["city", "country"],
    "additionalProperties": False,
}
WAYS = {"native": "by response_format", "tool": "by a tool call", "prompted": "in words only"}
LISTED = 5


def examine_llm(options: LLMOptions) -> list[str]:
    """Lines about a language model: what works, what does not, and the line to change."""
    lines = Lines()
    options = replace(options, cache=False, record=None, retries=min(options.retries, 2))
    try:
        if split_model(options.model)[0] == REPLAY:
            open_llm(options).close()
            lines.add("model", f"{options.model}: can be read; nothing is sent")
            return lines.lines
        where = route(options)
        llm = open_llm(options, patience=Patience(retries=min(options.retries, 2), first=0.5, total=20.0))
    except (OptionError, LLMError, ImportError) as error:
        lines.add("model", str(error))
        return lines.lines
    with llm:
        lines.add("model", f"{options.model} at {redact(where.base_url or 'the address of its provider')}")
        reply = chat(llm, where, options, lines)
        if reply is not None:
            structured(llm, where, lines)
            code(llm, lines)
        spent(llm.meter, lines)
    return lines.lines


class Lines:
    """Lines with a word in front, broken at `WIDTH`."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, word: str, text: str) -> None:
        """Add a text under a word; what is too long goes on in the next line."""
        plain = " ".join(redact(text).split())
        self.lines += textwrap.wrap(
            plain, WIDTH, initial_indent=f"{word:<11}", subsequent_indent=" " * 11, break_on_hyphens=False
        )


def chat(llm: LLM, where: Route, options: LLMOptions, lines: Lines) -> Reply | None:
    """A plain question; without an answer to it the rest is not tried."""
    try:
        reply = llm.complete(question("Say hello in one word.", "doctor/chat", 512))
    except LLMError as error:
        lines.add("chat", str(error))
        for line in cures(error, where, options):
            lines.add("try", line)
        return None
    cut = ", but cut at its limit" if reply.finish == "length" else ""
    lines.add("chat", f"answers in {reply.seconds:.1f} s{cut}")
    return reply


def structured(llm: LLM, where: Route, lines: Lines) -> None:
    """A question whose answer must be JSON."""
    try:
        messages = [Message("user", "What is the capital of France, and the country's name?")]
        _, replies = ask_json(llm, messages, purpose="doctor/json", schema=SCHEMA, max_output_tokens=1024)
    except LLMError as error:
        lines.add("json", f"does not work: {error}")
        return
    way = rungs(llm.name, where.base_url).left()[0]
    again = f", after {len(replies)} tries" if len(replies) > 1 else ""
    lines.add("json", f"works, asked for {WAYS[way]}{again}")


def code(llm: LLM, lines: Lines) -> None:
    """A question whose answer must hold Python code."""
    asked = "Write a Python function add(a, b) that returns the sum. Answer with one ```python block."
    try:
        reply = llm.complete(question(asked, "doctor/code", 1024))
        code_of(reply.text, reply.finish)
    except LLMError as error:
        lines.add("code", f"does not work: {error}")
        return
    lines.add("code", "works: a Python function was read out of the reply")


def spent(meter: Any, lines: Lines) -> None:
    """What the requests cost."""
    if not meter.calls:
        return
    estimated = " by estimate: the server does not report usage" if meter.estimated else ""
    lines.add("tokens", f"{meter.input_tokens} in, {meter.output_tokens} out{estimated}")
    if meter.cost_usd is None:
        lines.add("price", "not known; --price IN OUT (dollars per million tokens) makes --max-cost work")
    else:
        lines.add("price", f"known; these requests cost ${meter.cost_usd:.5f}")


def question(text: str, purpose: str, limit: int) -> Request:
    """A request of one message."""
    return Request((Message("user", text),), purpose, max_output_tokens=limit)


def cures(error: LLMError, where: Route, options: LLMOptions) -> list[str]:
    """What to change, as far as the error and the server's list of models tell."""
    given = where.base_url or ""
    if isinstance(error, LLMUnreachable) and error.status is None and "connect" in str(error):
        if where.provider.name == "ollama":
            return ["ollama serve"]
        return [f"is a server running at {given}?"] if given else ["is there a network, or a proxy to set?"]
    if isinstance(error, LLMRejected) and error.status in (401, 403):
        variable = (where.provider.keys or ("TEXT_TO_ML_API_KEY",))[0]
        return [f"export {variable}=..." + (" (none is set)" if where.key == NO_KEY else " (the one set is refused)")]
    names, at_v1 = listed(where)
    if names and where.name not in names:
        if where.provider.name == "ollama":
            return [*nearest(where, names), f"ollama pull {where.name}"]
        return nearest(where, names)
    if at_v1:
        return [f"--base-url {given}/v1"]
    return []


def nearest(where: Route, names: list[str]) -> list[str]:
    """The names that a server lists, nearest first."""
    near = get_close_matches(where.name, names, n=LISTED, cutoff=0.3)
    ordered = [*near, *(name for name in names if name not in near)]
    more = f" and {len(ordered) - LISTED} more" if len(ordered) > LISTED else ""
    return [f"the server's models: {', '.join(ordered[:LISTED])}{more}"]


def listed(where: Route) -> tuple[list[str], bool]:
    """The names at /models, and whether they are found only under /v1."""
    if where.base_url is None or where.provider.package != "openai":
        return [], False
    names = models_at(where, where.base_url)
    if names is not None:
        return names, False
    if where.base_url.endswith("/v1"):
        return [], False
    return [], models_at(where, where.base_url + "/v1") is not None


def models_at(where: Route, url: str) -> list[str] | None:
    """The names that a server lists; None where it lists none."""
    import httpx2

    headers = {"Authorization": f"Bearer {where.key}"}
    try:
        answer = httpx2.get(f"{url}/models", headers=headers, timeout=10.0, trust_env=not where.local)
        return sorted(str(entry["id"]) for entry in answer.json()["data"])
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):
        return None
