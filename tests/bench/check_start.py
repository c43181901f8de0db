#!/usr/bin/python3
"""What a whole check_vm_traffic over a 1,000-VM snapshot costs, against check_dummy, as processes started by posix_spawn in turns.

    check_start.py [--vms 1000] [--rounds 300]         VMTRAFFIC_BUILD names a release build. Bar: at most 2 x check_dummy.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VMTRAFFIC_BUILD", ROOT / "build" / "release"))
DUMMY = "/usr/lib/nagios/plugins/check_dummy"


def once(command, devnull):
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, devnull, 1)])
    _, status = os.waitpid(pid, 0)
    return time.perf_counter() - started, os.waitstatus_to_exitcode(status)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--vms", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=300)
    given = options.parse_args()
    devnull = os.open("/dev/null", os.O_WRONLY)
    with tempfile.TemporaryDirectory(prefix="vmtraffic-bench-", dir="/dev/shm") as directory:
        subprocess.run([BUILD / "tests/bench/make_snapshot", "--domains", str(given.vms), "--vnics", "1", "--runtime-directory", directory], check=True,
                       stdout=subprocess.DEVNULL)
        commands = {"check_dummy": [DUMMY, "0"],
                    "check_vm_traffic, all VMs": [str(BUILD / "plugins/nagios/check_vm_traffic"), "--runtime-directory", directory]}
        times = {name: [] for name in commands}
        for _ in range(given.rounds):
            for name, command in commands.items():
                seconds, code = once(command, devnull)
                assert code == 0, f"{name} ended with {code}"
                times[name].append(seconds)
        size = os.path.getsize(f"{directory}/snapshot")
    medians = {name: statistics.median(values) * 1e3 for name, values in times.items()}
    print(f"{given.vms} VMs, snapshot of {size} octets, medians of {given.rounds} processes each in turns")
    for name, value in medians.items():
        print(f"  {name:28} {value:6.3f} ms")
    ratio = medians["check_vm_traffic, all VMs"] / medians["check_dummy"]
    print(f"  ratio {ratio:.2f} (bar 2)")
    print(json.dumps({"benchmark": "check_start", "vms": given.vms, "dummy_ms": medians["check_dummy"], "check_ms": medians["check_vm_traffic, all VMs"], "ratio": ratio}))


if __name__ == "__main__":
    main()
