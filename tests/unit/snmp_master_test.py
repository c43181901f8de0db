#!/usr/bin/python3
"""vmtraffic-agentx behind a real snmpd of its own: order and ends of tables through AgentX, restarts and hangs of the master, bad snapshots.

snmp_master_test.py AGENT MAKE_SNAPSHOT. Ends with 77 (skipped) where snmpd or the snmp tools are missing. All is below one temporary
directory and on a free port of 127.0.0.1; only processes that this test started are ended.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

AGENT, MAKE_SNAPSHOT = sys.argv[1:3] if len(sys.argv) > 2 else ("", "")
VM_MIB = ".1.3.6.1.2.1.236"
TRAFFIC = ".1.3.6.1.4.1.8072.9999.9999.6343"
STATE, NAME, OCTETS = TRAFFIC + ".1.1.1.0", TRAFFIC + ".1.2.1.3", TRAFFIC + ".1.2.1.12"
SYSTEM_STATE = "/var/lib/snmp/cert_indexes"  # what net-snmp makes unless told otherwise
FRESH, STALE, ABSENT = "INTEGER: 1", "INTEGER: 2", "INTEGER: 3"


def wait_for(predicate, what: str, timeout: float = 20.0):
    deadline = time.monotonic() + timeout
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def oid_key(oid: str) -> tuple[int, ...]:
    return tuple(int(part) for part in oid.strip(".").split("."))


class MasterTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.home = Path(tempfile.mkdtemp(prefix="vmtraffic-snmp-"))
        self.addCleanup(shutil.rmtree, self.home)
        for name in ("run", "state", "persist"):
            (self.home / name).mkdir(mode=0o750)
        self.port = free_port()
        self.system_state = os.path.exists(SYSTEM_STATE)
        (self.home / "snmpd.conf").write_text(
            "rocommunity public 127.0.0.1\nrwcommunity private 127.0.0.1\nmaster agentx\n"
            f"agentXSocket {self.home}/master\nsysDescr private master of a test\n")
        self.environment = os.environ | {"MIBS": "", "MIBDIRS": "", "SNMP_PERSISTENT_DIR": str(self.home / "persist"),
                                         "SNMPCONFPATH": str(self.home)}
        self.master = self.agent = None

    def start(self, name: str, *command: str) -> subprocess.Popen:
        environment = dict(self.environment)
        if command[0] == AGENT:
            del environment["SNMP_PERSISTENT_DIR"]  # it must keep from net-snmp's directory by itself
        with open(self.home / f"{name}.log", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

        def end():
            if process.poll() is None:
                process.kill()
                process.wait(10)
        self.addCleanup(end)
        return process

    def start_master(self):
        self.master = self.start("snmpd", "snmpd", "-f", "-Lo", "-C", "-c", str(self.home / "snmpd.conf"),
                                 "-p", str(self.home / "snmpd.pid"), f"127.0.0.1:{self.port}")
        wait_for(lambda: (self.home / "master").exists(), "the master's socket")

    def start_agent(self, *more: str):
        self.agent = self.start("agent", AGENT, "--follow-only", "--runtime-directory", str(self.home / "run"),
                                "--state-directory", str(self.home / "state"), "--agentx-socket", str(self.home / "master"), *more)

    def stop_agent(self) -> float:
        started = time.monotonic()
        self.agent.send_signal(signal.SIGTERM)
        self.assertEqual(self.agent.wait(10), 0, self.log())
        return time.monotonic() - started

    def log(self) -> str:
        return (self.home / "agent.log").read_text()

    def publish(self, *options: str):
        subprocess.run([MAKE_SNAPSHOT, "--runtime-directory", str(self.home / "run"), *options], check=True)

    def snmp(self, tool: str, *words: str) -> list[tuple[str, str]]:
        """(OID, "TYPE: value") of each variable; nothing when the master does not answer."""
        done = subprocess.run([tool, "-v2c", "-c", "public", "-r0", "-t5", "-On", "-Oe", "-OU", "-Ot", f"127.0.0.1:{self.port}", *words],
                              capture_output=True, text=True, env=self.environment)
        return [tuple(line.split(" = ", 1)) for line in done.stdout.splitlines() if " = " in line]

    def value(self, oid: str) -> str:
        answer = self.snmp("snmpget", oid)
        return answer[0][1] if answer else ""

    def serve(self, *options: str):
        """Master and agent run and serve a snapshot."""
        self.start_master()
        self.publish(*(options or ("--domains", "3", "--vnics", "2", "--interval", "3600")))
        self.start_agent()
        wait_for(lambda: self.value(STATE) == FRESH, "the agent's rows")

    # ---- order

    def test_walk_is_in_order_and_agrees_with_get(self):
        self.serve()
        for root in (VM_MIB, TRAFFIC):
            walked = self.snmp("snmpwalk", root)
            self.assertGreater(len(walked), 50)
            self.assertEqual(walked, sorted(walked, key=lambda one: oid_key(one[0])))
            steady = [one for one in walked if not re.match(r"\d+$", one[1])]  # without Timeticks, which go on between two requests
            self.assertGreater(len(steady), 50)
            for start in range(0, len(steady), 25):
                some = steady[start:start + 25]
                self.assertEqual(self.snmp("snmpget", *(oid for oid, _ in some)), some)
            bulk = self.snmp("snmpbulkwalk", "-Cr7", root)
            self.assertEqual([oid for oid, _ in bulk], [oid for oid, _ in walked])

    def test_ends_of_columns_tables_and_subtrees(self):
        self.serve()

        def next_of(oid):
            return self.snmp("snmpgetnext", oid)[0][0]

        self.assertEqual(next_of(NAME + ".3.2"), TRAFFIC + ".1.2.1.4.1.1")           # last row: next column
        self.assertEqual(next_of(TRAFFIC + ".1.2.1.43.3.2"), TRAFFIC + ".1.3.1.2.1")  # last column: next table
        self.assertEqual(next_of(VM_MIB + ".1.4.1.17.3"), VM_MIB + ".1.8.1.2.1.1")
        self.assertEqual(next_of(VM_MIB), VM_MIB + ".1.1.1.0")
        self.assertEqual(next_of(".1.3.6.1.2.1.235"), VM_MIB + ".1.1.1.0")           # into the subtree from before it
        last = self.snmp("snmpwalk", VM_MIB)[-1][0]
        self.assertGreater(oid_key(next_of(last)), oid_key(VM_MIB + ".99"))          # out of it, to the master's next object
        last = self.snmp("snmpwalk", TRAFFIC)[-1][0]
        self.assertGreater(oid_key(next_of(last)), oid_key(TRAFFIC + ".99"))
        self.assertEqual(self.value(OCTETS + ".3.3"), "No Such Instance currently exists at this OID")
        self.assertEqual(self.value(TRAFFIC + ".1.2.1.99.1.1"), "No Such Object available on this agent at this OID")

    def test_several_columns_in_one_request(self):
        self.serve()
        columns = [f"{TRAFFIC}.1.2.1.{number}" for number in range(12, 20)]
        rows = self.snmp("snmpbulkget", "-Cr6", *columns)
        expected = [(f"{column}.{vm}.{vnic}", f"Counter64: {1_000_000 * (2 * (vm - 1) + vnic) + metric}")
                    for vm in (1, 2, 3) for vnic in (1, 2) for metric, column in enumerate(columns)]
        self.assertEqual(rows, expected)

    def test_latencies_and_losses(self):
        self.serve("--domains", "2", "--vnics", "2", "--interval", "3600", "--capture")
        vnics = [(vm, vnic, 2 * (vm - 1) + vnic) for vm in (1, 2) for vnic in (1, 2)]  # with its place
        columns = {".1.15.1.13": [(f".{kind}", "Gauge32: {place}") for kind in range(1, 8)],
                   ".1.16.1.12": [(".6.443", "Gauge32: {place}")],
                   ".1.17.1.3": [(".2.1", 'Hex-STRING: C0 00 02 01 ')],
                   ".1.18.1.17": [("", "Counter64: {place}000")]}
        for column, cells in columns.items():
            expected = [(f"{TRAFFIC}{column}.{vm}.{vnic}{more}", value.format(place=place)) for vm, vnic, place in vnics for more, value in cells]
            for tool in ("snmpwalk", "snmpbulkwalk"):
                self.assertEqual(self.snmp(tool, TRAFFIC + column), expected)
            self.assertEqual(self.snmp("snmpget", *(oid for oid, _ in expected)), expected)
        walked = [oid_key(oid) for oid, _ in self.snmp("snmpwalk", TRAFFIC)]
        self.assertEqual(walked, sorted(walked))
        tables = {key[len(oid_key(TRAFFIC)) + 1] for key in walked}
        self.assertEqual(tables & {14, 15, 16, 17, 18}, {14, 15, 16, 17, 18})

    def test_absent_values_are_absent_instances(self):
        self.serve("--domains", "2", "--down", "--interval", "3600")
        self.assertEqual(self.value(OCTETS + ".1.1"), "No Such Instance currently exists at this OID")
        self.assertEqual(self.snmp("snmpgetnext", OCTETS)[0][0], TRAFFIC + ".1.2.1.20.1.1")  # past eight empty columns
        self.assertEqual(self.value(NAME + ".2.1"), 'STRING: "vm-2"')

    def test_nothing_can_be_written(self):
        self.serve()
        for oid, kind, value in ((NAME + ".1.1", "s", "mine"), (STATE, "i", "2"), (OCTETS + ".9.9", "i", "0"), (TRAFFIC + ".7", "i", "1")):
            done = subprocess.run(["snmpset", "-v2c", "-c", "private", "-r0", "-t5", f"127.0.0.1:{self.port}", oid, kind, value],
                                  capture_output=True, text=True, env=self.environment)
            self.assertIn("notWritable", done.stderr)
        self.assertEqual(self.value(NAME + ".1.1"), 'STRING: "vm-1"')

    # ---- life

    def test_master_comes_late_and_again(self):
        self.publish("--interval", "3600")
        self.start_agent()
        wait_for(lambda: "no master agent answers" in self.log(), "the log's line")
        self.start_master()
        wait_for(lambda: self.value(STATE) == FRESH, "rows after a late start")
        for ending in (signal.SIGTERM, signal.SIGKILL):
            self.master.send_signal(ending)
            self.master.wait(10)
            self.start_master()
            wait_for(lambda: self.value(STATE) == FRESH, f"rows after the master's {ending.name}")
        self.assertLess(self.stop_agent(), 2)
        self.assertEqual(os.path.exists(SYSTEM_STATE), self.system_state, "net-snmp left something behind")

    def test_a_second_agent_takes_over(self):
        self.serve()
        first = self.agent
        second = self.start("second", AGENT, "--follow-only", "--runtime-directory", str(self.home / "run"),
                            "--state-directory", str(self.home / "state"), "--agentx-socket", str(self.home / "master"))
        wait_for(lambda: "the master agent refuses VMTRAFFIC-MIB: another subagent serves it" in (self.home / "second.log").read_text(), "the refusal")
        self.assertEqual(self.value(STATE), FRESH)
        first.send_signal(signal.SIGTERM)
        first.wait(10)
        wait_for(lambda: self.value(STATE) == FRESH, "rows of the second")
        self.assertEqual(self.value(NAME + ".1.1"), 'STRING: "vm-1"')
        self.assertIn("the master agent takes VMTRAFFIC-MIB now", (self.home / "second.log").read_text())
        second.send_signal(signal.SIGTERM)
        self.assertEqual(second.wait(10), 0)

    def test_levels_are_for_the_journal_alone(self):
        log = self.home / "agent.log"
        log.touch()
        info = log.stat()
        for stream, line in (("1:1", "vmtraffic-agentx: warning: no master agent answers"),  # inherited: standard error is our file
                             (f"{info.st_dev}:{info.st_ino}", "<4>no master agent answers")):
            log.write_text("")
            self.environment["JOURNAL_STREAM"] = stream
            self.start_agent()
            wait_for(lambda: "no master agent answers" in self.log(), "the log's line")
            self.assertTrue(self.log().startswith(line), self.log())
            self.stop_agent()

    def test_ends_while_the_master_hangs(self):
        self.serve()
        self.master.send_signal(signal.SIGSTOP)
        self.assertLess(self.stop_agent(), 5)
        self.start_agent()  # and once more, hanging in its first connection
        time.sleep(1)
        self.assertLess(self.stop_agent(), 5)
        self.start_agent()
        time.sleep(4)  # long enough for a ping
        self.assertLess(self.stop_agent(), 5)

    def test_goes_on_after_the_master_hung(self):
        self.serve()
        self.master.send_signal(signal.SIGSTOP)
        time.sleep(8)
        self.master.send_signal(signal.SIGCONT)
        wait_for(lambda: self.value(STATE) == FRESH, "rows after the master went on", 30)

    # ---- snapshots

    def test_new_snapshots_are_seen_and_indexes_stay(self):
        self.serve("--domains", "2", "--interval", "3600")
        before = self.snmp("snmpwalk", NAME)
        self.assertEqual(before, [(NAME + ".1.1", 'STRING: "vm-1"'), (NAME + ".2.1", 'STRING: "vm-2"')])
        self.publish("--domains", "1", "--interval", "3600")
        wait_for(lambda: len(self.snmp("snmpwalk", NAME)) == 1, "a machine to go")
        self.publish("--domains", "4", "--interval", "3600", "--name-prefix", "renamed-")
        wait_for(lambda: len(self.snmp("snmpwalk", NAME)) == 4, "machines to come")
        self.stop_agent()
        self.start_agent()
        wait_for(lambda: self.value(STATE) == FRESH, "the agent's rows")
        self.assertEqual(self.snmp("snmpwalk", NAME), [(f"{NAME}.{n}.1", f'STRING: "renamed-{n}"') for n in (1, 2, 3, 4)])

    def test_stale_missing_and_corrupt_snapshots(self):
        self.serve()
        snapshot = self.home / "run" / "snapshot"
        whole = snapshot.read_bytes()

        def only_scalars(state, rows):
            wait_for(lambda: self.value(STATE) == state, f"state {state}")
            walked = [oid for oid, _ in self.snmp("snmpwalk", TRAFFIC)]
            self.assertEqual([oid for oid in walked if not oid.startswith(TRAFFIC + ".1.1.")], [])
            self.assertEqual(len(walked), rows, walked)
            self.assertEqual([one for one in self.snmp("snmpwalk", VM_MIB) if one[0].startswith(VM_MIB + ".")], [])
            self.assertNotEqual(self.value(TRAFFIC + ".1.1.2.0"), '""')

        self.publish("--interval", "1", "--age", "60")
        only_scalars(STALE, 11)
        snapshot.unlink()
        only_scalars(ABSENT, 3)
        damaged = bytearray(whole)
        damaged[len(damaged) // 2] ^= 0x40
        for content in (b"", whole[:len(whole) // 2], bytes(damaged), b"something else\n" * 99):
            fresh = self.home / "run" / "fresh"
            fresh.write_bytes(content)
            fresh.chmod(0o640)
            fresh.rename(snapshot)
            only_scalars(ABSENT, 3)
        wait_for(lambda: "no rows are served until then" in self.log(), "a line in the log")
        self.publish("--interval", "3600")
        wait_for(lambda: self.value(STATE) == FRESH, "recovery")
        wait_for(lambda: "the snapshot is fresh again" in self.log(), "a line in the log")
        self.assertLess(len(self.log().splitlines()), 8, self.log())


class CommandLineTest(unittest.TestCase):
    def refused(self, *words: str) -> str:
        done = subprocess.run([AGENT, *words], capture_output=True, text=True, timeout=20)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)  # the units' RestartPreventExitStatus=
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr.strip()

    def test_answers(self):
        for option in ("--version", "--help"):
            done = subprocess.run([AGENT, option], capture_output=True, text=True, timeout=20)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("vmtraffic-agentx", done.stdout)

    def test_refusals(self):
        self.assertIn("--nonsense", self.refused("--nonsense"))
        self.assertIn("/nowhere/at.all", self.refused("--config", "/nowhere/at.all"))
        self.assertEqual(self.refused("--root", "1.3.x"),
                         "vmtraffic-agentx: --root 1.3.x: give an object identifier in numbers with 3 to 59 parts, as "
                         "1.3.6.1.4.1.8072.9999.9999.6343")
        self.assertIn("VM-MIB", self.refused("--root", "1.3.6.1.2.1"))
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
            config.write("intervall = 10\n")
            config.flush()
            self.assertIn("intervall", self.refused("--config", config.name))


if __name__ == "__main__":
    if not all(map(shutil.which, ("snmpd", "snmpget", "snmpgetnext", "snmpwalk", "snmpbulkwalk", "snmpbulkget"))):
        print("skipped: snmpd and snmp are not installed")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
