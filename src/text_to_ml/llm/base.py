"""LLM: the one method that every language model keeps, `complete(request) -> Reply`, and the values it takes and gives.

Providers and wrappers (retrying, metered, cached, recorded) all have this interface. Imports no client library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Message:
    """One message of a conversation; ``role`` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True)
class Request:
    """What is asked of a language model (paper: the input sequence X).

    purpose            what the reply is for, e.g. "space", "plan", "synthetic/1", "module/modeling/ridge"; stands in records
    schema             JSON schema of an object that the reply must be; None: free text
    max_output_tokens  upper bound of the reply's length
    """

    messages: tuple[Message, ...]
    purpose: str
    schema: Mapping[str, Any] | None = None
    max_output_tokens: int = 8192


@dataclass(frozen=True)
class Usage:
    """Tokens of one call; None where the server does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True)
class Reply:
    """What came back (paper: the output sequence Y).

    text      the reply's text; with a schema the JSON text, whichever way it was had
    cost_usd  None where the price of the model is not known
    finish    "stop", or "length" where the reply was cut at its token limit
    cached    True where nothing was sent (disk cache, replay)
    """

    text: str
    model: str = ""
    usage: Usage = Usage()
    cost_usd: float | None = None
    seconds: float = 0.0
    finish: str = "stop"
    cached: bool = False


class LLM(Protocol):
    """A language model f_λ (paper, section 2). Safe to call from several threads."""

    name: str

    def complete(self, request: Request) -> Reply:
        """One completion. Raises `LLMError` (see `text_to_ml.errors`), never a client library's error."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...
