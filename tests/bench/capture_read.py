#!/usr/bin/python3
"""vmtraffic-collect --read of a recording, the whole process on one core, against a bare pcap_next_ex loop or ndpiReader over the same file in turns.

    capture_read.py real|flows|dpi [--rounds 15]         VMTRAFFIC_BUILD names a release build.

real    at least a million packets of real guests, cut at 128 octets (capture_recording.py makes them once); bar: 2.5 x the bare loop
flows   made packets of 200,000 connections at once, each packet of any of them; all are kept; bar: 6 x the bare loop
dpi     as real, with applications; bar: 1 x `ndpiReader -q`

Before anything is measured, the program must have counted as many packets as the bare loop. The figure is the CPU time, user and system.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VMTRAFFIC_BUILD", ROOT / "build" / "release"))
COLLECT, FLOOR, MAKE = BUILD / "plugins/standalone/vmtraffic-collect", BUILD / "tests/bench/pcap_floor", BUILD / "tests/bench/make_flows"
RECORDING = ROOT / "build/bench/guests.pcap"
BARS = {"real": 2.5, "flows": 6.0, "dpi": 1.0}
FLOWS, PACKETS = 200_000, 2_000_000
LEAST_PACKETS = 1_000_000


def recording(directory: str) -> Path:
    subprocess.run([ROOT / "tests/lab/sandbox", ROOT / "tests/bench/capture_recording.py", RECORDING], check=True)
    return Path(shutil.copy(RECORDING, directory))


def made(directory: str) -> Path:
    file = Path(directory) / "flows.pcap"
    subprocess.run([MAKE, file, str(FLOWS), str(PACKETS)], check=True)
    return file


def spent(command: list, null: int) -> tuple[float, float]:
    """CPU and wall seconds of a program's whole run; RuntimeError when it fails."""
    words = [str(word) for word in command]
    begun = time.perf_counter()
    pid = os.posix_spawnp(words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)])
    _, status, used = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - begun


def counters(command: list) -> dict[str, int]:
    """What --read itself counted."""
    said = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    return next(probe for probe in said["health"] if probe["name"] == "capture")["counters"]


def peers(kind: str, file: Path, packets: int) -> dict[str, list]:
    """Programs that do something like it, or less; not measured against."""
    softflowd = ["softflowd", "-r", file, "-d", "-c", "none", "-p", f"{file}.pid", "-m", str(4 * FLOWS)]
    ndpi = ["ndpiReader", "-q", "-i", file]
    return {"real": {"softflowd": softflowd, "ndpiReader -q": ndpi}, "flows": {"softflowd": softflowd}, "dpi": {"softflowd": softflowd}}[kind]


def measure(kind: str, rounds: int, directory: str) -> float:
    config = Path(directory) / "vmtraffic.toml"
    config.write_text(f"[capture]\nall = true\nflows = {1 << 18 if kind == 'flows' else 1 << 16}\n" + ("applications = true\n" if kind == "dpi" else ""))
    file = made(directory) if kind == "flows" else recording(directory)
    read = [COLLECT, "--read", file, "--config", config]
    packets = int(subprocess.run([FLOOR, file], capture_output=True, text=True, check=True).stdout.split()[0])
    counted = counters(read)
    assert counted["packets"] == packets >= LEAST_PACKETS and counted["packets_malformed"] == 0, f"{packets} packets, counted: {counted}"
    assert kind != "flows" or counted["flows"] == FLOWS, f"not all flows are kept: {counted}"
    print(f"{packets} packets, {file.stat().st_size / 1e6:.0f} MB, {counted['flows']} flows at the end; {counted['round_trips']} round trips; medians of {rounds}, least in brackets")
    floor = "ndpiReader -q" if kind == "dpi" else "pcap_next_ex loop"
    commands = {floor: ["ndpiReader", "-q", "-i", file] if kind == "dpi" else [FLOOR, file], "vmtraffic-collect --read": read}
    times: dict[str, list] = {name: [] for name in commands}
    null = os.open(os.devnull, os.O_RDWR)
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(spent(command, null))
    for name, command in peers(kind, file, packets).items():
        try:
            times[name] = [spent(command, null) for _ in range(3)]
        except (RuntimeError, FileNotFoundError) as error:
            print(f"  ({name}: {error})")
    least = {name: min(cpu for cpu, _ in values) for name, values in times.items()}
    medians = {name: statistics.median(cpu for cpu, _ in values) for name, values in times.items()}
    for name, values in times.items():
        wall = statistics.median(seconds for _, seconds in values)
        print(f"  {name:26} CPU {medians[name] * 1e3:7.1f} ms [{least[name] * 1e3:.1f}], {medians[name] / packets * 1e9:4.0f} ns a packet; "
              f"{medians[name] / medians[floor]:5.2f} x [{least[name] / least[floor]:.2f}]; wall {wall * 1e3:.0f} ms")
    ratio = medians["vmtraffic-collect --read"] / medians[floor]
    print(f"  ratio {ratio:.2f} (bar {BARS[kind]:g})")
    print(json.dumps({"benchmark": f"capture_{'read' if kind == 'real' else kind}", "packets": packets, "floor_ms": medians[floor] * 1e3,
                      "read_ms": medians["vmtraffic-collect --read"] * 1e3, "ratio": ratio}))
    return ratio


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("kind", choices=BARS)
    options.add_argument("--rounds", type=int, default=15)
    given = options.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="vmtraffic-bench-", dir="/dev/shm") as directory:
        return 0 if measure(given.kind, given.rounds, directory) <= BARS[given.kind] else 1


if __name__ == "__main__":
    sys.exit(main())
