#!/usr/bin/python3
"""CPU per interval in collectd plus libvirtd with 100 running VMs: our plugin against collectd's own virt, same interval, same VMs.

Run inside the lab's sandbox:  tests/lab/sandbox tests/bench/collectd_cpu.py [--vms 100] [--interval 10] [--seconds 120]
Bars: at most 1/5 of virt; at most 2 libvirt calls an interval between full refreshes. VMTRAFFIC_BUILD names a release build.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from lab import Lab, Nic, net, run  # noqa: E402
from line import COLLECT, PLUGIN, Line  # noqa: E402


def libvirt_counters(line):
    data = json.loads(run(line.programs / COLLECT.name, "--json", "--config", line.config).stdout)
    counters = next(p["counters"] for p in data["health"] if p["name"].startswith("libvirt "))
    return counters, data["sequence"]


def measure(lab, name, config, modules, interval, seconds, counters=None):
    collectd = lab.collectd(config, modules, interval_s=interval, name=name, csv=False)
    time.sleep(max(15, interval * 1.5))  # past the start: connections made, first listing done
    libvirtd = lab.libvirtd.process
    before = counters() if counters else None
    begin = (collectd.cpu_seconds(), libvirtd.cpu_seconds())
    time.sleep(seconds)
    ours, theirs = collectd.cpu_seconds() - begin[0], libvirtd.cpu_seconds() - begin[1]
    after = counters() if counters else None
    resident = collectd.resident_kib()
    collectd.stop()
    intervals = seconds / interval
    return {"collectd_ms": ours / intervals * 1e3, "libvirtd_ms": theirs / intervals * 1e3, "total_ms": (ours + theirs) / intervals * 1e3,
            "resident_kib": resident, "before": before, "after": after}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--vms", type=int, default=100)
    options.add_argument("--interval", type=float, default=10)
    options.add_argument("--seconds", type=float, default=120)
    given = options.parse_args()
    with Lab() as lab:
        lab.start_libvirt()
        net.bridge("cpu-br")
        vms = [lab.vm(f"cpu-{n:03}", [Nic("bridge", "cpu-br")], tiny=True) for n in range(given.vms)]
        started = time.monotonic()
        lab.start_all(vms)
        print(f"{given.vms} VMs started in {time.monotonic() - started:.0f} s; measuring {given.seconds:g} s each at an interval of {given.interval:g} s", flush=True)
        line = Line(lab, interval_s=given.interval)
        ours = measure(lab, "collectd-ours", f'LoadPlugin vmtraffic\n<Plugin vmtraffic>\n ConfigFile "{line.config}"\n</Plugin>\n', [PLUGIN],
                       given.interval, given.seconds, lambda: libvirt_counters(line))
        virt = measure(lab, "collectd-virt", 'LoadPlugin virt\n<Plugin virt>\n Connection "qemu:///system"\n HostnameFormat name\n</Plugin>\n', [],
                       given.interval, given.seconds)
        idle = measure(lab, "collectd-idle", "", [], given.interval, min(given.seconds, 30))
    (counters_before, sequence_before), (counters_after, sequence_after) = ours["before"], ours["after"]
    ticks = sequence_after - sequence_before
    calls = counters_after["libvirt_calls"] - counters_before["libvirt_calls"]
    refreshes = counters_after["libvirt_refreshes"] - counters_before["libvirt_refreshes"]
    read = counters_after["xml_read"] - counters_before["xml_read"]
    in_refreshes = refreshes * 4 + read  # three listings and the networks; the XML of each domain
    for name, row in (("vmtraffic", ours), ("virt", virt), ("neither", idle)):
        print(f"  {name:10} collectd {row['collectd_ms']:8.2f} ms  libvirtd {row['libvirtd_ms']:8.2f} ms  together {row['total_ms']:8.2f} ms an interval, "
              f"resident {row['resident_kib'] / 1024:.1f} MiB")
    ratio = ours["total_ms"] / virt["total_ms"] if virt["total_ms"] else float("nan")
    between = (calls - in_refreshes) / ticks
    print(f"  CPU ratio vmtraffic/virt {ratio:.3f} (bar 0.2)")
    print(f"  libvirt calls: {calls} in {ticks} intervals with {refreshes} full refreshes; {between:.2f} an interval between refreshes (bar 2); "
          f"XML read {read} times, parsed {counters_after['xml_parsed'] - counters_before['xml_parsed']}")
    print(json.dumps({"benchmark": "collectd_cpu", "vms": given.vms, "interval_s": given.interval, "ours_ms": ours["total_ms"], "virt_ms": virt["total_ms"],
                      "ratio": ratio, "calls_per_interval_between_refreshes": between, "calls_per_interval": calls / ticks}))


if __name__ == "__main__":
    main()
