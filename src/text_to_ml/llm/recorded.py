"""Record and replay: every reply as one JSON line in a file, and a file of such lines as a language model.

A replay finds a reply by the hash of the prompt, then by its place among the replies of the same purpose (prompts
differ between machines: package versions, paths), else it fails. Holds prompts and replies, no keys and no addresses.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from text_to_ml.errors import OptionError, ReplayMiss, StoreError
from text_to_ml.llm.base import LLM, Reply, Request, Usage


def prompt_key(request: Request) -> str:
    """The hash of what is asked: messages and schema, whoever is asked."""
    schema = None if request.schema is None else dict(request.schema)
    asked = [[[m.role, m.content] for m in request.messages], schema]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


class Recorded:
    """An LLM whose replies are appended to a file, each line whole and flushed."""

    def __init__(self, inner: LLM, path: Path) -> None:
        self.name = inner.name
        self._inner = inner
        self._path = path
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise OptionError(f"--record {path}: cannot be written ({error.strerror}). Give another file.") from error

    def complete(self, request: Request) -> Reply:
        """One completion, recorded before it is given on."""
        reply = self._inner.complete(request)
        key = prompt_key(request)
        with self._lock:
            line = {
                "purpose": request.purpose,
                "key": key,
                "n": self._seen[key],
                "messages": [asdict(message) for message in request.messages],
                "schema": None if request.schema is None else dict(request.schema),
                "reply": {
                    "text": reply.text,
                    "model": reply.model,
                    "usage": asdict(reply.usage),
                    "finish": reply.finish,
                },
            }
            self._seen[key] += 1
            try:
                self._file.write(json.dumps(line).encode() + b"\n")
                self._file.flush()
            except (OSError, ValueError) as error:
                raise StoreError(f"--record {self._path}: cannot be written ({error}). Free space there.") from error
        return reply

    def close(self) -> None:
        """Close the file and what is wrapped."""
        with self._lock:
            self._file.close()
        self._inner.close()


@dataclass
class Replies:
    """The replies of a file, by prompt and by purpose, each in the order of the file."""

    by_key: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))
    by_purpose: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))


def read_replay(path: Path) -> Replies:
    """Read a file of replies; OptionError where it cannot be used. A last line that was cut short is left out."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise OptionError(
            f"--model replay:{path}: cannot be read ({error.strerror}). Give a file that --record wrote."
        ) from error
    replies = Replies()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            reply = reply_of(entry["reply"])
            key, purpose = str(entry["key"]), str(entry["purpose"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):  # no line end: killed while writing
                break
            raise OptionError(
                f"--model replay:{path}: line {number} is no record of a reply ({type(error).__name__}: {error}). "
                "Give a file that --record wrote."
            ) from error
        replies.by_key[key].append(reply)
        replies.by_purpose[purpose].append(reply)
    if not replies.by_key:
        raise OptionError(f"--model replay:{path}: holds no replies. Give a file that --record wrote.")
    return replies


def reply_of(entry: dict[str, Any]) -> Reply:
    """A reply out of its record: it costs nothing now."""
    usage = entry.get("usage") or {}
    return Reply(
        text=str(entry["text"]),
        model=str(entry.get("model", "")),
        usage=Usage(usage.get("input_tokens"), usage.get("output_tokens")),
        cost_usd=0.0,
        finish=str(entry.get("finish", "stop")),
        cached=True,
    )


class Replayed:
    """A language model that gives the replies of a file."""

    def __init__(self, path: Path) -> None:
        self.name = f"replay:{path}"
        self._path = path
        self._replies = read_replay(path)
        self._keys: Counter[str] = Counter()
        self._purposes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Reply:
        """The recorded reply; ReplayMiss where there is none."""
        key = prompt_key(request)
        with self._lock:
            same, n = self._replies.by_key.get(key, []), self._keys[key]
            kin, place = self._replies.by_purpose.get(request.purpose, []), self._purposes[request.purpose]
            self._keys[key] += 1
            self._purposes[request.purpose] += 1
        if n < len(same):
            return same[n]
        if place < len(kin):
            return kin[place]
        raise ReplayMiss(
            f"{self._path}: holds no reply for {request.purpose!r} (asked {place + 1} times, {len(kin)} recorded). "
            "Record again with --record, using a real --model."
        )

    def close(self) -> None:
        """Nothing to give back."""
