"""The parts of the lab. `lab.py`, one directory up, is the way in; each module here says what it promises."""

import os
from pathlib import Path

LAB_DIR = Path("/run/vmlab")  # the sandbox makes it; it dies with the sandbox


class LabError(Exception):
    """Something in the lab did not do what it was asked. The message is one for a person, with the log's tail where there is one."""


def require_sandbox() -> None:
    """Raises LabError unless this process runs inside tests/lab/sandbox."""
    mine = " ".join(os.readlink(f"/proc/self/ns/{one}") for one in ("mnt", "net", "pid"))
    try:
        inside = (LAB_DIR / "namespaces").read_text() == mine
    except OSError:
        inside = False
    if not inside:
        raise LabError("This needs the sandbox, so that the host stays untouched: start it as `tests/lab/sandbox COMMAND...`.")
