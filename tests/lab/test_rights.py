"""Who may read: the checks through NRPE as user nagios in group vmtraffic; nobody else. And who may not write."""

import os
import stat
import subprocess

import pytest

from lab import Nic, net, run, wait_for
from line import CHECK_TRAFFIC, COLLECT, Line


@pytest.fixture(scope="module")
def vm(libvirt):
    net.bridge("ri-br", "10.19.0.254/24")
    vm = libvirt.vm("rights-1", [Nic("bridge", "ri-br")], tiny=True).start()
    yield vm
    vm.remove()
    net.delete("ri-br")


def as_user(user, *command):
    return subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *map(str, command)], capture_output=True, text=True, timeout=20)


def test_nagios_reads_and_another_user_does_not(libvirt, vm):
    line = Line(libvirt, interval_s=1)
    line.start_collectd()  # root writes; the group reads all the same
    line.start_nrpe()
    wait_for(lambda: line.nrpe.check("vm_traffic")[0] == 0, 15, "the check to work through NRPE")
    assert line.nrpe.check("vm_collector")[0] == 0
    wait_for(lambda: as_user("nagios", line.programs / CHECK_TRAFFIC.name).returncode == 0, 5, "the check as user nagios")
    done = as_user("games", line.programs / CHECK_TRAFFIC.name)
    assert done.returncode == 3
    assert done.stdout == "VM_TRAFFIC UNKNOWN: no right to read /run/vmtraffic/snapshot: add this user to the group vmtraffic\n"
    for program in ("cat", "ls"):
        assert as_user("games", program, "/run/vmtraffic/snapshot").returncode != 0
    info = os.stat("/run/vmtraffic/snapshot")
    assert stat.S_IMODE(info.st_mode) == 0o640
    assert stat.S_IMODE(os.stat("/run/vmtraffic/lease").st_mode) == 0o600
    assert as_user("nagios", "flock", "-n", "/run/vmtraffic/lease", "true").returncode != 0, "a reader cannot hold the lease back"
    line.stop()


def test_the_user_vmtraffic_takes_over_from_root_and_back(libvirt, vm):
    line = Line(libvirt, interval_s=1)
    line.start_collectd()
    wait_for(lambda: (line.runtime / "snapshot").exists(), 10, "root's snapshot")
    own = line.start_collector(user="vmtraffic")
    line.collectd.kill()
    wait_for(lambda: f"{own.pid}" in run(line.programs / COLLECT.name, "--json", "--config", line.config).stdout, 10, "the user vmtraffic to take over")
    line.start_collectd(name="collectd")
    own.kill()
    wait_for(lambda: '"program": "collectd"' in run(line.programs / COLLECT.name, "--json", "--config", line.config).stdout.replace('":"', '": "'), 10,
             "root to take over again")
    line.stop()


def test_a_runtime_directory_that_others_may_write_is_refused(libvirt, vm):
    line = Line(libvirt, interval_s=1, extra='runtime_directory = "/run/vmlab/open"')
    os.makedirs("/run/vmlab/open", exist_ok=True)
    os.chmod("/run/vmlab/open", 0o777)
    done = run(line.programs / COLLECT.name, "--config", line.config, check=False, timeout=10)
    assert done.returncode != 0
    assert "/run/vmlab/open may be written by others (mode 0777): chmod go-w /run/vmlab/open" in done.stderr
    done = run(line.programs / CHECK_TRAFFIC.name, "--runtime-directory", "/run/vmlab/open", check=False)
    assert done.returncode == 3
    assert "may be written by others" in done.stdout
    collectd = line.start_collectd(name="collectd-open")
    collectd.wait_for_log("may be written by others")
    assert collectd.running(), "collectd goes on without us"
    line.stop()
