"""Runs in the sandbox: start a program as `python program.py ARGUMENTS` does; its last line says that it came to its end."""

import json
import runpy
import sys

sys.argv = sys.argv[1:]
code = 0
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as stop:
    code = stop.code or 0
if code:
    raise RuntimeError(f"the program ended with exit code {code}")
print(json.dumps({"ended": True}))
