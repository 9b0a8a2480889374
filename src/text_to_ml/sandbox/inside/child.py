"""The start of a job in its own process: confine, call the entry, write the end record, leave.

The end record carries a number that the module never sees: while the entry runs it lies on the interpreter's own stack,
in no variable, object or descriptor. Output, exit codes and what is written to other descriptors are never taken for a
result. Does not stop code that rewrites this file's functions, or the unit tests, in its own process: scores are
therefore computed on the host.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import linecache
import os
import random
import signal
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NoReturn

from text_to_ml.sandbox.inside import confine

NONCE = 32
MAX_LINES = 40
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
OUT, RESULT, SECRET = 1, 3, 4


def start(
    request: dict[str, Any],
    payload: bytes,
    descriptors: tuple[int, int, int],
    confinement: confine.Confinement,
    pools: Any = None,
) -> NoReturn:
    """Run a job in this process; ``descriptors``: where output goes, where the result goes, where the number waits."""
    try:
        os.setsid()
        confine.prctl(confine.PR_SET_PDEATHSIG, signal.SIGKILL)
        arrange(descriptors)
        write, leave, outcome = os.write, os._exit, outcome_of
        # evaluated from left to right: the number is read before generated code runs, and is held by no name
        write(RESULT, b"".join((os.read(SECRET, NONCE), outcome(request, payload, confinement, pools))))
        leave(0)
    finally:
        os._exit(1)


def arrange(descriptors: tuple[int, int, int]) -> None:
    """Standard streams on 0-2, result on 3, number on 4, everything else closed."""
    high = [os.dup(d) for d in (os.open(os.devnull, os.O_RDONLY), descriptors[0], *descriptors)]
    while min(high) <= SECRET:
        high = [os.dup(d) for d in high]
    for target, source in enumerate(high):
        os.dup2(source, target, inheritable=target < RESULT)
    os.closerange(SECRET + 1, max(high) + 1024)


def enter(request: dict[str, Any], confinement: confine.Confinement, pools: Any) -> None:
    """Folder, environment, signals, threads and random state; then confinement."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    scratch, threads = request["scratch"], request["threads"]
    os.chdir(scratch)
    temporary = os.path.join(scratch, ".tmp")
    with contextlib.suppress(FileExistsError):
        os.mkdir(temporary)
    os.environ["HOME"], os.environ["TMPDIR"] = scratch, temporary
    if "tempfile" in sys.modules:
        vars(sys.modules["tempfile"])["tempdir"] = None
    if threads != 1:
        os.environ.update(dict.fromkeys(THREADS, str(threads)))
        if pools is not None:
            pools.limit(limits=threads)
    reseed()
    faulthandler.enable(2)
    confine.apply(confinement, request["limits"], scratch, request["readable"])


def reseed() -> None:
    """The same random state for every run, whatever the warm process has drawn while it imported."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(0)


def outcome_of(request: dict[str, Any], payload: bytes, confinement: confine.Confinement, pools: Any) -> bytes:
    """Confine, call the entry; the end record after its number: kind (R returned, E raised), length, text."""
    dump, said, flush = json.dumps, describe, flush_streams
    try:
        enter(request, confinement, pools)
        kind, text = b"R", dump(resolve(request["entry"])(json.loads(payload))).encode()
    except BaseException as error:
        kind, text = b"E", said(error)
    flush()
    return kind + len(text).to_bytes(8, "big") + text


def flush_streams() -> None:
    """Write out what was printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def resolve(entry: str) -> Any:
    """The function that "package.module:function" names."""
    module, _, name = entry.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def describe(error: BaseException) -> bytes:
    """An exception as JSON: one line, the frames of generated code, whether memory was lacking."""
    try:
        line = "".join(traceback.format_exception_only(error)).strip().splitlines()
        said = f"{type(error).__name__}: {error}".strip(": ") if not isinstance(error, SyntaxError) else line[-1]
    except BaseException as second:
        said = f"{type(error).__name__} (its text cannot be made: {type(second).__name__})"
    if isinstance(error, SystemExit):
        said = f"SystemExit: the code called sys.exit({error.code!r})"
    try:
        frames = "\n".join(generated_frames(error))
    except BaseException:
        frames = ""
    record = {"error": said[:4000], "traceback": frames[-20000:], "memory": isinstance(error, MemoryError)}
    return json.dumps(record).encode("utf-8", "replace")


def generated_frames(error: BaseException) -> list[str]:
    """Lines of a traceback cut to generated code: files named "<...>" or below the working folder; the causes too."""
    parts: list[str] = []
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen and len(seen) < 4:
        seen.add(id(current))
        lines = list(frames_of(current.__traceback__))
        if isinstance(current, SyntaxError) and current.filename:
            lines += [line.rstrip() for line in traceback.format_exception_only(current)[:-1]]
        if lines:
            parts[:0] = [*lines, f"{type(current).__name__}: {current}"[:1000], ""]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    while parts and not parts[-1]:
        parts.pop()
    return parts[-MAX_LINES:]


def frames_of(trace: TracebackType | None) -> Iterator[str]:
    """File, line and source of each generated frame of a traceback."""
    here = os.getcwd() + os.sep
    previous, repeated = "", 0
    for frame, number in traceback.walk_tb(trace):
        name = frame.f_code.co_filename
        if not (name.startswith("<") and not name.startswith("<frozen ")) and not os.path.abspath(name).startswith(
            here
        ):
            continue
        source = linecache.getline(name, number).strip()
        text = f'  File "{name}", line {number}, in {frame.f_code.co_name}' + (f"\n    {source}" if source else "")
        repeated = repeated + 1 if text == previous else 0
        previous = text
        if repeated < 3:
            yield from text.splitlines()
