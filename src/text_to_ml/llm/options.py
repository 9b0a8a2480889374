"""What a user says about the language model: the options, the providers, and their check without a network.

Covers `provider:name`, base URLs, keys (from environment variables only) and the messages for what is missing.
Does not cover whether a model of that name exists: only its server knows (`text-to-ml doctor --model`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from text_to_ml.errors import OptionError, did_you_mean

REPLAY = "replay"
OWN_KEY = "TEXT_TO_ML_API_KEY"
NO_KEY = "no-key"
LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


@dataclass(frozen=True)
class LLMOptions:
    """How a language model is used.

    model        "provider:name" (everything after the first colon is the name), or "replay:FILE"
    base_url     address of an OpenAI-compatible server (with `openai:`), or another address of the provider
    max_cost     US dollars after which nothing more is sent; needs a known price
    max_tokens   input and output tokens together after which nothing more is sent
    price        US dollars per million input and per million output tokens; else genai-prices is asked
    timeout      seconds for one request, from connecting to the last byte
    concurrency  requests at once
    retries      how often a request is tried again after a fault that may pass
    cache        keep replies on disk and use them again
    record       file to which every reply is appended, for `replay:FILE`
    spent        (tokens, dollars) that an earlier part of the run has spent already
    """

    model: str
    base_url: str | None = None
    max_cost: float | None = None
    max_tokens: int | None = None
    price: tuple[float, float] | None = None
    timeout: float = 180.0
    concurrency: int = 4
    retries: int = 6
    cache: bool = True
    record: str | Path | None = None
    spent: tuple[int, float] = (0, 0.0)


@dataclass(frozen=True)
class Provider:
    """One provider of language models: what it needs, and what it is called elsewhere.

    package   module that must be importable          extra     extra of text-to-ml that installs it
    keys      environment variables, any of which holds the key; keyless: it works without one
    url       address when none is given              url_env   environment variable that may hold it
    price_id  its name in genai-prices
    """

    name: str
    package: str
    keys: tuple[str, ...] = ()
    url: str | None = None
    url_env: str | None = None
    extra: str | None = None
    price_id: str | None = None
    keyless: bool = False


PROVIDERS: Mapping[str, Provider] = {
    p.name: p
    for p in (
        Provider(
            "openai", "openai", ("OPENAI_API_KEY",), "https://api.openai.com/v1", "OPENAI_BASE_URL", None, "openai"
        ),
        Provider("anthropic", "anthropic", ("ANTHROPIC_API_KEY",), extra="anthropic", price_id="anthropic"),
        Provider("google", "google.genai", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), extra="google", price_id="google"),
        Provider("mistral", "mistralai", ("MISTRAL_API_KEY",), extra="mistral", price_id="mistral"),
        Provider("bedrock", "boto3", extra="bedrock", price_id="aws"),
        Provider("azure", "openai", ("AZURE_OPENAI_API_KEY",), url_env="AZURE_OPENAI_ENDPOINT", price_id="azure"),
        Provider(
            "openrouter", "openai", ("OPENROUTER_API_KEY",), "https://openrouter.ai/api/v1", price_id="openrouter"
        ),
        Provider("ollama", "openai", ("OLLAMA_API_KEY",), "http://localhost:11434/v1", "OLLAMA_BASE_URL", keyless=True),
    )
}


@dataclass(frozen=True)
class Route:
    """Where requests go: the provider, the model's name there, the address and the key.

    compatible is True for an OpenAI-compatible server that is not the provider's own.
    """

    provider: Provider
    name: str
    base_url: str | None
    compatible: bool

    @property
    def local(self) -> bool:
        """Whether the server is on this machine, where no proxy and no key is needed."""
        return self.base_url is not None and urlsplit(self.base_url).hostname in LOOPBACK

    @property
    def key(self) -> str:
        """The key, read from the environment when it is needed; a placeholder where none is set."""
        names = (OWN_KEY, *self.provider.keys) if self.compatible else self.provider.keys
        return next((os.environ[name] for name in names if os.environ.get(name)), NO_KEY)


def split_model(model: str) -> tuple[str, str]:
    """("provider", "name") of "provider:name"; OptionError for an unknown provider or a bare name."""
    provider, colon, name = model.partition(":")
    known = [*PROVIDERS, REPLAY]
    if not colon:
        raise OptionError(
            f"--model {model!r}: names no provider. Write provider:name, for example openai:{model or 'gpt-5-mini'}"
            f" or ollama:{model or 'qwen3'}; providers: {', '.join(PROVIDERS)}; or builtin, which needs none."
            f"{did_you_mean(model, [*known, 'builtin'])}"
        )
    if provider not in known:
        raise OptionError(
            f"--model {model!r}: {provider!r} is not a provider.{did_you_mean(provider, known)} "
            f"Providers: {', '.join(PROVIDERS)}. For any OpenAI-compatible server write "
            f"--model openai:{name or 'NAME'} --base-url http://HOST:PORT/v1."
        )
    if not name:
        raise OptionError(f"--model {model!r}: the model's name is missing after the colon.")
    return provider, name


def route(options: LLMOptions) -> Route:
    """Where the requests of these options go. No network; OptionError says what is missing."""
    provider, name = split_model(options.model)
    entry = PROVIDERS[provider]
    given = options.base_url or (os.environ.get(entry.url_env) if entry.url_env else None)
    url = check_url(given) if given else entry.url
    if provider == "ollama" and url and urlsplit(url).path.strip("/") == "":
        url = url.rstrip("/") + "/v1"
    if provider == "azure" and url is None:
        raise OptionError(
            "--model azure: needs the address of the resource. Set the environment variable AZURE_OPENAI_ENDPOINT, "
            "or give --base-url https://NAME.openai.azure.com/openai/v1."
        )
    return Route(entry, name, url, compatible=provider == "openai" and url != entry.url)


def check_url(url: str) -> str:
    """The address without a trailing slash; OptionError where it cannot be one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable:
        raise OptionError(f"--base-url {url!r}: is not an address. Write it like http://localhost:8000/v1.")
    trimmed = url.rstrip("/")
    if parts.path.rstrip("/").endswith("/chat/completions"):
        cure = trimmed.removesuffix("/chat/completions")
        raise OptionError(f"--base-url {url!r}: give the part before /chat/completions: {cure}")
    return trimmed


def check_options(options: LLMOptions) -> None:
    """OptionError for whatever would make `open_llm` fail: checked before a run folder is made, without a network."""
    check_numbers(options)
    provider, name = split_model(options.model)
    if provider == REPLAY:
        from text_to_ml.llm.recorded import read_replay

        read_replay(Path(name))
    else:
        check_route(route(options))
        if options.max_cost is not None and options.price is None:
            check_price(options)
    if options.record is not None:
        check_record(Path(options.record), None if provider != REPLAY else Path(name))


def check_route(where: Route) -> None:
    """OptionError where the provider's package or key is missing."""
    entry = where.provider
    if not installed(entry.package) or not installed("pydantic_ai"):
        package = f"'text-to-ml[{entry.extra}]'" if entry.extra else "--force-reinstall text-to-ml"
        raise OptionError(
            f"--model {entry.name}:{where.name}: the package {entry.package!r} is not installed. "
            f"Install it with: pip install {package}"
        )
    if entry.keys and where.key == NO_KEY and not (entry.keyless or where.compatible or where.local):
        others = f" (or {entry.keys[1]})" if len(entry.keys) > 1 else ""
        raise OptionError(
            f"--model {entry.name}:{where.name}: no key. Set the environment variable {entry.keys[0]}{others}, "
            f"for example: export {entry.keys[0]}=..."
        )
    if entry.name == "bedrock" and bedrock_region() is None:
        raise OptionError(
            f"--model bedrock:{where.name}: no region. Set the environment variable AWS_REGION, "
            "for example: export AWS_REGION=us-east-1"
        )


def bedrock_region() -> str | None:
    """The AWS region, from the environment or the user's AWS files."""
    import boto3  # type: ignore[import-not-found,import-untyped,unused-ignore]

    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return named or boto3.Session().region_name


def check_price(options: LLMOptions) -> None:
    """OptionError where --max-cost is given and the model's price is not known."""
    from text_to_ml.llm.prices import Prices

    if not Prices.of(options).known:
        raise OptionError(
            f"--max-cost {options.max_cost:g}: the price of {options.model!r} is not known, so spending in dollars "
            "cannot be limited. Give it with --price IN OUT (dollars per million input and output tokens), "
            "or limit tokens with --max-tokens."
        )


def check_numbers(options: LLMOptions) -> None:
    """OptionError for numbers out of range."""
    for flag, value in (("--max-cost", options.max_cost), ("--max-tokens", options.max_tokens)):
        if value is not None and not value > 0:
            raise OptionError(f"{flag} {value}: must be above 0; leave it out for no limit.")
    if options.price is not None and not (len(options.price) == 2 and min(options.price) >= 0):
        raise OptionError(f"--price {options.price}: give two numbers of at least 0, dollars per million in and out.")
    if not options.timeout > 0:
        raise OptionError(f"timeout {options.timeout}: must be above 0 seconds.")
    if options.concurrency < 1:
        raise OptionError(f"concurrency {options.concurrency}: must be at least 1.")
    if options.retries < 0:
        raise OptionError(f"retries {options.retries}: must be at least 0.")


def check_record(path: Path, replayed: Path | None) -> None:
    """OptionError where the file cannot be appended to."""
    if replayed is not None and path.resolve() == replayed.resolve():
        raise OptionError(f"--record {path}: is the file that is replayed. Give another file.")
    if path.is_dir():
        raise OptionError(f"--record {path}: is a folder. Give a file.")
    folder = path.parent if str(path.parent) else Path()
    target = path if path.exists() else folder
    if not folder.is_dir() or not os.access(target, os.W_OK):
        raise OptionError(f"--record {path}: cannot be written. Give a file in a folder that exists and is yours.")


def installed(package: str) -> bool:
    """Whether a module can be found, without importing it."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False
