#!/usr/bin/python3
"""tools/demo, first half: packages and build; then it becomes the second half (demo_lab.py) in a world of its own.

VMTRAFFIC_BUILD names a build that is there already, which is then used as it is.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from demo_view import Steps

ROOT = Path(__file__).resolve().parents[1]
LOG = ROOT / "build" / "demo-build.log"
TARGETS = ("vmtraffic_collectd_module", "check_vm_traffic", "vmtraffic-agentx")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/demo",
        description="Boots two tiny virtual machines on Open vSwitch and shows their traffic as collectd, Nagios/NRPE and SNMP give it, with "
                    "libvirt's own figure beside. Everything lives in private namespaces: nothing of this machine changes but the packages "
                    "that are installed at first. Ctrl-C ends it.")
    parser.add_argument("--seconds", type=float, metavar="N", help="end after showing figures for N seconds")
    parser.add_argument("--interval", type=float, default=2.0, metavar="S", help="sample every S seconds (1 or more; default 2)")
    parser.add_argument("--host", action="store_true", help="watch the running VMs of this very host instead of two of its own")
    chosen = parser.parse_args()
    if chosen.interval < 1 or chosen.interval > 60:
        parser.error("--interval wants 1 to 60 seconds")
    if chosen.seconds is not None and chosen.seconds <= 0:
        parser.error("--seconds wants more than 0")
    return chosen


def fail(text: str) -> None:
    sys.exit(f"\ntools/demo: {text}")


def install(steps: Steps) -> None:
    steps.begin("Packages")
    setup = subprocess.Popen([ROOT / "tools/setup", "build", "lab"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    last = ""
    for line in setup.stdout:
        last = line.strip()
        if not last.startswith("Packages: "):  # its summary
            steps.progress(last, milestone=True)
    if setup.wait() != 0:
        fail("the packages could not be installed")
    steps.done(last.removeprefix("Packages: "))


def build(steps: Steps) -> None:
    """Shows ninja's "[3/65]" until the build has ended."""
    steps.begin("Building")
    LOG.parent.mkdir(exist_ok=True)
    process = subprocess.Popen([ROOT / "tools/build", "demo", *TARGETS], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    quarter, count = 0, "0"
    with open(LOG, "w") as log:
        for line in process.stdout:
            log.write(line)
            if found := re.match(r"\[(\d+)/(\d+)]", line):
                done, count = found.groups()
                steps.progress(f"{done} of {count}", milestone=4 * int(done) // int(count) > quarter)
                quarter = 4 * int(done) // int(count)
    if process.wait() != 0:
        print(f"\n{LOG.read_text()[-3000:]}")
        fail(f"the build failed; all it said stands in {LOG}")
    steps.done("vmtraffic.so, vmtraffic-agentx and check_vm_traffic")


def main() -> None:
    if sys.stdout is None:
        fail("standard output is closed: there is nowhere to show anything")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # "| head" ends this quietly
    chosen = options()
    if os.geteuid() != 0:
        fail("root is needed, to make namespaces and virtual machines")
    steps = Steps(time.monotonic())
    what = "this host's virtual machines" if chosen.host else "two virtual machines on Open vSwitch"
    print(f"\nvmtraffic: {what}, seen by collectd, Nagios and SNMP\n", flush=True)

    install(steps)
    built = os.environ.get("VMTRAFFIC_BUILD")
    if not built:
        build(steps)
    os.environ |= {"VMTRAFFIC_BUILD": built or str(ROOT / "build/demo"), "VMTRAFFIC_LAB_CACHE": str(ROOT / "build/lab-cache")}

    inside = ["/usr/bin/python3", str(ROOT / "tools/demo_lab.py"), "--began", str(steps.began), "--interval", str(chosen.interval)]
    if chosen.seconds is not None:
        inside += ["--seconds", str(chosen.seconds)]
    if chosen.host:
        inside += ["--host"]
    sandbox = [str(ROOT / "tests/lab/sandbox")] + (["--host"] if chosen.host else [])
    os.execv(sandbox[0], sandbox + inside)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
