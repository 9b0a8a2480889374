"""One pydantic-ai model object per provider, all with the same time-outs and without retries of their own.

Covers construction only; nothing is sent. OpenAI-compatible servers, Azure, OpenRouter and Ollama speak chat
completions. The HTTP client is one for all but Bedrock, which has its own.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import LLMReplyError
from text_to_ml.llm.options import Route, bedrock_region

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model

CONNECT_SECONDS = 10.0
LARGEST_BODY = 32 * 2**20
KEPT = 2000
last_body: ContextVar[list[str] | None] = ContextVar("last_body", default=None)


@dataclass(frozen=True)
class Client:
    """A model object with what calling it needs: settings for every request, and how to give its connections back."""

    model: Model[Any]
    settings: dict[str, Any]
    http: httpx2.AsyncClient | None = None
    end: Callable[[], object] | None = None

    async def close(self) -> None:
        """Give the connections back."""
        if self.http is not None:
            await self.http.aclose()
        if self.end is not None:
            self.end()


def build(where: Route, timeout: float, *, newer_limit: bool | None = None) -> Client:
    """The model object of a route.

    newer_limit: send the output limit as ``max_completion_tokens`` (OpenAI's newer models) or as ``max_tokens`` (most
    other servers); None leaves it to the provider's default.
    """
    if where.provider.name == "bedrock":
        return bedrock(where, timeout)
    http = http_client(timeout, where.local)
    if where.provider.name == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        provider = AnthropicProvider(api_key=where.key, base_url=where.base_url, http_client=http)
        return Client(AnthropicModel(where.name, provider=provider), {"max_retries": 0, "timeout": timeout}, http)
    if where.provider.name == "google":
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        google = GoogleProvider(api_key=where.key, base_url=where.base_url, http_client=http)
        return Client(GoogleModel(where.name, provider=google), {"max_retries": 0}, http)
    if where.provider.name == "mistral":
        from pydantic_ai.models.mistral import MistralModel
        from pydantic_ai.providers.mistral import MistralProvider

        mistral = MistralProvider(api_key=where.key, base_url=where.base_url, http_client=http)
        return Client(MistralModel(where.name, provider=mistral), {"timeout": timeout}, http)
    return Client(chat_completions(where, http, newer_limit), {"max_retries": 0, "timeout": timeout}, http)


def chat_completions(where: Route, http: httpx2.AsyncClient, newer_limit: bool | None) -> Model[Any]:
    """A model that is reached by OpenAI's chat completions."""
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile

    name, provider = where.provider.name, None
    if newer_limit is None and (where.compatible or name == "ollama"):
        newer_limit = False
    profile = (
        None if newer_limit is None else OpenAIModelProfile(openai_chat_supports_max_completion_tokens=newer_limit)
    )
    if name == "azure":
        return OpenAIChatModel(where.name, provider=azure(where, http), profile=profile)
    client = AsyncOpenAI(base_url=where.base_url, api_key=where.key, http_client=http, max_retries=0)
    if where.compatible:
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        provider = OpenAICompatibleProvider("openai-compatible", openai_client=client)
        return OpenAIChatModel(where.name, provider=provider, profile=profile)
    if name == "openrouter":  # its own model class refuses answers that lack fields which we do not need
        from pydantic_ai.providers.openrouter import OpenRouterProvider

        return OpenAIChatModel(where.name, provider=OpenRouterProvider(openai_client=client), profile=profile)
    if name == "ollama":
        from pydantic_ai.models.ollama import OllamaModel
        from pydantic_ai.providers.ollama import OllamaProvider

        return OllamaModel(where.name, provider=OllamaProvider(openai_client=client), profile=profile)
    from pydantic_ai.providers.openai import OpenAIProvider

    return OpenAIChatModel(where.name, provider=OpenAIProvider(openai_client=client), profile=profile)


def azure(where: Route, http: httpx2.AsyncClient) -> Any:
    """Azure's provider: the v1 interface, unless OPENAI_API_VERSION asks for a dated one."""
    from pydantic_ai.providers.azure import AzureProvider

    endpoint = where.base_url or ""
    version = os.environ.get("OPENAI_API_VERSION")
    if not version and not endpoint.endswith("/v1") and ".models.ai.azure.com" not in endpoint:
        endpoint += "/openai/v1"
    return AzureProvider(azure_endpoint=endpoint, api_key=where.key, http_client=http)


def bedrock(where: Route, timeout: float) -> Client:
    """Bedrock, through boto3 with retries switched off; credentials are found as AWS tools find them."""
    import boto3  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from botocore.config import Config  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from pydantic_ai.models.bedrock import BedrockConverseModel
    from pydantic_ai.providers.bedrock import BedrockProvider

    config = Config(retries={"total_max_attempts": 1}, read_timeout=timeout, connect_timeout=CONNECT_SECONDS)
    client = boto3.client("bedrock-runtime", region_name=bedrock_region(), endpoint_url=where.base_url, config=config)
    model = BedrockConverseModel(where.name, provider=BedrockProvider(bedrock_client=client))
    return Client(model, {}, end=client.close)


def http_client(timeout: float, local: bool = False) -> httpx2.AsyncClient:
    """The HTTP client: bounded waits and bodies; proxies as the environment says, but none to this machine."""
    import httpx2
    from pydantic_ai.models import create_async_httpx2_client

    waits = httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout))
    client = create_async_httpx2_client(timeout=waits, transport=httpx2.AsyncHTTPTransport() if local else None)
    client.event_hooks["response"].append(read_bounded)
    return client


async def read_bounded(response: httpx2.Response) -> None:
    """Read a body while it is small enough, and note the start of one that may have to be explained."""
    response.stream = bounded(response.stream)
    await response.aread()
    noted = last_body.get()
    if noted is not None:
        noted[:] = [response.content[:KEPT].decode("utf-8", "replace")]


def bounded(stream: Any) -> httpx2.AsyncByteStream:
    """The same stream of bytes, which fails where it grows too large."""
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for part in stream:
                size += len(part)
                if size > LARGEST_BODY:
                    raise LLMReplyError(
                        f"the answer is larger than {LARGEST_BODY // 2**20} MB and was not read further"
                    )
                yield part

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()
