"""Keys never show: what looks like one is struck out of every text that leaves this layer.

Covers the values of the known environment variables, passwords in addresses, and the usual shapes of keys. Does not
search prompts and replies: they are the user's own text.
"""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

HIDDEN = "[key]"
VARIABLES = (
    "TEXT_TO_ML_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY",
    "AZURE_OPENAI_API_KEY", "OPENROUTER_API_KEY", "OLLAMA_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID",
)  # fmt: skip
SHAPES = re.compile(
    r"""\b(?:sk|pk|rk|gsk|xai|hf|api)[-_][A-Za-z0-9_\-*.]{7,}[A-Za-z0-9_\-*]"""  # OpenAI, Anthropic, OpenRouter, ...
    r"""|\bAIza[A-Za-z0-9_\-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"""  # Google, AWS
    r"""|(?<=[Bb]earer )[^\s"',;]{8,}|(?<=[?&]key=)[^\s&"']+|(?<=[?&]api_key=)[^\s&"']+"""
    r"""|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"""  # user:password in an address
)


def redact(text: str, base_url: str | None = None) -> str:
    """``text`` with every key replaced by "[key]"."""
    secrets = [os.environ.get(name, "") for name in VARIABLES]
    if base_url:
        parts = urlsplit(base_url)
        secrets += [parts.password or "", parts.query.partition("=")[2]]
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 6:
            text = text.replace(secret, HIDDEN)
    return SHAPES.sub(HIDDEN, text)
