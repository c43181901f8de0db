#!/usr/bin/python3
"""What a tick costs a collector that hears of many hypervisors, and whether a local check notices them.

    sflow_agents.py [--agents 1000] [--vms 50] [--conversations 10]      VMTRAFFIC_BUILD names a release build.

A vmtraffic-collect without libvirt hears made datagrams on loopback, as hsflowd and a switch on each hypervisor would send them. Then nobody
sends, and all CPU that it takes is its ticks': accounting, windows, encoding and publishing of each host's snapshot on a tmpfs. Bar: at most
10 us a VM and tick; a local check's time does not depend on the number of agents.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VMTRAFFIC_BUILD", ROOT / "build" / "release"))
sys.path.insert(0, str(ROOT / "tests/lab"))
from vmlab.hypervisor import Hypervisor  # noqa: E402

PORT, INTERVAL_S, TICKS = 16397, 2, 8
COLLECT, CHECK = BUILD / "plugins/standalone/vmtraffic-collect", BUILD / "plugins/nagios/check_vm_traffic"


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def make(agents: int, vms: int, conversations: int) -> list[Hypervisor]:
    made = []
    for a in range(agents):
        one = Hypervisor(f"hv-{a}", f"10.{a // 250}.{a % 250}.1", PORT)
        for v in range(vms):
            one.guest(f"vm-{a}-{v}", f"52:54:{a >> 8:02x}:{a & 255:02x}:{v >> 8:02x}:{v & 255:02x}", 100 + v)
        one.describe()
        made.append(one)
        time.sleep(0.001)
    time.sleep(2 * INTERVAL_S)  # a tick, from which on the VMs' ports are known
    for one in made:
        for name in one.guests:
            one.counters(name, 1000, 10, 1000, 10)
            one.send(0, [one.flow_sample(name, f"192.0.2.{c}") for c in range(1, conversations + 1)])
        time.sleep(0.002)
    return made


def median_check_ms(runtime: str, rounds: int = 100) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([CHECK, "--runtime-directory", runtime], stdout=subprocess.DEVNULL, check=False)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e3


def measure(agents: int, vms: int, conversations: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="vmtraffic-bench-", dir="/dev/shm") as directory:
        runtime = f"{directory}/run"
        config = Path(directory) / "vmtraffic.toml"
        config.write_text(f'interval = {INTERVAL_S}\nruntime_directory = "{runtime}"\n[libvirt]\nuris = []\n[sflow]\nport = {PORT}\nlisten = ["127.0.0.1"]\n')
        with subprocess.Popen([COLLECT, "--config", config], stderr=subprocess.DEVNULL) as collector:
            try:
                time.sleep(1)
                make(agents, vms, conversations)
                time.sleep(2 * INTERVAL_S)
                sequence, before, since = sequence_of(runtime), cpu_s(collector.pid), time.monotonic()
                time.sleep(TICKS * INTERVAL_S)
                after = sequence_of(runtime)
                spent = cpu_s(collector.pid) - before
                hosts = json.loads(shown(runtime, "--hosts", "--json"))
                health = next(p for p in json.loads(shown(runtime, "--json"))["health"] if p["name"] == "sflow")["counters"]
                return {"ticks": after - sequence, "cpu_s": spent, "wall_s": time.monotonic() - since, "rss_mib": rss_mib(collector.pid), "hosts": len(hosts["hosts"]),
                        "vms": sum(h["domains"] for h in hosts["hosts"]), "samples": health["flow_samples"], "refused": sum(n for name, n in health.items() if name.endswith("_refused")),
                        "check_ms": median_check_ms(runtime)}
            finally:
                collector.terminate()


def shown(runtime: str, *arguments: str) -> str:
    return subprocess.run([COLLECT, *arguments, "--runtime-directory", runtime], capture_output=True, text=True, check=True).stdout


def sequence_of(runtime: str) -> int:
    return json.loads(shown(runtime, "--json"))["sequence"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--agents", type=int, default=1000)
    options.add_argument("--vms", type=int, default=50)
    options.add_argument("--conversations", type=int, default=10)
    given = options.parse_args()
    few = measure(1, given.vms, given.conversations)
    many = measure(given.agents, given.vms, given.conversations)
    assert many["hosts"] == given.agents and many["vms"] == given.agents * given.vms, many
    assert many["samples"] == given.agents * given.vms * given.conversations and many["refused"] == 0, many
    per_vm = many["cpu_s"] / many["ticks"] / many["vms"] * 1e6
    print(f"{many['hosts']} hosts, {many['vms']} VMs, {many['samples']} samples; {many['ticks']} ticks, {many['rss_mib']:.0f} MiB resident")
    print(f"  a tick {many['cpu_s'] / many['ticks'] * 1e3:.1f} ms of CPU, {per_vm:.2f} us a VM (bar 10)")
    print(f"  check_vm_traffic {few['check_ms']:.2f} ms with 1 agent, {many['check_ms']:.2f} ms with {given.agents}: {many['check_ms'] / few['check_ms']:.2f} x")
    print(json.dumps({"benchmark": "sflow_agents", "us_per_vm": per_vm, "check_ratio": many["check_ms"] / few["check_ms"], "rss_mib": many["rss_mib"]}))


if __name__ == "__main__":
    main()
