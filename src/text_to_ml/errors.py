"""The exceptions of Text-to-ML: faults of the user's input or of our own, never of generated code.

A failure of generated code is a record (`TestReport`, `ExecutionResult`), not an exception.

    TextToMLError                exit code 2: one message that names the value, the rule and the cure
    ├── InputError               something the user gave cannot be used
    │   ├── TaskError            the description: missing section, empty, contradictory
    │   │   └── AmbiguousTaskError   several readings; lists them and the line to add to the task
    │   ├── DataError            the files: missing, empty, unreadable, without target
    │   └── OptionError          a flag or argument
    │       └── UnknownMetricError   a metric that is named but not known; a language model may write it
    ├── StoreError               the run folder: not writable, other version, disk full
    ├── SandboxError             no isolation can be had on this machine
    └── LLMError                 a language model could not answer
        ├── LLMUnreachable       no connection, time-out, or the server's own errors, after all retries
        ├── LLMRejected          the request or the key is refused: trying again is no use
        ├── LLMQuotaExceeded     the account's quota is used up: trying again is no use
        ├── LLMReplyError        a reply that cannot be used: cut short, empty, not what was asked
        ├── SpendingLimit        --max-cost or --max-tokens is reached
        └── ReplayMiss           a replay file holds no reply for this request
"""

from __future__ import annotations

from difflib import get_close_matches


class TextToMLError(Exception):
    """Base of all errors that end in one message and exit code 2."""

    exit_code = 2


class InputError(TextToMLError):
    """Something the user gave cannot be used."""


class TaskError(InputError):
    """The task description cannot be used."""


class AmbiguousTaskError(TaskError):
    """The description has several readings; the message lists them and the line to add."""


class DataError(InputError):
    """A file of the task cannot be used."""


class OptionError(InputError):
    """A command-line flag or a function argument has a value that is not allowed."""


class UnknownMetricError(OptionError):
    """A metric is named that is not known; ``text`` is what the task says of it."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class StoreError(TextToMLError):
    """The run folder cannot be written or read."""


class SandboxError(TextToMLError):
    """Generated code cannot be run in isolation on this machine."""


class LLMError(TextToMLError):
    """A language model could not answer; the message names the model, the cause and the cure.

    transient    asking again may help; the retry layer reads it
    retry_after  seconds that the server asks to wait, where it says
    status       HTTP status of the server's answer, where there was one
    charged      (input, output) tokens that the failed call cost all the same, None where not said; None: it cost nothing
    """

    def __init__(
        self,
        message: str,
        *,
        transient: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
        charged: tuple[int | None, int | None] | None = None,
    ) -> None:
        super().__init__(message)
        self.transient = transient
        self.retry_after = retry_after
        self.status = status
        self.charged = charged


class LLMUnreachable(LLMError):  # noqa: N818
    """No connection, a time-out, or an error of the server's own, after all retries."""


class LLMRejected(LLMError):  # noqa: N818
    """The server refuses the request, the model's name or the key."""


class LLMQuotaExceeded(LLMError):  # noqa: N818
    """The account's quota is used up."""


class LLMReplyError(LLMError):
    """A reply that cannot be used: cut short, empty, or not what was asked for."""


class SpendingLimit(LLMError):  # noqa: N818
    """The limit of --max-cost or --max-tokens is reached; nothing more is sent."""


class ReplayMiss(LLMError):  # noqa: N818
    """A replay file holds no reply for this request."""


def did_you_mean(name: str, known: list[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest of ``known``, or an empty string."""
    folded = {k.casefold(): k for k in known}
    near = get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f" Did you mean {folded[near[0]]!r}?" if near else ""
