#!/usr/bin/python3
"""The tools that judge the others: include_rules bites, and tools/test counts right and ends with the line that it promises."""

import contextlib
import io
import re
import subprocess
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
sys.path.insert(0, str(ROOT / "tools"))
import test_stages  # noqa: E402

include_rules = SourceFileLoader("include_rules", str(TESTS / "include_rules")).load_module()


class IncludeRules(unittest.TestCase):
    def test_each_direction_that_is_forbidden_is_found(self):
        for file, header in (("core/wire/packet.cpp", '"core/traffic/ledger.hpp"'), ("core/wire/packet.cpp", "<fmt/format.h>"),
                             ("core/traffic/ledger.cpp", '"core/probes/netlink.hpp"'), ("core/traffic/ledger.cpp", '"core/snapshot.hpp"'),
                             ("core/analysis/windows.cpp", '"core/snapshot/writer.hpp"'), ("core/probes/capture.cpp", '"core/collector.hpp"'),
                             ("core/snapshot/reader.cpp", "<libvirt/libvirt.h>"), ("core/config.hpp", '"core/sampler.hpp"'),
                             ("plugins/nagios/result.cpp", '"core/snapshot/lease.hpp"'), ("plugins/nagios/result.cpp", '"core/sampler.hpp"'),
                             ("plugins/nagios/result.cpp", '"plugins/collectd/values.hpp"'), ("plugins/collectd/plugin.cpp", "<net-snmp/types.h>"),
                             ("plugins/snmp-subagent/main.cpp", "<collectd/core/daemon/plugin.h>"), ("core/sampler.cpp", "<libmnl/libmnl.h>"),
                             ("core/collector.cpp", "<pcap/pcap.h>"), ("core/new_room/file.cpp", '"core/traffic/ledger.hpp"')):
            with self.subTest(file=file, header=header):
                found = list(include_rules.violations(file, f"#pragma once\n#include <vector>\n  #  include {header}\n"))
                self.assertEqual([number for number, _ in found], [3])

    def test_what_is_allowed_passes(self):
        for file, header in (("core/wire/packet.cpp", '"core/wire/byte_reader.hpp"'), ("core/wire/packet.cpp", "<cstdint>"),
                             ("core/traffic/ledger.cpp", '"core/wire/packet.hpp"'), ("core/probes/capture.cpp", "<pcap/pcap.h>"),
                             ("core/probes/capture.cpp", '"core/traffic/ledger.hpp"'), ("core/collector.cpp", '"core/probes/capture.hpp"'),
                             ("plugins/nagios/result.cpp", '"core/snapshot.hpp"'), ("plugins/snmp-subagent/agentx.cpp", "<net-snmp/types.h>")):
            with self.subTest(file=file, header=header):
                self.assertEqual(list(include_rules.violations(file, f"#include {header}\n")), [])


class Stages(unittest.TestCase):
    def run_main(self, stages: dict, *arguments: str) -> tuple[int, str]:
        output = io.StringIO()
        with (tempfile.TemporaryDirectory() as logs, mock.patch.object(test_stages, "LOGS", Path(logs)), mock.patch.object(test_stages, "STAGES", stages),
              mock.patch.object(sys, "argv", ["tools/test", *arguments]), contextlib.redirect_stdout(output)):
            return test_stages.main(), output.getvalue()

    def tally(self, passed: int, failed: int, skipped: int = 0):
        return lambda log: test_stages.Tally(passed, skipped, [(f"test {n}", "why") for n in range(failed)])

    def test_the_last_line_and_the_exit_status(self):
        for stages, line, status in (({"a": (self.tally(2, 0), ""), "b": (self.tally(1, 0), "")}, "3 passed, 0 failed", 0),
                                     ({"a": (self.tally(2, 0), ""), "b": (self.tally(1, 1, 4), "")}, "3 passed, 1 failed, 4 skipped", 1),
                                     ({"a": (self.tally(0, 0), "")}, "0 passed, 0 failed", 1)):
            code, output = self.run_main(stages)
            self.assertEqual((output.splitlines()[-1], code), (line, status))

    def test_a_stage_that_cannot_run_has_failed(self):
        def broken(log):
            log.need("sh", "-c", "echo no compiler; exit 3", limit_s=10)
        code, output = self.run_main({"a": (broken, ""), "b": (self.tally(1, 0), "")})
        self.assertEqual((output.splitlines()[-1], code), ("1 passed, 1 failed", 1))
        self.assertIn("  | no compiler", output)

    def test_a_stage_that_hangs_is_ended(self):
        def hanging(log):
            log.run("sh", "-c", "sleep 60 & sleep 60", limit_s=0.2)
        code, output = self.run_main({"a": (hanging, "")})
        self.assertEqual((output.splitlines()[-1], code), ("0 passed, 1 failed", 1))
        self.assertIn("had not ended after 0.2 s", output)

    def test_only_runs_what_was_named(self):
        code, output = self.run_main({"a": (self.tally(1, 1), ""), "b": (self.tally(5, 0), "")}, "--only", "b")
        self.assertEqual((output.splitlines()[-1], code), ("5 passed, 0 failed", 0))

    def test_junit_of_both_runners(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write('<testsuites><testsuite><testcase classname="A" name="good"/><testcase classname="A" name="bad"><failure message="m">text</failure></testcase>'
                       '<testcase classname="A" name="set-up"><error message="m"/></testcase><testcase classname="A" name="left"><skipped/></testcase>'
                       '<testcase classname="B" name="B" status="fail"><failure message=""/><system-out>said</system-out></testcase></testsuite></testsuites>')
            file.flush()
            tally = test_stages.junit(Path(file.name))
        self.assertEqual((tally.passed, tally.skipped, tally.failures), (1, 1, [("A::bad", "text"), ("A::set-up", "m"), ("B", "said")]))


class Commands(unittest.TestCase):
    def test_each_says_what_it_is(self):
        for tool in ("setup", "build", "test", "demo"):
            done = subprocess.run([ROOT / "tools" / tool, "--help"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), tool)
            self.assertIn(f"tools/{tool}", done.stdout)

    def test_wrong_words_are_named(self):
        for tool in ("setup", "build", "test", "demo"):
            done = subprocess.run([ROOT / "tools" / tool, "--nonsense" if tool in ("test", "demo") else "nonsense"], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0, tool)
            self.assertIn("nonsense", done.stderr)

    def test_every_package_has_a_reason_and_stands_once(self):
        lines = re.findall(r"^(?:build|lab|test) (.*)$", (ROOT / "tools/setup").read_text(), re.MULTILINE)
        names = [line.split()[0] for line in lines]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(all(len(line.split()) > 1 for line in lines))


if __name__ == "__main__":
    unittest.main()
