"""A hosted or local language model as an `LLM`, through pydantic-ai: one call in, one call out.

Covers the three ways of asking for JSON (native, tool, prompted), the two names of the output limit, time-outs, and
what a usable reply is. Does not retry, limit, count or cache: wrappers with the same interface do.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from text_to_ml.errors import LLMError, LLMReplyError
from text_to_ml.llm.base import Message, Reply, Request, Usage
from text_to_ml.llm.faults import mode_refused, translate
from text_to_ml.llm.loop import Loop
from text_to_ml.llm.models import Client, build, last_body
from text_to_ml.llm.options import Route
from text_to_ml.llm.prices import Prices
from text_to_ml.llm.redaction import redact
from text_to_ml.llm.structured import NATIVE, PROMPTED, TOOL, json_text, rungs, schema_prompt

LONGEST_TEXT = 4 * 2**20
ANSWER = "answer"
BROKEN = ("error", "abort", "aborted", "cancelled", "canceled", "insufficient_system_resource")


@dataclass(frozen=True)
class Dialect:
    """What a server was found to want: the name of the output limit, and no messages of the role "system"."""

    newer_limit: bool | None = None
    folds_system: bool = False


class Adapter:
    """The language model at the end of a route. Several threads share its connections."""

    def __init__(
        self, where: Route, timeout: float = 180.0, prices: Prices | None = None, stop: threading.Event | None = None
    ) -> None:
        self.name = f"{where.provider.name}:{where.name}"
        self._where = where
        self._timeout = timeout
        self._prices = prices
        self._stop = stop
        self._client = build(where, timeout)
        self._retired: list[Client] = []
        self._dialect = Dialect()
        self._lock = threading.Lock()
        self._loop = Loop(self._give_back)

    def complete(self, request: Request) -> Reply:
        """One completion; with a schema by the best way of asking for JSON that the server takes."""
        if request.schema is None:
            return self._once(request, None)
        ladder = rungs(self.name, self._where.base_url)
        first: LLMError | None = None
        refused = []
        for rung in ladder.left():
            try:
                reply = self._once(request, rung)
            except LLMError as error:
                empty = isinstance(error, LLMReplyError) and error.status is None and rung != PROMPTED
                if rung == PROMPTED or not (mode_refused(error) or empty):
                    raise first if first is not None and mode_refused(error) else error from None
                first = first or error
                refused += [rung] if mode_refused(error) else []
                continue
            ladder.refuse(refused)
            return reply
        raise first or LLMReplyError(f"{self.name}: takes no way of asking for JSON")

    def close(self) -> None:
        """Give back the connections; requests in flight end with `LLMUnreachable`."""
        self._loop.close()

    def _once(self, request: Request, rung: str | None) -> Reply:
        """One request; where the server wants it in another dialect, in that."""
        while True:
            spoken_in = self._dialect
            try:
                return self._loop.run(self._send(request, rung, spoken_in), self._stop)
            except LLMError as error:
                if not self._adapt(error, spoken_in):
                    raise

    def _adapt(self, error: LLMError, spoken_in: Dialect) -> bool:
        """Change the dialect as an error asks; whether it is worth asking again."""
        with self._lock:
            if self._dialect != spoken_in:  # another thread has learnt it meanwhile
                return True
            dialect = other_dialect(error, spoken_in)
            if dialect is None:
                return False
            if dialect.newer_limit != spoken_in.newer_limit:
                self._retired.append(self._client)
                self._client = build(self._where, self._timeout, newer_limit=dialect.newer_limit)
            self._dialect = dialect
            return True

    async def _send(self, request: Request, rung: str | None, dialect: Dialect) -> Reply:
        from pydantic_ai.direct import model_request
        from pydantic_ai.models import ModelRequestParameters

        client = self._client
        settings: Any = {"max_tokens": request.max_output_tokens, **client.settings}
        parameters = ModelRequestParameters(**mode(request, rung, self._masks))
        noted: list[str] = []
        last_body.set(noted)
        failure: LLMError
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                response = await model_request(
                    client.model,
                    conversation(request, self._spelled_out(rung), dialect.folds_system),
                    model_settings=settings,
                    model_request_parameters=parameters,
                )
            return self._reply(response, request, time.monotonic() - begun)
        except Exception as error:  # whatever a client library raises becomes one of ours
            failure = translate(error, self._where, self._timeout, "".join(noted))
        raise failure

    def _spelled_out(self, rung: str | None) -> bool:
        """Whether the schema goes into the prompt: a server that only masks tokens does not show it to the model."""
        return rung == PROMPTED or (rung == NATIVE and self._masks)

    @property
    def _masks(self) -> bool:
        return self._where.compatible or self._where.provider.name == "ollama"

    def _reply(self, response: Any, request: Request, seconds: float) -> Reply:
        text = spoken(response)
        finish = "length" if response.finish_reason == "length" else "stop"
        raw = str((response.provider_details or {}).get("finish_reason", "")).lower()
        usage, cost = self._spent(response)
        charged = (usage.input_tokens, usage.output_tokens)
        if len(text) > LONGEST_TEXT:
            raise LLMReplyError(
                f"{self.name}: the reply is longer than {LONGEST_TEXT // 2**20} MB ({len(text):,} characters). "
                "Ask for less, or lower the output limit.",
                charged=charged,
            )
        if response.finish_reason == "content_filter":
            message = f"{self.name}: the provider's content filter withheld the reply. Reword the task."
            raise LLMReplyError(message, charged=charged)
        if response.finish_reason == "error" or raw in BROKEN:
            message = f"{self.name}: the server broke off the reply ({raw or 'error'})"
            raise LLMReplyError(message, transient=True, charged=charged)
        if not text.strip() and finish == "stop":
            raise LLMReplyError(f"{self.name}: the reply is empty", transient=True, charged=charged)
        if request.schema is not None and finish == "stop":
            text = json_text(text)
        model = redact(response.model_name or self._where.name)
        return Reply(text=text, model=model, usage=usage, cost_usd=cost, seconds=seconds, finish=finish)

    def _spent(self, response: Any) -> tuple[Usage, float | None]:
        theirs = response.usage
        if theirs.unmeasured_requests or not (theirs.input_tokens or theirs.output_tokens):
            return Usage(), None
        usage = Usage(int(theirs.input_tokens), int(theirs.output_tokens))
        if self._prices is None:
            return usage, None
        return usage, self._prices.of_usage(theirs, usage.input_tokens or 0, usage.output_tokens or 0)

    async def _give_back(self) -> None:
        for client in (*self._retired, self._client):
            await client.close()


def conversation(request: Request, spelled_out: bool, folds_system: bool = False) -> list[Any]:
    """pydantic-ai's messages for ours.

    spelled_out   the schema is added to the last message
    folds_system  what the system says goes into the first message of the user
    """
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    ours = list(request.messages)
    if spelled_out and request.schema is not None:
        ours[-1] = Message(ours[-1].role, f"{ours[-1].content}\n\n{schema_prompt(request.schema)}")
    if folds_system:
        system = [message.content for message in ours if message.role == "system"]
        ours = [message for message in ours if message.role != "system"]
        ours[0] = Message(ours[0].role, "\n\n".join([*system, ours[0].content]))
    messages: list[Any] = []
    for message in ours:
        if message.role == "assistant":
            messages.append(ModelResponse(parts=[TextPart(content=message.content)]))
            continue
        part: Any = (SystemPromptPart if message.role == "system" else UserPromptPart)(content=message.content)
        if messages and isinstance(messages[-1], ModelRequest):
            messages[-1] = ModelRequest(parts=[*messages[-1].parts, part])
        else:
            messages.append(ModelRequest(parts=[part]))
    return messages


def mode(request: Request, rung: str | None, masks: bool) -> dict[str, Any]:
    """pydantic-ai's parameters for one way of asking for JSON.

    Not strict where the server masks tokens or an object is open: a strict schema is closed on its way, and a model
    could then answer an open object with nothing but {}.
    """
    if request.schema is None or rung in (None, PROMPTED):
        return {"output_mode": "text", "allow_text_output": True}
    schema = json.loads(json.dumps(dict(request.schema)))
    strict = False if masks or has_open_object(schema) else None
    if rung == NATIVE:
        from pydantic_ai.output import OutputObjectDefinition

        wanted = OutputObjectDefinition(json_schema=schema, name=ANSWER, strict=strict)
        return {"output_mode": "native", "output_object": wanted}
    from pydantic_ai.tools import ToolDefinition

    tool = ToolDefinition(name=ANSWER, description="Give the answer.", parameters_json_schema=schema, strict=strict)
    return {"output_mode": TOOL, "output_tools": [tool], "allow_text_output": False}


def has_open_object(schema: Any) -> bool:
    """Whether a schema allows keys that it does not name, anywhere."""
    if isinstance(schema, list):
        return any(has_open_object(part) for part in schema)
    if not isinstance(schema, dict):
        return False
    if schema.get("type") == "object" and ("properties" not in schema or schema.get("additionalProperties")):
        return True
    return any(has_open_object(part) for part in schema.values())


def spoken(response: Any) -> str:
    """The text of a response: the arguments of the tool that was called, else its text, without thoughts."""
    from pydantic_ai.messages import TextPart, ToolCallPart

    for part in response.parts:
        if isinstance(part, ToolCallPart) and part.args:
            return part.args if isinstance(part.args, str) else json.dumps(part.args)
    return "".join(part.content for part in response.parts if isinstance(part, TextPart))


def other_dialect(error: LLMError, now: Dialect) -> Dialect | None:
    """The dialect that a server's error asks for; None where it asks for none that was not tried."""
    text = str(error).lower()
    if error.status is None or error.status in (401, 403, 404, 429):
        return None
    if not now.folds_system and "system" in text and ("role" in text or "system message" in text):
        return replace(now, folds_system=True)
    if now.newer_limit is None and error.status in (400, 422):
        if "max_completion_tokens" in text and "'max_tokens'" not in text.partition("max_completion_tokens")[0]:
            return replace(now, newer_limit=False)
        if "max_tokens" in text or "max_completion_tokens" in text:
            return replace(now, newer_limit=True)
    return None
