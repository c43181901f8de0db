#!/usr/bin/python3
"""tools/test [--only STAGE[,STAGE...]]: builds and runs the tests, stage by stage.

Each stage's output goes to build/test-logs/STAGE.log; what fails is shown. The last line is "N passed, M failed", with ", K skipped"
where there are such, and the exit status is 0 only when nothing failed and something passed.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "test-logs"
JOBS = os.cpu_count() or 1
SILENT_S = 20  # then a word on where to look
FUZZ_SECONDS = 60  # of all targets together
SHOWN_LINES = 30  # of one failure
SHOWN_WIDTH = 300
SHOWN_FAILURES = 15  # of one stage
PYTHON = "/usr/bin/python3"


@dataclass
class Tally:
    passed: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)  # name, why
    failures: list[tuple[str, str]] = field(default_factory=list)  # name, what it said

    def add(self, name: str, failure: str | None) -> None:
        if failure is None:
            self.passed += 1
        else:
            self.failures.append((name, failure))

    def line(self) -> str:
        return f"{self.passed} passed, {len(self.failures)} failed" + (f", {len(self.skipped)} skipped" if self.skipped else "")


class StageFailed(Exception):
    """The stage could not run its tests."""


class Log:
    """One stage's log file, and the programs whose output goes there."""

    def __init__(self, stage: str):
        self.path = LOGS / f"{stage}.log"
        self.path.write_bytes(b"")

    def run(self, *command: str | Path, limit_s: float, env: dict[str, str] | None = None) -> int:
        """Runs a program with its output appended; its exit status, or StageFailed when it takes longer than the limit."""
        words = [os.fspath(word) for word in command]
        with open(self.path, "ab") as output:
            output.write(f"$ {' '.join(words)}\n".encode())
            output.flush()
            process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                       env=os.environ | (env or {}), start_new_session=True)
        try:
            return process.wait(limit_s)
        except BaseException as error:
            end_group(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise StageFailed(f"`{' '.join(words)}` had not ended after {limit_s:g} s.\n{self.tail()}") from None
            raise

    def need(self, *command: str | Path, limit_s: float) -> None:
        """The same for what must succeed."""
        if self.run(*command, limit_s=limit_s) != 0:
            raise StageFailed(f"`{' '.join(map(os.fspath, command))}` failed.\n{self.tail(60)}")

    def tail(self, lines: int = SHOWN_LINES) -> str:
        return "\n".join(self.path.read_text(errors="replace").splitlines()[-lines:])


def end_group(process: subprocess.Popen) -> None:
    """Ends a program of ours and what it started: politely, then not."""
    for number, patience_s in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return


def junit(path: Path) -> Tally:
    """What a JUnit file of ctest or pytest says."""
    tally = Tally()
    for case in ET.parse(path).iter("testcase"):
        name = "::".join(filter(None, (case.get("classname"), case.get("name")))) if case.get("classname") != case.get("name") else case.get("name")
        bad = [one for one in case if one.tag in ("failure", "error")]
        if bad:
            said = [bad[0].text or "", case.findtext("system-out") or "", bad[0].get("message") or ""]
            tally.add(name, next((text for text in said if text.strip()), "no output"))
        elif case.find("skipped") is not None or case.get("status") == "disabled":
            why = case.find("skipped")
            tally.skipped.append((name, (why is not None and why.get("message")) or case.get("status") or "no reason given"))
        else:
            tally.add(name, None)
    return tally


def ctest(log: Log, preset: str, name: str, *options: str, limit_s: float) -> Tally:
    results = LOGS / f"{name}.xml"
    results.unlink(missing_ok=True)
    code = log.run("ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "--no-tests=error", "--timeout", "300", "-j", str(JOBS),
                   "--output-junit", results, *options, limit_s=limit_s)
    return judged(junit(results) if results.exists() else Tally(), code, log)


def pytest(log: Log, name: str, *arguments: str, limit_s: float) -> Tally:
    """A run of pytest in the sandbox, with the programs of build/dev."""
    results = LOGS / f"{name}.xml"
    results.unlink(missing_ok=True)
    cache = ROOT / "build" / "lab-cache"
    cache.mkdir(parents=True, exist_ok=True)
    code = log.run("tests/lab/sandbox", PYTHON, "-m", "pytest", "-v", "--tb=short", f"--junitxml={results}", *arguments, limit_s=limit_s,
                   env={"VMTRAFFIC_LAB_CACHE": str(cache), "VMTRAFFIC_BUILD": str(ROOT / "build" / "dev")})
    return judged(junit(results) if results.exists() else Tally(), code, log)


def judged(tally: Tally, code: int, log: Log) -> Tally:
    """A runner that failed without a failed test has failed too."""
    if code != 0 and not tally.failures:
        tally.failures.append((f"the runner ended with {code}", log.tail()))
    return tally


# --- the stages, in their order -------------------------------------------------------------------------------------

def unit(log: Log) -> Tally:
    log.need("tools/build", "dev", limit_s=1500)
    return ctest(log, "dev", "unit", limit_s=600)


def asan(log: Log) -> Tally:
    log.need("tools/build", "asan", limit_s=1500)
    return ctest(log, "asan", "asan", "-E", "^style[.]", limit_s=900)


def tidy(log: Log) -> Tally:
    """Each source of ours is a test."""
    log.need("tools/build", "dev", "vmtraffic_schema", limit_s=300)
    sources = sorted(str(path.relative_to(ROOT)) for room in ("core", "plugins") for path in (ROOT / room).rglob("*.cpp"))

    def check(source: str) -> tuple[str, str | None, str]:
        done = subprocess.run(["clang-tidy", "--quiet", "-p", "build/dev", source], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=600)
        said = done.stdout.strip()
        return source, (said or done.stderr.strip()) if done.returncode != 0 else None, said
    tally = Tally()
    with ThreadPoolExecutor(JOBS) as pool, open(log.path, "a") as file:
        for source, failure, said in pool.map(check, sources):
            file.write(f"{source}: {'good' if failure is None else 'faults'}\n{said}\n")
            tally.add(source, failure)
    return tally


def fuzz(log: Log) -> Tally:
    """Each target is a test: it replays its corpus, then looks for new inputs. What breaks it is left in build/asan/crashes."""
    targets = [ROOT / "build/asan/tests/fuzz" / source.stem for source in sorted((ROOT / "tests/fuzz").glob("*_fuzz.cpp"))]
    log.need("tools/build", "asan", *(target.name for target in targets), limit_s=1500)
    found = ROOT / "build/asan/crashes"
    found.mkdir(parents=True, exist_ok=True)
    seconds = max(1, FUZZ_SECONDS * JOBS // len(targets))

    def attack(target: Path) -> tuple[str, str | None]:
        fresh = ROOT / "build/asan/corpus" / target.name
        fresh.mkdir(parents=True, exist_ok=True)
        kept = ROOT / "tests/fuzz/corpus" / target.name
        dictionary = ROOT / "tests/fuzz" / f"{target.name.removesuffix('_fuzz')}.dict"
        corpora = [str(fresh)] + ([str(kept)] if kept.is_dir() else [])
        words = [f"-dict={dictionary}"] if dictionary.exists() else []
        done = subprocess.run([target, *words, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                               f"-artifact_prefix={found}/{target.name}-", *corpora],
                              cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=seconds + 120)
        with open(log.path, "a") as file:
            file.write(f"--- {target.name}, {seconds} s\n{done.stderr[-4000:]}\n")
        return target.name, None if done.returncode == 0 else done.stderr
    tally = Tally()
    with ThreadPoolExecutor(JOBS) as pool:
        for name, failure in pool.map(attack, targets):
            tally.add(name, failure)
    return tally


def packages(log: Log) -> Tally:
    """The packages, made of a release build, in a root of their own."""
    log.need("tools/package", limit_s=1500)
    return pytest(log, "packages", "tests/packaging", limit_s=900)


def lab(log: Log) -> Tally:
    log.need("tools/build", "dev", limit_s=1500)
    return pytest(log, "lab", "tests/lab", limit_s=2700)


STAGES: dict[str, tuple[Callable[[Log], Tally], str]] = {
    "unit": (unit, "unit tests, include rules, formatting (preset dev, warnings are errors)"),
    "asan": (asan, "unit tests and fuzz corpora under AddressSanitizer and UBSan"),
    "tidy": (tidy, "clang-tidy over core/ and plugins/"),
    "fuzz": (fuzz, f"each fuzz target, {FUZZ_SECONDS} s in all"),
    "packages": (packages, "the Debian packages: installed, run, purged"),
    "lab": (lab, "real VMs, switches, daemons; the demo"),
}


def show(tally: Tally) -> None:
    for name, why in tally.skipped:
        print(f"  skipped {name}: {' '.join(why.split())[:SHOWN_WIDTH]}")
    for name, said in tally.failures[:SHOWN_FAILURES]:
        print(f"\n  FAILED {name}")
        lines = said.rstrip().splitlines()
        if len(lines) > SHOWN_LINES:
            print(f"  | ... {len(lines) - SHOWN_LINES} lines before")
        for line in lines[-SHOWN_LINES:]:
            print(f"  | {line[:SHOWN_WIDTH]}")
    if len(tally.failures) > SHOWN_FAILURES:
        print(f"\n  ... and {len(tally.failures) - SHOWN_FAILURES} more")


def install() -> None:
    code = subprocess.run([ROOT / "tools/setup"], stdin=subprocess.DEVNULL).returncode
    if code != 0:
        sys.exit(code)


@contextlib.contextmanager
def hint(log: Log):
    """A stage says nothing until it has ended: after a while, where to see that it lives."""
    def say() -> None:
        with contextlib.suppress(OSError):
            print(f"      follow build/test-logs/{log.path.name}", flush=True)
    timer = threading.Timer(SILENT_S, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/test", description="Installs what is needed, builds, runs the tests, prints one summary.",
                                     epilog="stages: " + "; ".join(f"{name}: {what}" for name, (_, what) in STAGES.items()))
    parser.add_argument("--only", metavar="STAGE[,STAGE...]", help="run these alone")
    chosen = parser.parse_args().only
    names = chosen.split(",") if chosen else list(STAGES)
    if unknown := [name for name in names if name not in STAGES]:
        parser.error(f"there is no stage {', '.join(unknown)}: say {', '.join(STAGES)}")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended too
    LOGS.mkdir(parents=True, exist_ok=True)  # before anything is installed: it may be refused
    install()
    begin = time.monotonic()
    total, lines = Tally(), []
    for number, name in enumerate(names, start=1):
        run, what = STAGES[name]
        print(f"[{number}/{len(names)}] {name}: {what}", flush=True)
        start, log = time.monotonic(), Log(name)
        try:
            with hint(log):
                tally = run(log)
        except (StageFailed, subprocess.TimeoutExpired, OSError, ET.ParseError) as error:
            tally = Tally(failures=[(name, str(error))])
        show(tally)
        lines.append(f"{name:<10} {tally.line():<40} {time.monotonic() - start:6.0f} s   build/test-logs/{name}.log")
        print(f"      {tally.line()}, {time.monotonic() - start:.0f} s", flush=True)
        total.passed += tally.passed
        total.skipped += tally.skipped
        total.failures += tally.failures
    print("\n" + "\n".join(lines))
    print(f"{'in all':<10} {'':<40} {time.monotonic() - begin:6.0f} s")
    print(total.line())
    return 1 if total.failures or not total.passed else 0


def run_as_program() -> None:
    """main(), and one sentence for what a user may meet."""
    try:
        if sys.stdout is None:
            sys.exit("tools/test: standard output is closed: there is nowhere to say anything")
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader has gone: as SIGPIPE would have ended us, but what ran was ended first
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(128 + signal.SIGPIPE)
    except PermissionError as error:
        sys.exit(f"tools/test: {error.filename} cannot be written: run it as the owner of this directory, or as root")


if __name__ == "__main__":
    run_as_program()
