"""What travels with generated code: split, fit, predict, evaluate, the program's command line, and the sandbox's jobs.

Nothing here imports the host side. `workflow`, `split` and `command_line` (and a domain's runtime) are copied as text
into every program, so that what is verified, searched and shipped is one code; `job` runs only in the sandbox.
"""
