"""Replies that must be JSON: the ladder of ways to ask for it, a forgiving parser, and asking again with reasons.

The ladder is native (response_format) → tool → prompted. No client library falls back by itself when a server refuses
one, so the refusals are remembered here per model and address, for the process. Checks of a schema cover required
keys, types, enumerations and unknown keys; the rest is the caller's ``check``.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from text_to_ml.errors import LLMReplyError
from text_to_ml.llm.base import LLM, Message, Reply, Request

NATIVE, TOOL, PROMPTED = "native", "tool", "prompted"
MOST_OUTPUT = 32_768
SHOWN = 8
MOST_PLACES = 100
LONGEST_REPAIR = 500_000

_THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[ \t]*(?:json|json5|jsonc)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


class Ladder:
    """The ways of asking for JSON that a server has not refused."""

    def __init__(self) -> None:
        self._refused: set[str] = set()
        self._lock = threading.Lock()

    def left(self) -> tuple[str, ...]:
        """The ways still open, best first; the prompted one always is."""
        with self._lock:
            return tuple(rung for rung in (NATIVE, TOOL, PROMPTED) if rung not in self._refused)

    def refuse(self, some: Iterable[str]) -> None:
        """Remember what the server refused."""
        with self._lock:
            self._refused |= set(some) - {PROMPTED}


_ladders: dict[tuple[str, str | None], Ladder] = {}
_ladders_lock = threading.Lock()


def rungs(model: str, base_url: str | None) -> Ladder:
    """The ladder of one model at one address, the same for the whole process."""
    with _ladders_lock:
        return _ladders.setdefault((model, base_url), Ladder())


def schema_prompt(schema: Mapping[str, Any]) -> str:
    """The sentence that asks for JSON in words."""
    return (
        "Answer with one JSON object that matches this JSON schema, and with nothing else: no prose, no code fence.\n"
        + json.dumps(dict(schema))
    )


def ask_json(
    llm: LLM,
    messages: Sequence[Message],
    *,
    purpose: str,
    schema: Mapping[str, Any],
    check: Callable[[dict[str, Any]], list[str]] | None = None,
    tries: int = 3,
    max_output_tokens: int = 8192,
) -> tuple[dict[str, Any], list[Reply]]:
    """An object that matches ``schema`` and passes ``check``, with every reply it took, in order.

    ``check`` gives sentences about what is wrong; they go back to the model. A reply cut at its limit is asked for
    again with twice the limit. LLMReplyError names the reasons that are left after ``tries``.
    """
    request = Request(tuple(messages), purpose, schema, max_output_tokens)
    replies: list[Reply] = []
    reasons: list[str] = []
    for _ in range(max(1, tries)):
        reply = llm.complete(request)
        replies.append(reply)
        if reply.finish == "length":
            reasons = [f"The reply was cut at its limit of {request.max_output_tokens} tokens. Answer more briefly."]
            request = replace(request, max_output_tokens=min(2 * request.max_output_tokens, MOST_OUTPUT))
        else:
            data, reasons = read_object(reply.text, schema)
            if data is not None and not reasons:
                reasons = check(data) if check is not None else []
            if data is not None and not reasons:
                return data, replies
        request = replace(request, messages=(*messages, Message("assistant", reply.text or "{}"), again(reasons)))
    raise LLMReplyError(f"{purpose}: no usable answer after {len(replies)} tries: {' '.join(reasons[:SHOWN])}")


def again(reasons: Sequence[str]) -> Message:
    """The message that sends reasons back."""
    listed = "\n".join(f"- {reason}" for reason in reasons[:SHOWN])
    return Message("user", f"This answer cannot be used:\n{listed}\nAnswer again, with the whole JSON object.")


def read_object(text: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """The object in a text and what is wrong with it; None where there is no object."""
    try:
        data = parse_json(text)
    except ValueError as error:
        return None, [str(error)]
    return data, problems(data, schema)


def parse_json(text: str) -> dict[str, Any]:
    """The JSON object in a reply: thoughts, fences and prose around it are dropped, small faults repaired.

    Of several objects the largest is taken. ValueError is a sentence for the model.
    """
    body = _THOUGHTS.sub("", text).strip()
    unclosed = re.search(r"</(?:think|thinking|reasoning)>", body, re.IGNORECASE)
    if unclosed:  # some templates give the opening tag to the prompt
        body = body[unclosed.end() :].strip()
    fenced = [match.strip() for match in _FENCE.findall(body)]
    places = [body, *fenced, *objects(body)]
    for strict in (True, False):
        found = [data for place in places if (data := as_object(place, strict)) is not None]
        if found:
            return max(found, key=lambda data: len(json.dumps(data, default=str)))
    raise ValueError("The answer holds no JSON object." if "{" not in body else "The JSON object cannot be parsed.")


def as_object(text: str, strict: bool) -> dict[str, Any] | None:
    """The object that a text is; None where it is none. Not strict: after repairs."""
    if strict:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return None
    else:
        if not text.lstrip().startswith("{") or len(text) > LONGEST_REPAIR:
            return None
        from json_repair import repair_json

        try:
            data = repair_json(text, return_objects=True, skip_json_loads=True)
        except (ValueError, RecursionError):
            return None
    return data if isinstance(data, dict) and data else None


def objects(text: str) -> list[str]:
    """Pieces of a text that may be objects: from an opening brace to its partner, or to the last brace."""
    pieces: list[str] = []
    decoder = json.JSONDecoder()
    position = text.find("{")
    for _ in range(MOST_PLACES):
        if position == -1:
            break
        try:
            _, end = decoder.raw_decode(text, position)
            pieces.append(text[position:end])
        except (ValueError, RecursionError):
            end = position + 1
            if len(pieces) < 3:
                last = text.rfind("}")
                pieces.append(text[position : last + 1] if last > position else text[position:])
        position = text.find("{", end)
    return pieces


def json_text(text: str) -> str:
    """The JSON of a reply as text; the reply itself where it holds none."""
    try:
        json.loads(text)
        return text
    except (ValueError, RecursionError):
        pass
    try:
        return json.dumps(parse_json(text), ensure_ascii=False)
    except ValueError:
        return text


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


def problems(data: Any, schema: Mapping[str, Any], path: str = "") -> list[str]:
    """Sentences about where ``data`` does not match ``schema`` (required keys, types, enumerations)."""
    here = path or "the answer"
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        found = [problems(data, choice, path) for choice in choices]
        return [] if any(not some for some in found) else min(found, key=len)
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else list(wanted or [])
    if names and not any(is_a(data, name) for name in names):
        return [f"{here} must be {' or '.join(names)}, not {json.dumps(data, default=str)[:60]}."]
    if "enum" in schema and data not in schema["enum"]:
        return [f"{here} must be one of {', '.join(map(str, schema['enum']))}, not {json.dumps(data)[:60]}."]
    found_here: list[str] = []
    if isinstance(data, dict):
        fields = schema.get("properties", {})
        found_here += [f"{here} lacks the key {key!r}." for key in schema.get("required", ()) if key not in data]
        if schema.get("additionalProperties") is False:
            found_here += [f"{here} has an unknown key {key!r}." for key in data if key not in fields]
        for key, value in data.items():
            inner = fields.get(key) or schema.get("additionalProperties")
            if isinstance(inner, Mapping):
                found_here += problems(value, inner, f"{path}.{key}" if path else key)
    if isinstance(data, list):
        if len(data) < schema.get("minItems", 0):
            found_here.append(f"{here} must have at least {schema['minItems']} items, not {len(data)}.")
        if isinstance(schema.get("items"), Mapping):
            for number, value in enumerate(data):
                found_here += problems(value, schema["items"], f"{path}[{number}]")
    return found_here


def is_a(data: Any, name: str) -> bool:
    """Whether a value has a JSON type; True and False are no numbers, and 3.0 is an integer."""
    if isinstance(data, bool):
        return name == "boolean"
    if name == "integer" and isinstance(data, float):
        return data.is_integer()
    return isinstance(data, _TYPES.get(name, (object,)))
