#!/usr/bin/python3
"""Memory of our plugin in a collectd that collects 1,000 VMs, above an empty collectd.

    tests/lab/sandbox tests/bench/collectd_memory.py [--vms 1000]      Bar: at most 40 MiB. VMTRAFFIC_BUILD names a release build.

The VMs are of libvirt's test driver inside libvirtd, so that their own memory is not counted as ours; each has a real link.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from lab import Lab, run, wait_for  # noqa: E402
from line import COLLECT, PLUGIN, Line  # noqa: E402


def node(vms):
    domains = "".join(
        f"<domain type='test'><name>vm-{n:04}</name><uuid>{n:08x}-1111-4111-8111-111111111111</uuid><memory>8192</memory><os><type>hvm</type></os><metadata>"
        f"<nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'><nova:name>web-{n}</nova:name><nova:flavor name='m1.small'/>"
        f"<nova:owner><nova:user uuid='5f0c'>ann</nova:user><nova:project uuid='77aa'>shop</nova:project></nova:owner></nova:instance></metadata>"
        f"<devices><interface type='bridge'><mac address='52:54:00:00:{n >> 8:02x}:{n & 255:02x}'/><source bridge='br0'/><target dev='tap-vm{n}'/></interface>"
        f"</devices></domain>\n" for n in range(vms))
    return f"<node>{domains}</node>"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--vms", type=int, default=1000)
    given = options.parse_args()
    with Lab() as lab:
        lab.start_libvirt()
        file = lab.directory / "node.xml"
        file.write_text(node(given.vms))
        links = "".join(f"link add tap-vm{n} type veth peer name p{n}\n" for n in range(given.vms))
        subprocess.run(["ip", "-b", "-"], input=links, text=True, check=True)
        empty = lab.collectd("LoadPlugin uptime\n", name="empty", csv=False)
        time.sleep(5)
        floor = empty.resident_kib()
        empty.stop()
        line = Line(lab, interval_s=1, uris=(f"test+unix://{file}",))
        line.start_collectd(csv=False)

        def complete():
            done = run(line.programs / COLLECT.name, "--json", "--config", line.config, check=False)
            return done.returncode == 0 and len(json.loads(done.stdout)["vnics"]) == given.vms
        wait_for(complete, 60, "all VMs to be known")
        time.sleep(20)
        ours = line.collectd.resident_kib()
    above = (ours - floor) / 1024
    print(f"collectd with {given.vms} VMs {ours / 1024:.1f} MiB, empty {floor / 1024:.1f} MiB: {above:.1f} MiB above (bar 40)")
    print(json.dumps({"benchmark": "collectd_memory", "vms": given.vms, "above_mib": above}))


if __name__ == "__main__":
    main()
