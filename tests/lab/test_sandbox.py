"""The sandbox leaves nothing behind, however it ends.

These tests run in a sandbox themselves: that one plays the host, which is quiet, has daemons of its own, and may be compared before and after.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab import LabError, Nic, run, usual_signals, virsh, wait_for

SANDBOX = Path(__file__).with_name("sandbox")
HERE = Path(__file__).parent
# A world with everything in it that could be left behind. It says "ready", then waits to be ended.
BUSY_WORLD = f"""
import sys, time
sys.path.insert(0, {str(HERE)!r})
from lab import Lab, Nic, net
from pathlib import Path
lab = Lab()
lab.start_libvirt()
net.bridge("br0")
net.veth("parent0", "parent1", "br0")
net.host("far", "10.0.0.9/24", "br0")
lab.start_ovs().bridge("ovs0")
lab.vm("a", [Nic("bridge", "br0"), Nic("ovs", "ovs0"), Nic("direct", "parent0")], tiny=True).start()
lab.container("c", [Nic("bridge", "br0", ip="10.0.0.3/24")]).start()
lab.snmpd()
lab.nrpe({{"id": "/usr/bin/id"}})
lab.collectd("")
for path in ("/etc/left", "/var/lib/left", "/var/log/left", "/var/spool/left", "/var/agentx/left", "/run/left"):
    Path(path).touch()
print("ready", flush=True)
if sys.argv[1:] == ["end"]:
    sys.exit(5)
time.sleep(120)
"""


def world() -> dict:
    """What can be seen of this host: processes, namespaces, links, mounts, control groups, and files where daemons keep state."""
    processes, namespaces = set(), set()
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            command = (directory / "cmdline").read_bytes()
            namespaces |= {os.readlink(one) for one in (directory / "ns").iterdir()}
        except OSError:  # ended meanwhile
            continue
        processes.add((int(directory.name), command))
    return {
        "processes": processes,
        "namespaces": namespaces,
        "links": {link["ifname"] for link in json.loads(run("ip", "-j", "link").stdout)},
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "groups": {group for group, _, _ in os.walk("/sys/fs/cgroup")},
        "tap nodes": set(Path("/dev").glob("tap*")),
        "files": {str(path) for top in ("/etc", "/run", "/var/lib/libvirt", "/var/lib/openvswitch", "/var/log", "/var/spool", "/var/agentx", "/var") for path in Path(top).glob("*")},
        "accounts": Path("/etc/passwd").read_text() + Path("/etc/group").read_text(),
        "domains": virsh("list", "--all", "--uuid").stdout,
    }


def quiet_world() -> dict:
    """The world once nothing changes in it by itself: daemons that were just started still ask what the machine can do."""
    looks = [world()]

    def quiet() -> bool:
        time.sleep(1)
        looks.append(world())
        return looks[-1] == looks[-2]
    wait_for(quiet, 30, "the host to be quiet", interval=0)
    return looks[-1]


@pytest.fixture(scope="module")
def host(libvirt):
    """A host with a VM of its own under a libvirtd of its own."""
    libvirt.net.bridge("host-br")
    vm = libvirt.vm("host-vm", [Nic("bridge", "host-br")], tiny=True).start()
    yield libvirt
    vm.remove()
    libvirt.net.delete("host-br")


def start_busy_world(*arguments: str) -> subprocess.Popen:
    process = subprocess.Popen([SANDBOX, "/usr/bin/python3", "-c", BUSY_WORLD, *arguments], stdout=subprocess.PIPE, text=True,
                               preexec_fn=usual_signals)
    assert process.stdout.readline() == "ready\n"
    return process


def assert_unchanged(before: dict) -> None:
    after: dict = {}

    def same() -> bool:
        after.update(world())
        return after == before
    try:
        wait_for(same, 10, "the host to be as before", interval=0.2)
    except LabError:
        assert after == before  # which shows the difference


def test_nothing_remains_after_the_command_ended(host):
    before = quiet_world()
    process = start_busy_world("end")
    assert process.wait(20) == 5
    assert_unchanged(before)


def test_nothing_remains_after_sigkill(host):
    before = quiet_world()
    process = start_busy_world()
    assert world()["processes"] > before["processes"]
    process.kill()
    process.wait(20)
    assert_unchanged(before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_remains_after_a_polite_signal(host, number):
    before = quiet_world()
    process = start_busy_world()
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert_unchanged(before)


@pytest.mark.parametrize("path", ["/var/agentx", "/var/spool", "/var/lib", "/run", "/var"])
def test_what_a_daemon_makes_is_not_on_the_host(lab, path):
    mine = Path(path, "of-the-host")
    mine.parent.mkdir(exist_ok=True)
    mine.touch()
    try:
        run(SANDBOX, "sh", "-c", f"mkdir -p {path} && touch {path}/of-the-sandbox && test -e {path}/of-the-sandbox")
        assert not Path(path, "of-the-sandbox").exists()
        assert path not in ("/var/agentx", "/run", "/var") or run(SANDBOX, "test", "-e", mine, check=False).returncode == 1
    finally:
        mine.unlink()


def test_a_directory_that_the_host_has_not_is_not_made_there(lab):
    while os.path.ismount("/var/agentx"):
        run("umount", "/var/agentx")
    try:
        Path("/var/agentx").rmdir()
        run(SANDBOX, "touch", "/var/agentx/master")
        assert not Path("/var/agentx").exists()
    finally:
        Path("/var/agentx").mkdir()


def test_wrong_options_are_named(lab):
    done = run(SANDBOX, "--foo", check=False)
    assert (done.returncode, done.stderr) == (125, "sandbox: there is no option --foo: say [--host] COMMAND [ARG...], or --help\n")


@pytest.mark.parametrize("command, status", [("exit 0", 0), ("exit 77", 77), ("kill -9 $$", 137), ("exec /nowhere/at/all", 127)])
def test_exit_status_is_the_commands(lab, command, status):
    assert run(SANDBOX, "sh", "-c", command, check=False).returncode == status


def test_two_at_a_time_do_not_meet(host):
    before = quiet_world()
    worlds = [start_busy_world() for _ in range(2)]
    for process in worlds:
        process.terminate()
        process.wait(20)
    assert_unchanged(before)


def test_private_accounts_and_directories_are_reachable_for_others(lab):
    script = ("import sys; sys.path.insert(0, %r); from lab import Lab; lab = Lab(); lab.user_group(); "
              "print(lab.publish('/bin/true'))" % str(HERE))
    command = f"/usr/bin/python3 -c \"{script}\" && id nagios && setpriv --reuid nagios --regid nagios --init-groups /run/vmlab/bin/true && stat -c %U:%G:%a /run/vmtraffic"
    output = run(SANDBOX, "sh", "-c", command).stdout
    assert "(vmtraffic)" in output and "vmtraffic:vmtraffic:750" in output
