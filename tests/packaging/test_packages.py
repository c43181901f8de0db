"""The packages install into a Debian system, run from there with their sample configurations, and leave nothing when purged.

The root is this machine's, covered with overlays: /etc and /var by the sandbox, /usr here. The tests build on each other, in their order.
"""

import grp
import os
import pwd
import re
import stat
from pathlib import Path

import pytest

from lab import LAB_DIR, Lab, Nic, run, wait_for

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(Path(os.environ.get("VMTRAFFIC_PACKAGES", ROOT / "build" / "packages")).glob("vmtraffic-*.deb"))
NAMES = ["collect", "collectd", "common", "nagios", "snmp"]
VNIC_TABLE = "1.3.6.1.4.1.8072.9999.9999.6343.1.2.1"
GUEST, HOST = "10.9.0.2", "10.9.0.1"


def files() -> set[str]:
    """Every path where a package may leave something, but dpkg's own books and what daemons of the lab write."""
    found = set()
    for top in ("/etc", "/usr/bin", "/usr/lib/collectd", "/usr/lib/nagios", "/usr/lib/systemd", "/usr/lib/sysusers.d", "/usr/lib/tmpfiles.d",
                "/usr/share/doc", "/usr/share/snmp", "/var/lib", "/run"):
        for directory, directories, names in os.walk(top):
            directories[:] = [one for one in directories if f"{directory}/{one}" not in ("/var/lib/dpkg", "/var/lib/libvirt", "/var/lib/collectd",
                              "/var/lib/snmp", "/run/vmlab", "/run/libvirt", "/run/agentx", "/run/lock", "/run/systemd", "/etc/libvirt", "/var/lib/apt")]
            found.update(f"{directory}/{name}" for name in [*directories, *names])
    return {path for path in found if not path.endswith(("~", "/passwd-", "/group-", "/shadow-", "/gshadow-", ".pid"))}


def accounts() -> tuple[set[str], set[str]]:
    return {one.pw_name for one in pwd.getpwall()}, {f"{one.gr_name}:{','.join(one.gr_mem)}" for one in grp.getgrall()}


@pytest.fixture(scope="module")
def system():
    """A Debian with the packages' dependencies, and what it looked like before."""
    assert len(PACKAGES) == len(NAMES), "build them first: tools/package"
    for path in ("/etc/snmp", "/etc/vmtraffic", "/var/lib/vmtraffic"):  # the sandbox empties what a host may have there
        run("umount", path)
    for path in ("upper", "work"):
        (LAB_DIR / "overlay-usr" / path).mkdir(parents=True)
    run("mount", "-t", "overlay", "-o", f"lowerdir=/usr,upperdir={LAB_DIR}/overlay-usr/upper,workdir={LAB_DIR}/overlay-usr/work", "overlay", "/usr")
    for path in ("/etc/vmtraffic", "/var/lib/vmtraffic"):
        if Path(path).is_dir() and not any(Path(path).iterdir()):
            Path(path).rmdir()
    with Lab() as lab:
        lab.start_libvirt()
        before = files(), accounts()
        yield lab, before


@pytest.fixture(scope="module")
def lab(system):
    return system[0]


@pytest.fixture(scope="module")
def vm(lab):
    """One real VM on a bridge with the host."""
    lab.net.bridge("br-pack", f"{HOST}/24")
    vm = lab.vm("packed", [Nic("bridge", "br-pack", ip=f"{GUEST}/24")]).start().wait_up()
    vm.ping(HOST, count=5)
    return vm


@pytest.fixture(scope="module")
def collectd(lab, vm):
    """collectd's own program and module directory, with a main configuration as Debian's, which includes the sample."""
    directory = lab.tmp / "collectd"
    directory.mkdir()
    config = directory / "collectd.conf"
    config.write_text(f'Hostname "lab-host"\nBaseDir "{directory}"\nPIDFile "{directory}/pid"\nPluginDir "/usr/lib/collectd"\n'
                      f'TypesDB "/usr/share/collectd/types.db"\nInterval 10\n'
                      f'LoadPlugin logfile\n<Plugin logfile>\n  LogLevel info\n  File stdout\n</Plugin>\n'
                      f'LoadPlugin csv\n<Plugin csv>\n  DataDir "{directory}/csv"\n</Plugin>\n'
                      f'<Include "/etc/collectd/collectd.conf.d">\n  Filter "vmtraffic.conf"\n</Include>\n')
    with lab.process("collectd", ["/usr/sbin/collectd", "-f", "-C", config]) as process:
        process.csv = directory / "csv"
        yield process


def unit_value(unit: str, key: str) -> str | None:
    found = re.search(rf"^{key}=(.*)$", Path("/lib/systemd/system", unit).read_text(), re.MULTILINE)
    return found and found[1]


def unit_command(unit: str) -> list[str]:
    """What systemd would run, as the user and with the groups that the unit names."""
    groups = [unit_value(unit, "Group"), *(unit_value(unit, "SupplementaryGroups") or "").split()]
    assert (unit_value(unit, "User"), groups[0]) == ("vmtraffic", "vmtraffic")
    return ["setpriv", "--reuid", "vmtraffic", "--regid", "vmtraffic", "--groups", ",".join(groups), *unit_value(unit, "ExecStart").split()]


def readme_command(text: str) -> list[str]:
    return next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(text)).split()


def connects(user: str, path: Path, *groups: str) -> bool:
    """Whether a process of that user, with these groups or else its own, gets through to a socket."""
    wanted = ["--groups", ",".join(groups)] if groups else ["--init-groups"]
    done = run("setpriv", "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), *wanted, "/usr/bin/python3", "-c",
               "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])", path, check=False)
    assert done.returncode == 0 or "PermissionError" in done.stderr, done.stderr
    return done.returncode == 0


def as_user(name: str, *command: str):
    return run("setpriv", "--reuid", name, "--regid", str(pwd.getpwnam(name).pw_gid), "--init-groups", *command, check=False)


def test_they_install(system):
    said = run("dpkg", "-i", *PACKAGES, timeout=120).stdout
    assert sorted(re.findall(r"^vmtraffic-(\w+): restart (\w+)", said, re.MULTILINE)) == [("collectd", "collectd"), ("nagios", "NRPE"), ("snmp", "snmpd")]
    for name in NAMES:
        assert run("dpkg-query", "-W", "-f", "${db:Status-Status}", f"vmtraffic-{name}").stdout == "installed"
    user = pwd.getpwnam("vmtraffic")
    assert user.pw_shell == "/usr/sbin/nologin" and grp.getgrgid(user.pw_gid).gr_name == "vmtraffic"
    assert "nagios" in grp.getgrnam("vmtraffic").gr_mem
    assert grp.getgrnam("vmtraffic-agentx").gr_mem == []
    for directory in ("/run/vmtraffic", "/var/lib/vmtraffic"):
        info = os.stat(directory)
        assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (user.pw_uid, user.pw_gid, 0o750)


def test_a_second_installation_keeps_everything(system):
    Path("/var/lib/vmtraffic/kept").touch()
    with open("/etc/vmtraffic/vmtraffic.toml", "a") as file:
        file.write("# mine\n")
    run("dpkg", "-i", *PACKAGES, timeout=120)
    assert Path("/var/lib/vmtraffic/kept").exists() and "# mine" in Path("/etc/vmtraffic/vmtraffic.toml").read_text()


def test_every_library_is_depended_on(system):
    """What dpkg-shlibdeps found covers what each program needs."""
    for name, file in (("collectd", "/usr/lib/collectd/vmtraffic.so"), ("nagios", "/usr/lib/nagios/plugins/check_vm_traffic"),
                       ("snmp", "/usr/bin/vmtraffic-agentx"), ("collect", "/usr/bin/vmtraffic-collect")):
        depends = run("dpkg-query", "-W", "-f", "${Depends}", f"vmtraffic-{name}").stdout
        assert "libc6" in depends and "vmtraffic-common (= " in depends
        assert ("libvirt0" in depends) == (name != "nagios")
        assert ("libndpi4.2" in run("dpkg-query", "-W", "-f", "${Recommends}", f"vmtraffic-{name}").stdout) == (name != "nagios")
        assert "not found" not in run("ldd", file).stdout


def test_units_are_valid(system):
    for unit in ("vmtraffic-agentx.service", "vmtraffic-collect.service"):
        done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"/lib/systemd/system/{unit}", check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_units_do_not_start_again_with_a_wrong_configuration(system):
    """A typo ends the program with the status that the unit names: it would be the same five seconds later."""
    config = Path("/etc/vmtraffic/vmtraffic.toml")
    kept = config.read_text()
    config.write_text("intervall = 10\n")
    try:
        for unit in ("vmtraffic-agentx.service", "vmtraffic-collect.service"):
            for more in ([], ["--nonsense"]):
                done = run(*unit_command(unit), *more, check=False)
                assert (str(done.returncode), done.stdout) == (unit_value(unit, "RestartPreventExitStatus"), ""), done.stderr
                assert ("--nonsense" if more else "intervall") in done.stderr
    finally:
        config.write_text(kept)


def test_links_of_the_documents_lead_somewhere(tmp_path):
    """Read from the packages: a system may leave out /usr/share/doc."""
    for package in PACKAGES:
        run("dpkg-deb", "-x", package, tmp_path)
    documents = list(tmp_path.rglob("*.md"))
    links = [(document, target) for document in documents for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())]
    assert len(links) > 10
    assert [(str(document.relative_to(tmp_path)), target) for document, target in links if not (document.parent / target).exists()] == []


def test_commands_of_nagios_and_icinga_are_there(system):
    assert "check_vm_traffic" in Path("/etc/nagios-plugins/config/vmtraffic.cfg").read_text()
    assert "check_vm_traffic" in Path("/usr/share/doc/vmtraffic-nagios/examples/icinga2.conf").read_text()


def test_collectd_runs_with_the_sample(vm, collectd):
    values = collectd.wait_for(lambda: list(collectd.csv.glob(f"packed/vmtraffic/if_octets-{vm.nics[0].mac}-*")), 30, "the VM's octets in csv")
    counted = vm.domifstat()
    assert values[0].read_text().splitlines()[1].split(",")[1:] == [str(counted.rx_octets), str(counted.tx_octets)]


def test_checks_run_as_nagios_through_nrpe(lab, vm, collectd):
    with lab.nrpe({}, config="include=/etc/nagios/nrpe.d/vmtraffic.cfg") as nrpe:
        _, text = wait_for(lambda: (said := nrpe.check("check_vm_traffic"))[0] == 0 and said, 40, "a rate")
        assert text.startswith("VM_TRAFFIC OK") and "packed_rx_bits" in text
        assert nrpe.check("check_vm_collector")[0] == 0


def test_snmpd_of_debian_serves_the_subagent(lab, vm, collectd):
    """With Debian's own snmpd.conf, which includes our sample; both programs as the users that their units name."""
    socket = Path("/var/agentx/master")  # net-snmp's own choice, which Debian keeps
    daemon = ["/usr/sbin/snmpd", "-Le", "-u", "Debian-snmp", "-g", "Debian-snmp", "-I", "-smux,mteTrigger,mteTriggerConf", "-f", "-p", lab.tmp / "snmpd.pid"]

    def names() -> str:
        return run("snmpbulkwalk", "-v2c", "-c", "public", "-t", "1", "-r", "0", "-m", "", "127.0.0.1", f"{VNIC_TABLE}.3", check=False).stdout
    with (lab.process("snmpd", daemon, env={"SNMP_PERSISTENT_DIR": str(lab.tmp)}),
          lab.process("vmtraffic-agentx", unit_command("vmtraffic-agentx.service")) as subagent):
        subagent.wait_for(lambda: '"packed"' in names(), 20, "the VM's row")
        walked = run(*readme_command("snmpbulkwalk "))
        assert re.fullmatch(rf"\.{VNIC_TABLE}\.12\.\d+\.\d+ = Counter64: \d+\n", walked.stdout), walked.stdout
        # Whoever connects may answer for any part of the tree: none of those who only read.
        assert (socket.owner(), socket.group(), stat.S_IMODE(socket.stat().st_mode)) == ("Debian-snmp", "vmtraffic-agentx", 0o660)
        assert connects("vmtraffic", socket, unit_value("vmtraffic-agentx.service", "SupplementaryGroups"))
        assert not connects("nagios", socket)
        assert not connects("vmtraffic", socket)
        assert not connects("nobody", socket)
    assert Path("/var/lib/vmtraffic").owner() == "vmtraffic"


def test_mib_is_found_by_the_tools(system):
    standard = Path(__file__).resolve().parents[2].parent / "shared" / "mibs"  # where a workplace has them beside the project
    said = run("snmptranslate", "-M", f"/usr/share/snmp/mibs:{standard}", "-m", "VMTRAFFIC-MIB", "-On", "VMTRAFFIC-MIB::vtVnicTable", check=False)
    if "IF-MIB" in said.stderr:  # Debian carries none of the MIBs that ours imports
        pytest.skip("the IETF's MIBs are not installed")
    assert said.stdout.strip() == "." + VNIC_TABLE.rpartition(".")[0]


def test_collector_alone_takes_over_as_its_user(lab, vm, collectd):
    snapshot = Path("/run/vmtraffic/snapshot")
    with lab.process("vmtraffic-collect", unit_command("vmtraffic-collect.service")) as collector:
        collectd.stop()
        since = snapshot.stat().st_mtime_ns
        collector.wait_for(lambda: snapshot.stat().st_mtime_ns > since, 40, "a snapshot of its own")
        assert (snapshot.owner(), snapshot.group()) == ("vmtraffic", "vmtraffic")
        assert "packed" in as_user("nagios", "/usr/bin/vmtraffic-collect", "--print").stdout


def test_others_read_nothing(system):
    refused = as_user("nobody", "/usr/lib/nagios/plugins/check_vm_traffic")
    assert refused.returncode == 3
    assert refused.stdout == "VM_TRAFFIC UNKNOWN: no right to read /run/vmtraffic/snapshot: add this user to the group vmtraffic\n"


def test_purge_leaves_nothing(system):
    _, (files_before, accounts_before) = system
    run("dpkg", "--purge", *(f"vmtraffic-{name}" for name in NAMES), timeout=120)
    assert files() - files_before == set()
    assert accounts() == accounts_before
