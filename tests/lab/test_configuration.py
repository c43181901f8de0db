"""Wrong configuration is named with its place and what would be right; programs refuse to start, collectd goes on without us."""

from pathlib import Path

import pytest

from lab import run
from line import AGENTX, CHECK_TRAFFIC, COLLECT, PLUGIN, Line

TOML = {
    "unknown key": ("intervall = 10\n", ":1: unknown key 'intervall'; known here are: interval, host"),
    "bad interval": ("\ninterval = 0\n", ":2: interval wants a number from 1 to 3600 (seconds), not 0"),
    "bad uri": ('[libvirt]\nuris = ["qemu"]\n', ":2: libvirt.uris wants a list of different libvirt URIs"),
    "not toml": ("interval = = 3\n", ":1: not valid TOML"),
}


@pytest.fixture(scope="module")
def line(lab):
    return Line(lab)


@pytest.mark.parametrize("name", TOML)
def test_a_wrong_toml_stops_every_program_and_only_our_plugin(lab, line, name):
    text, complaint = TOML[name]
    file = lab.directory / "wrong.toml"
    file.write_text(text)
    for program in (COLLECT, AGENTX):
        done = run(line.programs / program.name, "--config", file, check=False, timeout=10)
        assert done.returncode != 0, program
        assert f"{file}{complaint}" in done.stderr, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    collectd = lab.collectd(f'LoadPlugin vmtraffic\n<Plugin vmtraffic>\n  ConfigFile "{file}"\n</Plugin>\nLoadPlugin uptime\n', [PLUGIN],
                            name=f"collectd-{name.replace(' ', '-')}")
    collectd.wait_for_log(f"{file}{complaint}")
    collectd.wait_for_values("uptime", 2)
    assert not [n for n in collectd.values() if "vmtraffic" in n]
    assert collectd.stop() < 5


@pytest.mark.parametrize("block, complaint", [
    ("RefreshIntervall 10", "RefreshIntervall"),
    ('InterfaceFormat "colour"', "InterfaceFormat"),
    ('Domain "/[/"', "Domain"),
    ('HostnameFormat "metadata" "nonsense"', "HostnameFormat"),
])
def test_a_wrong_plugin_block_is_named_and_collectd_goes_on(lab, line, block, complaint):
    collectd = lab.collectd(f'LoadPlugin vmtraffic\n<Plugin vmtraffic>\n  ConfigFile "{line.config}"\n  {block}\n</Plugin>\nLoadPlugin uptime\n', [PLUGIN],
                            name="collectd-block")
    collectd.wait_for_log(complaint)
    collectd.wait_for_values("uptime", 1)
    assert collectd.running()
    assert collectd.stop() < 5


@pytest.mark.parametrize("options, complaint", [
    (("-w", "10:5"), "-w"),
    (("--regex", "["), "["),
    (("--uuid", "xyz"), "xyz"),
    (("--window", "7m"), "7m"),
    (("--nonsense",), "--nonsense"),
    (("--tag", "novalue"), "novalue"),
])
def test_a_checks_wrong_option_is_unknown_and_named(line, options, complaint):
    done = run(line.programs / CHECK_TRAFFIC.name, *options, check=False, timeout=10)
    assert done.returncode == 3
    assert complaint in done.stdout and done.stdout.startswith("VM_TRAFFIC UNKNOWN: "), done.stdout


def test_a_missing_daemon_is_said_with_what_to_start(lab, line):
    (line.runtime / "snapshot").unlink(missing_ok=True)
    done = run(line.programs / CHECK_TRAFFIC.name, check=False)
    assert (done.returncode, done.stdout) == (3, "VM_TRAFFIC UNKNOWN: there is no snapshot at /run/vmtraffic/snapshot: start collectd with the vmtraffic plugin, "
                                                 "vmtraffic-agentx or vmtraffic-collect\n")
    agentx = lab.process("agentx-alone", [line.programs / AGENTX.name, "--config", line.config, "--agentx-socket", "/run/vmlab/nowhere.sock", "--follow-only"])
    agentx.wait_for_log("/run/vmlab/nowhere.sock")
    assert agentx.running(), "it waits for the master"
    assert agentx.stop() < 5


def test_without_libvirts_library_its_probe_says_what_to_install_and_sflow_alone_needs_none(line, tmp_path):
    library = next(words[-1] for words in map(str.split, run("ldconfig", "-p").stdout.splitlines()) if words[0] == "libvirt.so.0")
    for name, uris, more, wanted in (("with", '["qemu:///system"]', "", True), ("without", "[]", "[sflow]\nport = 16998\n", False)):
        file = tmp_path / f"{name}.toml"
        file.write_text(f'interval = 1\nruntime_directory = "{tmp_path}/{name}"\n[libvirt]\nuris = {uris}\n{more}')
        # The mount is this one program's alone.
        done = run("unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$0" && exec "$@"', Path(library).resolve(), line.programs / COLLECT.name, "--once",
                   "--config", file, timeout=20)
        assert ("cannot load libvirt.so.0" in done.stdout and "libvirt0" in done.stdout) == wanted, done.stdout
        assert ("libvirt qemu:///system  down" in done.stdout) == wanted, done.stdout
