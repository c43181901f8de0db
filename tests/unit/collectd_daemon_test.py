#!/usr/bin/env python3
"""The module in a real collectd: private directories, a synthetic snapshot, no libvirtd.

usage: collectd_daemon_test.py MODULE PUBLISHER [unittest's own arguments]
Exits with 77 (skipped) where collectd is not installed.
"""

import csv
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

COLLECTD = shutil.which("collectd", path=os.environ.get("PATH", "") + ":/usr/sbin")
SYSTEM_MODULES = pathlib.Path("/usr/lib/collectd")
MODULE = PUBLISHER = None
UUID = "d0000000-0000-0000-0000-00000000000%d"


def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class World:
    """One private collectd, and what it needs, in a directory of its own."""

    def __init__(self, case):
        self.case = case
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="vmtraffic-collectd-"))
        case.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.runtime = self.root / "run"
        self.log = self.root / "log"
        self.data = self.root / "csv"
        modules = self.root / "modules"
        modules.mkdir()
        for name in ("csv", "logfile", "unixsock", "write_log", "virt"):
            if (SYSTEM_MODULES / f"{name}.so").exists():
                shutil.copy(SYSTEM_MODULES / f"{name}.so", modules)
        shutil.copy(MODULE, modules / "vmtraffic.so")  # PluginDir takes no symbolic links
        self.toml = self.root / "vmtraffic.toml"
        self.toml.write_text(
            f'interval = 1\nruntime_directory = "{self.runtime}"\nstate_directory = "{self.root}/state"\n'
            f'[libvirt]\nuris = ["qemu+unix:///system?socket={self.root}/no-libvirtd"]\n')
        self.daemon = self.publisher = None

    def publish(self, seconds=1.0, *more):
        self.publisher = subprocess.Popen([PUBLISHER, str(self.runtime), str(seconds), *more], stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, text=True)
        self.case.addCleanup(self.end_publisher)
        until(lambda: (self.runtime / "snapshot").exists(), 5, "the first snapshot")

    def end_publisher(self):
        """Ends it and gives what it published: {sequence: wall time in ns}."""
        if self.publisher is None:
            return {}
        self.publisher.send_signal(signal.SIGCONT)
        out, _ = self.publisher.communicate(timeout=5)
        self.publisher = None
        return {int(line.split()[0]): int(line.split()[1]) for line in out.splitlines()}

    def start(self, block, load="LoadPlugin vmtraffic", extra=""):
        configuration = self.root / "collectd.conf"
        configuration.write_text(f"""
Hostname "node1"
FQDNLookup false
BaseDir "{self.root}"
PIDFile "{self.root}/pid"
PluginDir "{self.root}/modules"
TypesDB "/usr/share/collectd/types.db"
Interval 3
LoadPlugin logfile
<Plugin logfile>
  LogLevel info
  File "{self.log}"
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "{self.data}"
</Plugin>
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "{self.root}/unixsock"
</Plugin>
{load}
{extra}
<Plugin vmtraffic>
  ConfigFile "{self.toml}"
{block}
</Plugin>
""")
        self.daemon = subprocess.Popen([COLLECTD, "-f", "-C", str(configuration)], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.case.addCleanup(self.kill)

    def stop(self, status=0):
        """Seconds that collectd took to stop. Its status is 1 when a plugin's init had failed."""
        began = time.monotonic()
        self.daemon.terminate()
        self.case.assertEqual(self.daemon.wait(timeout=20), status, self.text())
        self.daemon = None
        return time.monotonic() - began

    def kill(self):
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()

    def alive(self):
        return self.daemon.poll() is None

    def text(self):
        return self.log.read_text(errors="backslashreplace") if self.log.exists() else ""

    def lines(self, start="vmtraffic plugin: "):
        """What was logged behind `start`."""
        return [line.split(start, 1)[1] for line in self.text().splitlines() if start in line]

    def files(self):
        """{identifier: rows} of csv, a day's suffix cut off."""
        out = {}
        for path in sorted(self.data.rglob("*")):
            if path.is_file():
                identifier = re.sub(r"-\d{4}-\d\d-\d\d$", "", str(path.relative_to(self.data)))
                with open(path, newline="") as file:
                    out.setdefault(identifier, []).extend(list(csv.reader(file))[1:])
        return out


class Values(unittest.TestCase):
    def test_csv_holds_each_snapshot_once_with_its_time_and_values(self):
        world = World(self)
        world.publish(1.0)
        world.start("")
        until(lambda: len(world.files().get("web/vmtraffic/if_octets-52:54:00:00:00:01", [])) >= 6, 15, "six rows of web")
        stopped_in = world.stop()
        published = world.end_publisher()
        print(f"\ncollectd stopped in {stopped_in * 1000:.0f} ms", file=sys.stderr)
        self.assertLess(stopped_in, 5)

        files = world.files()
        hosts = {name.split("/")[0] for name in files}
        long = {host for host in hosts if host.startswith("xxx")}  # two names of 301 octets
        self.assertEqual([len(host) for host in long], [127, 127])
        self.assertEqual(hosts - long, {"web", "a\\x2f..\\x2fb \\x1b[31m\\x0a'\"=|;\\\\\\xff", "\\x2e."})
        mac = "52:54:00:00:00:0%d"
        self.assertEqual({name for name in files if name.startswith("web/")},
                         {f"web/vmtraffic/{type_}-{mac % 1}{suffix}" for type_ in self.COUNTERS for suffix in ("", "-1")})
        places = {self.place(published, name, rows) for name, rows in files.items()}
        self.assertEqual(places, {1, 2, 3, 4, 5, 6})
        self.assertEqual(len(files), 4 * 6)
        self.assertNotIn("too old", world.text())

    COUNTERS = ("if_octets", "if_packets", "if_errors", "if_dropped")

    def place(self, published, name, rows):
        """Whose totals these are, having checked that no snapshot is missing or there twice and that every value is right."""
        sequences = [self.sequence_of(published, row[0]) for row in rows]
        self.assertEqual(sequences, list(range(sequences[0], sequences[0] + len(rows))), name)
        place = int(rows[0][1]) // (1000 * sequences[0])
        metric = self.COUNTERS.index(name.split("/")[2].split("-")[0])
        self.assertEqual([[int(value) for value in row[1:]] for row in rows],
                         [[1000 * s * place + metric, 1000 * s * place + metric + 4] for s in sequences], name)
        return place

    def sequence_of(self, published, time_s):
        return min(published, key=lambda s: abs(published[s] / 1e9 - float(time_s)))

    def test_packet_samples_latencies_and_another_host(self):
        world = World(self)
        world.publish(1.0, "flows")
        world.start('Domain "web"\nInterfaceDevice "web:vnet1"\nFlowAddresses true')
        mac = "52:54:00:00:00:01"
        until(lambda: len(world.files().get(f"web/vmtraffic/if_octets-{mac}:sampled", [])) >= 4
              and len(world.files().get(f"web/vmtraffic-hv-2/if_octets-{mac}", [])) >= 4, 15, "four rows each")
        world.stop()
        published = world.end_publisher()
        files = world.files()
        peer = "vm:a\\x2f..\\x2fb \\x1b[31m\\x0a'\"=|;\\\\\\xff:52:54:00:00:00:02"
        estimates = {f"web/vmtraffic/{type_}-{mac}:{what}" for type_ in ("if_octets", "if_packets")
                     for what in ("sampled", "protocol:tcp", "service:tcp:443", "address:192.0.2.9", "network:back\\x2fup", peer)}
        constant = {"gauge-%s:coverage_rx": 1.25, "gauge-%s:coverage_tx": 0.5, "gauge-%s:error_rx": 0, "gauge-%s:error_tx": 0,
                    "latency-%s:rtt": 0.0015, "latency-%s:rtt_variance": 0.0005, "latency-%s:rtt_min": 0.001,
                    "percent-%s:tcp_lossy": 25, "percent-%s:tcp_retransmitting": 0,
                    "ping-%s:network": 1.25, "ping-%s:network-p95": 2.5, "latency-%s:dns": 0.25, "latency-%s:dns-p95": 0.25,
                    "ping_droprate-%s:guest": 0, "ping_droprate-%s:network": 0.25}
        per_snapshot = {"derive-%s:samples_rx": 10, "derive-%s:samples_tx": 10, "if_tx_dropped-%s:drop:no\\x2froute": 1}
        exact = {f"web/vmtraffic{host}/{type_}-{mac}" for host in ("", "-hv-2") for type_ in self.COUNTERS}
        self.assertEqual(set(files), estimates | exact | {f"web/vmtraffic/{name % mac}" for name in (*constant, *per_snapshot)})
        self.assertEqual({self.place(published, name, files[name]) for name in exact}, {1})
        for name in estimates:
            rx, tx = (100_000, 200_000) if "octets" in name else (1000, 1000)
            for time_s, *values in files[name]:
                sequence = self.sequence_of(published, time_s)
                self.assertEqual([int(value) for value in values], [sequence * rx, sequence * tx], name)
        for name, value in constant.items():
            self.assertEqual({float(row[1]) for row in files[f"web/vmtraffic/{name % mac}"]}, {value}, name)
        for name, step in per_snapshot.items():
            self.assertEqual([int(row[1]) for row in files[f"web/vmtraffic/{name % mac}"]],
                             [step * self.sequence_of(published, row[0]) for row in files[f"web/vmtraffic/{name % mac}"]], name)
        self.assertNotIn("too old", world.text())
        self.assertEqual(world.lines("no values: "), [])

    def test_names_and_plugin_of_virt(self):
        world = World(self)
        world.publish(1.0)
        world.start('PluginName "virt"\nHostnameFormat hostname\nPluginInstanceFormat name uuid\nInterfaceFormat name\n'
                    'Domain "web"\nInterfaceDevice "web:vnet2"\nExtraStats domain_state')
        name = f"node1/virt-web:{UUID % 1}"
        until(lambda: world.files().get(f"{name}/domain_state"), 10, "the first row")
        world.stop()
        self.assertEqual(sorted(world.files()), sorted(f"{name}/{what}" for what in
                                                       ("if_octets-vnet2", "if_packets-vnet2", "if_errors-vnet2", "if_dropped-vnet2",
                                                        "domain_state")))
        self.assertEqual(world.files()[f"{name}/domain_state"][0][1:], ["1.000000", "1.000000"])

    def test_metadata_reaches_the_writers(self):
        world = World(self)
        world.publish(1.0)
        world.start('Domain "web"', extra='LoadPlugin write_log\n<Plugin write_log>\n  Format JSON\n</Plugin>')
        lines = until(lambda: [line for line in world.text().splitlines() if "if_octets" in line and "meta" in line], 10, "JSON")
        self.assertIn('"meta":{"domain":"web","uuid":"%s","connection":"qemu:///system","nova.instance":"shop",' % (UUID % 1), lines[0].replace("\\/", "/"))
        self.assertIn(r'"nova.project":"a \"b\"\\x0a\\\\c\\xff"', lines[0])
        world.stop()

    def test_nothing_while_stale_and_why(self):
        world = World(self)
        world.publish(1.0)
        world.start("")
        until(lambda: world.files(), 10, "the first row")
        world.publisher.send_signal(signal.SIGSTOP)
        reason = until(lambda: world.lines("no values: "), 15, "a reason")[0]
        self.assertRegex(reason, rf"^the snapshot in {world.runtime} is \d s old; its lease is held by pid {world.publisher.pid} "
                                 r"\(collectd_publis\), which is stopped$")
        rows = sum(map(len, world.files().values()))
        time.sleep(2)
        self.assertEqual(sum(map(len, world.files().values())), rows)
        self.assertEqual(len(world.lines("no values: ")), 1)
        world.publisher.send_signal(signal.SIGCONT)
        until(lambda: world.lines("values again, "), 10, "values again")
        until(lambda: sum(map(len, world.files().values())) > rows, 10, "more rows")
        self.assertNotIn("too old", world.text())
        self.assertLess(world.stop(), 5)


class Notifications(unittest.TestCase):
    PATTERN = re.compile(r"Notification: severity = OKAY, host = web, plugin = vmtraffic, type = domain_state, "
                         r"message = Domain state: the domain is running\. Reason: normal startup from boot")

    def test_every_event_after_the_first_look_once(self):
        world = World(self)
        world.publish(1.0)
        time.sleep(2.5)
        world.start("")
        until(lambda: len(self.PATTERN.findall(world.text())) >= 4, 15, "four notifications")
        world.stop()
        rows = len(world.files()["web/vmtraffic/if_octets-52:54:00:00:00:01"])
        # One event a snapshot; those of the first one seen were before our time.
        self.assertIn(len(self.PATTERN.findall(world.text())), (rows - 1, rows))


class Faults(unittest.TestCase):
    def refused(self, block, load="LoadPlugin vmtraffic", extra=""):
        """What is logged about a block that must stop us and nobody else."""
        world = World(self)
        world.start(block, load, extra)
        until(lambda: world.lines("not started; "), 10, "a refusal")
        until(lambda: (world.root / "unixsock").exists(), 10, "collectd goes on")
        time.sleep(1)
        self.assertTrue(world.alive())
        self.assertEqual(world.files(), {})
        lines = [line for line in world.lines() if not line.startswith("not started")]
        self.assertLess(world.stop(status=1), 5)
        return [line.replace(str(world.root), "ROOT") for line in lines]

    def test_options(self):
        self.assertEqual(self.refused('HostnameFormt "name"\nInterfaceFormat "mac"\nDomain "/(/"\nRefreshInterval 60'), [
            '<Plugin vmtraffic>: HostnameFormt "name": unknown option; HostnameFormat is meant?',
            '<Plugin vmtraffic>: InterfaceFormat "mac": takes one of name, address, number',
            '<Plugin vmtraffic>: Domain "/(/": takes a POSIX extended regular expression between the slashes: Unmatched ( or \\(',
            "<Plugin vmtraffic>: RefreshInterval 60: without effect: libvirt's events keep the inventory fresh; the full refresh behind them is "
            "refresh_interval under [libvirt] in vmtraffic.toml"])

    def test_connection(self):
        self.assertEqual(self.refused('Connection "xen:///"'), [
            '<Plugin vmtraffic>: Connection "xen:///": ROOT/vmtraffic.toml does not collect from it, only from '
            '"qemu+unix:///system?socket=ROOT/no-libvirtd": add it to uris under [libvirt] there, or take this line out'])

    def test_configuration_file(self):
        self.assertEqual(self.refused('ConfigFile "/nonexistent/vmtraffic.toml"'),
                         ["cannot read the configuration /nonexistent/vmtraffic.toml: No such file or directory"])

    def test_plugin_name_virt_beside_virt(self):
        virt = '<Plugin virt>\nConnection "test:///default"\n</Plugin>'
        for load in ("LoadPlugin virt\nLoadPlugin vmtraffic", "LoadPlugin vmtraffic\nLoadPlugin virt"):
            with self.subTest(load):
                world = World(self)
                world.start('PluginName "virt"', load, virt)
                until(lambda: world.lines("not started; "), 10, "a refusal")
                self.assertIn("<Plugin vmtraffic>: PluginName \"virt\": collectd's own virt plugin is loaded and writes the same names: take out its "
                              "LoadPlugin, or give another PluginName", world.lines())
                until(lambda: any("/virt/" in name for name in world.files()), 10, "values of virt itself")
                self.assertLess(world.stop(status=1), 5)

    def test_runtime_directory_that_others_may_write(self):
        world = World(self)
        world.runtime.mkdir()
        world.runtime.chmod(0o777)
        world.start("")
        until(lambda: world.lines("not started; "), 10, "a refusal")
        self.assertIn(str(world.runtime), world.lines()[0])
        self.assertTrue(world.alive())
        world.stop(status=1)


class BesideVirt(unittest.TestCase):
    def test_both_load_orders(self):
        virt = '<Plugin virt>\nConnection "test:///default"\n</Plugin>'
        for load in ("LoadPlugin virt\nLoadPlugin vmtraffic", "LoadPlugin vmtraffic\nLoadPlugin virt"):
            with self.subTest(load):
                world = World(self)
                world.publish(1.0)
                world.start("", load, virt)
                until(lambda: any("/virt/" in name for name in world.files()), 15, "values of virt")
                until(lambda: "web/vmtraffic/if_octets-52:54:00:00:00:01" in world.files(), 15, "values of vmtraffic")
                self.assertLess(world.stop(), 5)
                world.end_publisher()


class Collecting(unittest.TestCase):
    def test_without_libvirtd_it_publishes_and_stops_in_time(self):
        world = World(self)
        world.start("")
        until(lambda: (world.runtime / "snapshot").exists(), 10, "a snapshot of our own collector")
        first = (world.runtime / "snapshot").stat().st_ino
        until(lambda: (world.runtime / "snapshot").stat().st_ino != first, 10, "the next one")
        stopped_in = world.stop()
        print(f"\ncollectd, collecting, stopped in {stopped_in * 1000:.0f} ms", file=sys.stderr)
        self.assertLess(stopped_in, 5)

    def test_a_libvirtd_that_hangs_does_not_hold_back_the_stop(self):
        world = World(self)
        with socket.socket(socket.AF_UNIX) as silent:  # takes connections and never says a word
            silent.bind(str(world.root / "no-libvirtd"))
            silent.listen()
            world.start("")
            until(lambda: (world.runtime / "snapshot").exists(), 10, "a snapshot of our own collector")
            time.sleep(2)
            stopped_in = world.stop()
        print(f"\ncollectd, libvirtd hung, stopped in {stopped_in * 1000:.0f} ms", file=sys.stderr)
        self.assertLess(stopped_in, 5)


if __name__ == "__main__":
    if COLLECTD is None:
        print("collectd is not installed", file=sys.stderr)
        sys.exit(77)
    MODULE, PUBLISHER = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
