"""Programs that run and are waited for. Every wait here has a limit, and one that fails says what was awaited and shows the log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from . import LAB_DIR, LabError

T = TypeVar("T")


def wait_for(predicate: Callable[[], T], timeout: float = 10.0, what: str = "a condition", log: Path | None = None,
             interval: float = 0.02) -> T:
    """Calls `predicate` until its result is true and returns that; LabError after `timeout` seconds, with the tail of `log`."""
    deadline = time.monotonic() + timeout
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise LabError(f"Waited {timeout:g} s in vain for {what}.{tail(log)}")
        time.sleep(interval)


def tail(log: Path | None, lines: int = 25) -> str:
    """The last lines of a log file as an appendix to a message; empty where there is nothing."""
    if log is None or not log.exists():
        return ""
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return f"\nThe end of {log}:\n" + "\n".join("  " + line for line in text) if text else f"\n{log} is empty."


def usual_signals() -> None:
    """For Popen's `preexec_fn`: a run in the background (nohup, a job without job control) ignores these, and what is started inherits that."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def run(*command: str | os.PathLike, timeout: float = 30.0, check: bool = True, stdin: str | None = None,
        env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end. LabError if it fails (unless check=False) or takes longer than `timeout`."""
    words = [os.fspath(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=timeout, env=env,
                              stdin=None if stdin is not None else subprocess.DEVNULL, input=stdin)
    except subprocess.TimeoutExpired:
        raise LabError(f"`{' '.join(words)}` had not ended after {timeout:g} s.") from None
    if check and done.returncode != 0:
        raise LabError(f"`{' '.join(words)}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done


class Process:
    """One program that was started in the background, its standard output and error going to `log`.

    `pid` is that of the program itself, so it must stay in the foreground. Use as a context manager, or call stop().
    """

    def __init__(self, name: str, command: Sequence[str | os.PathLike], *, log: Path | None = None, env: dict[str, str] | None = None,
                 user: str | None = None, cwd: Path | None = None):
        self.name = name
        self.log = log or LAB_DIR / "log" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.command = [os.fspath(word) for word in command]
        with open(self.log, "ab") as output:
            self._log_start = output.tell()
            self.popen = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, user=user,
                group=_primary_group(user), extra_groups=_groups(user),
                env={**os.environ, **env} if env else None)
        self.pid = self.popen.pid

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def running(self) -> bool:
        return self.popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit status, -N after signal N, None while it runs."""
        return self.popen.poll()

    def wait(self, timeout: float = 10.0) -> int:
        """Waits for the end and returns the exit status; LabError, and a kill, when it does not come."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LabError(f"{self.name} had not ended after {timeout:g} s.{tail(self.log)}") from None

    def stop(self, timeout: float = 10.0) -> float:
        """SIGTERM (and SIGCONT, should it be stopped); returns the seconds it took to end, LabError beyond `timeout`."""
        start = time.monotonic()
        if self.running():
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)
            self.wait(timeout)
        return time.monotonic() - start

    def kill(self) -> None:
        """SIGKILL, and reap. Harmless when it has ended."""
        if self.running():
            self.popen.kill()
            self.popen.wait(10)

    def hang(self) -> None:
        """SIGSTOP: the process holds its sockets and answers nothing. Returns once it is stopped."""
        self.signal(signal.SIGSTOP)
        wait_for(lambda: self._state() in ("T", "t"), 5, f"{self.name} to be stopped")

    def resume(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        if self.running():
            os.kill(self.pid, number)

    def wait_for(self, predicate: Callable[[], T], timeout: float = 10.0, what: str = "a condition") -> T:
        """Like the function of this name, but gives up at once when the program has ended."""
        def checked() -> T:
            result = predicate()
            if not result and not self.running():
                raise LabError(f"{self.name} ended with {self.exit_code} while {what} was awaited.{tail(self.log)}")
            return result
        return wait_for(checked, timeout, f"{what} ({self.name})", self.log)

    def wait_for_log(self, text: str, timeout: float = 10.0) -> None:
        self.wait_for(lambda: text in self.log_text(), timeout, f"{text!r} in the log")

    def log_text(self) -> str:
        """What it has written since this start; the file keeps earlier starts of the same name."""
        return self.log.read_bytes()[self._log_start:].decode(errors="replace")

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def resident_kib(self) -> int:
        return int(Path(f"/proc/{self.pid}/status").read_text().split("VmRSS:")[1].split()[0])

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _state(self) -> str:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]


def _primary_group(user: str | None) -> int | None:
    import pwd
    return pwd.getpwnam(user).pw_gid if user else None


def _groups(user: str | None) -> list[int] | None:
    return os.getgrouplist(user, _primary_group(user)) if user else None
