"""The start of a job in its own process: confine, call the entry, write the end record, leave.

The end record carries a number that waits unread in a pipe while the entry runs; output, exit codes and whatever is
written to other descriptors are never taken for a result. This does not stop code that goes looking for the pipe in its
own process: scores are therefore computed on the host.
"""

# ruff: noqa: PTH100, PTH103, PTH109, PTH118
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
    status = 1
    try:
        os.setsid()
        confine.prctl(confine.PR_SET_PDEATHSIG, signal.SIGKILL)
        arrange(descriptors)
        enter(request, confinement, pools)
        status = work(request, payload)
    except BaseException as error:
        with contextlib.suppress(BaseException):
            finish(b"E", describe(error))
    finally:
        os._exit(status)


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
    scratch = request["scratch"]
    os.chdir(scratch)
    temporary = os.path.join(scratch, ".tmp")
    os.makedirs(temporary, exist_ok=True)
    os.environ.update({"HOME": scratch, "TMPDIR": temporary, **dict.fromkeys(THREADS, str(request["threads"]))})
    if "tempfile" in sys.modules:
        vars(sys.modules["tempfile"])["tempdir"] = None
    if pools is not None and request["threads"] != 1:
        pools.limit(limits=request["threads"])
    reseed()
    faulthandler.enable(2)
    sys.path[:0] = request["paths"]
    confine.apply(confinement, request["limits"], scratch, [*request["readable"], *request["paths"]])


def reseed() -> None:
    """The same random state for every run, whatever the warm process has drawn while it imported."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


def work(request: dict[str, Any], payload: bytes) -> int:
    """Call the entry and write what came of it; the exit status of this process."""
    write, dump, leave = finish, json.dumps, os._exit
    try:
        value = resolve(request["entry"])(json.loads(payload))
        text = dump(value).encode()
    except BaseException as error:
        write(b"E", describe(error))
        leave(0)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    write(b"R", text)
    return 0


def resolve(entry: str) -> Any:
    """The function that "package.module:function" names."""
    module, _, name = entry.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def finish(kind: bytes, text: bytes, *, write: Any = os.write, read: Any = os.read) -> None:
    """Write the end record: number, kind (R returned, E raised), length, text."""
    record = memoryview(read(SECRET, NONCE) + kind + len(text).to_bytes(8, "big") + text)
    while record:
        record = record[write(RESULT, record) :]


def describe(error: BaseException) -> bytes:
    """An exception as JSON: one line, the frames of generated code, whether memory was lacking."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
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
