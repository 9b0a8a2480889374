"""From a client library's exception to ours: what happened, whether asking again may help, and what to do.

Every message names the model, the cause and the cure, is short, and holds no key. Does not retry anything.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

from text_to_ml.errors import LLMError, LLMQuotaExceeded, LLMRejected, LLMReplyError, LLMUnreachable
from text_to_ml.llm.options import Route
from text_to_ml.llm.redaction import redact

TRANSIENT = (408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529)
MODE_WORDS = re.compile(
    r"response_format|json_schema|json_object|json schema|structured output|guided|grammar|tool|function", re.I
)
MODE_STATUS = (400, 405, 415, 422, 501)
LONGEST = 300


def translate(error: BaseException, where: Route, seconds: float, body: str = "") -> LLMError:
    """Our error for one of a client library. ``body`` is the server's answer where the library dropped it."""
    from pydantic_ai import exceptions as theirs

    label = f"{where.provider.name}:{where.name}"

    def text(message: str) -> str:
        return redact(message, where.base_url)

    for cause in chain(error):
        if isinstance(cause, LLMError):
            return cause
    if isinstance(error, TimeoutError | theirs.ModelTimeoutError | theirs.ModelRequestTimeout):
        message = f"{label}: no answer within {seconds:g} s. Raise the time-out"
        return LLMUnreachable(text(message), transient=True, charged=(None, None))
    if isinstance(error, theirs.ModelQuotaExceededError):
        return LLMQuotaExceeded(
            text(f"{label}: the account's quota is used up: {said(error)}. Add credit with the provider."),
            status=getattr(error, "status_code", None),
        )
    if isinstance(error, theirs.ModelHTTPError):
        return of_status(error, where, label)
    if isinstance(error, theirs.ModelConnectionError):
        return connection(error, where, label)
    if isinstance(error, theirs.UnexpectedModelBehavior | theirs.ModelAPIError):
        message = f"{label}: {no_completion(error, where, body)}"
        return LLMReplyError(text(message), transient=True, charged=(None, None))
    if isinstance(error, theirs.UserError):
        return LLMRejected(text(f"{label}: {shorten(str(error))}"))
    if "credential" in f"{type(error).__name__} {error}".lower():
        return LLMRejected(text(f"{label}: {shorten(str(error))}. Set the provider's key in the environment."))
    if body:  # the library stumbled over an answer that came
        return LLMReplyError(
            text(f"{label}: {no_completion(error, where, body)}"), transient=True, charged=(None, None)
        )
    return LLMUnreachable(text(f"{label}: {type(error).__name__}: {shorten(str(error))}"))


def of_status(error: Any, where: Route, label: str) -> LLMError:
    """Our error for an HTTP status."""
    status = int(error.status_code)
    words = said(error)

    def text(message: str) -> str:
        return redact(message, where.base_url)

    if status == 401 or (status == 403 and where.provider.keys):
        cure = f"Set {where.provider.keys[0]} to a valid key" if where.provider.keys else "Give a valid key"
        return LLMRejected(text(f"{label}: the key is refused ({status}): {words}. {cure}."), status=status)
    if status == 404:
        cure = "Correct the model's name"
        own = where.compatible or where.provider.name == "ollama"
        if where.base_url and own and not re.search(r"/v\d+\w*$", where.base_url):
            cure += ", or let --base-url end in /v1"
        return LLMRejected(text(f"{label}: not found (404): {words}. {cure}."), status=status)
    if status in TRANSIENT or (status >= 500 and status not in (501, 505)):
        wait = error.retry_after
        if status == 429:
            message = f"{label}: too many requests (429): {words}"
        else:
            message = f"{label}: the server fails ({status}): {words}"
        return LLMUnreachable(text(message), transient=True, retry_after=wait, status=status)
    return LLMRejected(text(f"{label}: the request is refused ({status}): {words}"), status=status)


def connection(error: Any, where: Route, label: str) -> LLMError:
    """Our error for a connection that could not be had or broke off."""
    causes = " ".join(f"{type(e).__name__} {e}" for e in chain(error))
    address = where.base_url or "the provider"
    charged = None
    if error.phase in ("read", "write") or "Protocol" in causes or "Read" in causes:
        message = f"{label}: the connection to {address} broke off in mid-answer"
        charged = (None, None)
    else:
        cure = (
            "Start it with `ollama serve`"
            if where.provider.name == "ollama"
            else "Is the server up, the address right?"
        )
        detail = shorten(str(list(chain(error))[-1]) or "no connection")
        message = f"{label}: cannot connect to {address} ({detail}). {cure}"
    return LLMUnreachable(redact(message, where.base_url), transient=True, charged=charged)


def no_completion(error: BaseException, where: Route, body: str) -> str:
    """What is wrong with an answer that came with status 200 and is no completion."""
    start = body.lstrip()[:200].lower()
    if start.startswith(("<!doctype", "<html", "<")):
        return (
            f"{where.base_url or 'the server'} answered with a web page instead of a completion. "
            "Is --base-url right (it ends in /v1), or is a proxy in between?"
        )
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and answer.get("error"):
        return f"the server answered with an error: {words_of(answer)}"
    if isinstance(answer, dict) and answer.get("choices"):
        return f"the answer cannot be used: {shorten(str(error))}"
    if start:
        return f"the answer is not a chat completion: {shorten(body)}"
    return f"the answer cannot be used: {shorten(str(error).splitlines()[0] if str(error) else type(error).__name__)}"


def mode_refused(error: LLMError) -> bool:
    """Whether an error may mean that the server does not take the way in which JSON was asked for."""
    if error.status is None:  # refused before anything was sent: the client library knows the model
        return isinstance(error, LLMRejected) and MODE_WORDS.search(str(error)) is not None
    if error.status in (401, 403, 408, 429):
        return False
    return error.status in MODE_STATUS or MODE_WORDS.search(str(error)) is not None


def said(error: Any) -> str:
    """The server's own words in an error, in one short line."""
    return words_of(error.body) if getattr(error, "body", None) else shorten(str(getattr(error, "message", error)))


def words_of(body: object) -> str:
    """The message inside an error body of any of the usual forms."""
    inner = body
    if isinstance(inner, str) and inner.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            inner = json.loads(inner)
    for name in ("error", "message", "detail"):
        if isinstance(inner, dict):
            inner = next((value for key, value in inner.items() if str(key).lower() == name and value), inner)
    return shorten(inner if isinstance(inner, str) else json.dumps(inner, default=str))


def shorten(text: str) -> str:
    """One line of at most `LONGEST` characters, without a full stop at its end."""
    line = " ".join(text.split())
    return (line if len(line) <= LONGEST else line[:LONGEST] + "…").rstrip(". ")


def chain(error: BaseException) -> list[BaseException]:
    """The error and its causes, outermost first."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found
