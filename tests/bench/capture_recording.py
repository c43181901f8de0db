#!/usr/bin/python3
"""A recording of real guests for the benchmarks of the capture: tests/lab/sandbox tests/bench/capture_recording.py FILE [--packets 1050000]

A VM fetches files of 4 MiB, 64 KiB and 1 KiB over HTTP from another one, and its tap is recorded, 128 octets of each packet. The guests' offloading
is off, so that no frame is longer than 1514 octets. Software-emulated guests need about five minutes for a million packets, so a recording is
made once and kept: where FILE is there already, nothing is done.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from flows import Capture  # noqa: E402
from lab import Lab, Nic  # noqa: E402

FILES = {"large": (4096, 4), "middle": (64, 20), "small": (1, 40)}  # KiB, and how often in a round
MOST_ROUNDS = 500


def fetch(address: str, file: str, times: int) -> str:
    return f"i=0; while [ $i -lt {times} ]; do wget -q -O /dev/null http://{address}/{file} || exit 1; i=$((i+1)); done"


def record(target: Path, packets: int) -> None:
    with Lab() as lab:
        lab.start_libvirt()
        lab.net.bridge("br-bench")
        client, server = lab.start_all(lab.vm(f"bench-{n}", [Nic("bridge", "br-bench", ip=f"10.44.0.{n}/24", offload=False)]) for n in (1, 2))
        client.wait_up(), server.wait_up()
        for file, (kib, _) in FILES.items():
            server.run(f"dd if=/dev/urandom of=/www/{file} bs=1024 count={kib} 2>/dev/null")
        capture = Capture(lab, client.device(), snap=128)
        begun, seen = time.monotonic(), 0
        for round_ in range(MOST_ROUNDS):
            counted = client.kernel_counters()
            seen = counted.rx_packets + counted.tx_packets
            if seen > packets + 1000:  # what passed before the capture began
                break
            if round_ % 10 == 0:
                print(f"  {seen} of {packets} packets after {time.monotonic() - begun:.0f} s", flush=True)
            for file, (_, times) in FILES.items():
                client.run(fetch("10.44.0.2", file, times), timeout=120)
        capture.stop()
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".new")
        shutil.copyfile(capture.file, unfinished)
        unfinished.rename(target)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("file", type=Path)
    options.add_argument("--packets", type=int, default=1_050_000)
    given = options.parse_args()
    if given.file.exists():
        return
    print(f"Recording {given.packets} packets of real guests into {given.file}, once...", flush=True)
    record(given.file, given.packets)


if __name__ == "__main__":
    main()
