"""The exceptions of Text-to-ML: faults of the user's input or of our own, never of generated code.

A failure of generated code is a record (`TestReport`, `ExecutionResult`), not an exception.

    TextToMLError                exit code 2: one message that names the value, the rule and the cure
    ├── InputError               something the user gave cannot be used
    │   ├── TaskError            the description: missing section, empty, contradictory
    │   │   └── AmbiguousTaskError   several readings; lists them and the line to add to the task
    │   ├── DataError            the files: missing, empty, unreadable, without target
    │   └── OptionError          a flag or argument
    ├── StoreError               the run folder: not writable, other version, disk full
    └── SandboxError             no isolation can be had on this machine
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


class StoreError(TextToMLError):
    """The run folder cannot be written or read."""


class SandboxError(TextToMLError):
    """Generated code cannot be run in isolation on this machine."""


def did_you_mean(name: str, known: list[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest of ``known``, or an empty string."""
    folded = {k.casefold(): k for k in known}
    near = get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f" Did you mean {folded[near[0]]!r}?" if near else ""
