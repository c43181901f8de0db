#!/usr/bin/python3
"""The tools: include_rules bites, tools/test counts right and ends with the line that it promises, the demo says what is, commands take words well."""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
sys.path.insert(0, str(ROOT / "tools"))
import demo_view  # noqa: E402
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
              mock.patch.object(test_stages, "install"),
              mock.patch.object(sys, "argv", ["tools/test", *arguments]), contextlib.redirect_stdout(output)):
            return test_stages.main(), output.getvalue()

    def tally(self, passed: int, failed: int, skipped: int = 0):
        return lambda log: test_stages.Tally(passed, [(f"test {n}", "no such card") for n in range(skipped)], [(f"test {n}", "why") for n in range(failed)])

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

    def test_what_is_skipped_is_named_with_its_reason(self):
        _, output = self.run_main({"a": (self.tally(1, 0, 1), "")})
        self.assertIn("  skipped test 0: no such card\n", output)

    def test_a_long_stage_says_where_to_look_once(self):
        def long(log):
            time.sleep(0.3)
            return test_stages.Tally(1)
        with mock.patch.object(test_stages, "SILENT_S", 0.05):
            _, output = self.run_main({"a": (long, ""), "b": (self.tally(1, 0), "")})
        self.assertEqual(output.count("follow build/test-logs/"), 1)
        self.assertIn("      follow build/test-logs/a.log\n", output)

    def test_only_runs_what_was_named(self):
        code, output = self.run_main({"a": (self.tally(1, 1), ""), "b": (self.tally(5, 0), "")}, "--only", "b")
        self.assertEqual((output.splitlines()[-1], code), ("5 passed, 0 failed", 0))

    def test_junit_of_both_runners(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write('<testsuites><testsuite><testcase classname="A" name="good"/><testcase classname="A" name="bad"><failure message="m">text</failure></testcase>'
                       '<testcase classname="A" name="set-up"><error message="m"/></testcase><testcase classname="A" name="left"><skipped message="why"/></testcase>'
                       '<testcase classname="B" name="B" status="fail"><failure message=""/><system-out>said</system-out></testcase></testsuite></testsuites>')
            file.flush()
            tally = test_stages.junit(Path(file.name))
        self.assertEqual((tally.passed, tally.skipped, tally.failures), (1, [("A::left", "why")], [("A::bad", "text"), ("A::set-up", "m"), ("B", "said")]))


class DemoView(unittest.TestCase):
    KEY = ("alice", "52:54:00:00:00:01")

    def rows(self, **figures: float | None) -> dict:
        """1 Mbit/s each way from every source, but those named."""
        return {source: {self.KEY: demo_view.Rates(figures.get(source, 1e6), 1e6)} for source in demo_view.SOURCES}

    def test_what_is_said_of_the_figures(self):
        same = "collectd, NRPE and SNMP say the same."
        for figures, said in (({}, [same, "virsh, asked a moment later, is within 0.0 %."]),
                              ({"SNMP": 1.004e6, "virsh": 0.95e6}, [same, "virsh, asked a moment later, is within 5.0 %."]),
                              ({"virsh": 1.5e6}, [same, "virsh, asked a moment later, differs by up to 33 %: traffic changes between two readings."]),
                              ({"NRPE": 1.25e6}, ["These differ from the others: NRPE by up to 20 %.", "virsh, asked a moment later, is within 0.0 %."]),
                              ({"collectd": None}, ["These differ from the others: collectd by up to 100 %.", "virsh, asked a moment later, is within 0.0 %."])):
            with self.subTest(figures=figures):
                self.assertEqual(demo_view.agreement(self.rows(**figures)), said)
        self.assertEqual(demo_view.agreement({source: {} for source in demo_view.SOURCES}), ["No traffic to compare at the moment."])

    def test_all_four_figures_fit(self):
        for width, mac in ((200, True), (108, True), (107, False), (80, False), (75, False)):
            with self.subTest(width=width):
                lines = demo_view.block(self.rows(), "title", "VM_TRAFFIC OK " * 20, width, 40)
                self.assertLess(max(map(len, lines)), width)
                self.assertEqual(self.KEY[1] in "\n".join(lines), mac)
                self.assertEqual([line.count("1.00 Mbit/s") for line in lines if "Mbit/s" in line], [4, 4])
                self.assertNotIn("  widen the terminal to see all", lines)
        self.assertIn("  widen the terminal to see all", demo_view.block(self.rows(), "title", "", 74, 40))


class Commands(unittest.TestCase):
    def test_each_says_what_it_is(self):
        for tool in ("setup", "build", "test", "demo", "package", "format", "bench"):
            done = subprocess.run([ROOT / "tools" / tool, "--help"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), tool)
            self.assertIn(f"tools/{tool}", done.stdout)

    def test_wrong_words_are_named(self):
        for tool in ("setup", "build", "test", "demo", "package", "format", "bench"):
            done = subprocess.run([ROOT / "tools" / tool, "--nonsense" if tool in ("test", "demo") else "nonsense"], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0, tool)
            self.assertIn("nonsense", done.stderr)
            self.assertEqual(done.stdout, "")  # nothing was begun

    def test_nowhere_to_write_is_one_sentence(self):
        for tool in ("test", "demo"):
            done = subprocess.run(["sh", "-c", f'exec "{ROOT}/tools/{tool}" >&-'], stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 1, tool)
            self.assertRegex(done.stderr, r"^\n?tools/\w+: standard output is closed[^\n]*\n$")

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_a_directory_of_somebody_else_is_one_sentence(self):
        with tempfile.TemporaryDirectory() as there:
            code = (f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import os, pathlib, test_stages; os.setuid(65534); "
                    f"test_stages.LOGS = pathlib.Path({there!r}, 'logs'); sys.argv = ['tools/test', '--only', 'unit']; test_stages.run_as_program()")
            done = subprocess.run(["/usr/bin/python3", "-B", "-c", code], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr),
                         (1, f"tools/test: {there}/logs cannot be written: run it as the owner of this directory, or as root\n"))

    def test_package_shows_its_steps_and_what_failed(self):
        for status, shown in ((0, r"needed: build package\nBuilding .*\.\.\.\n  done in \d+ s\nPacking\.\.\.\n  done in \d+ s\nbuild/packages/a\.deb\n"),
                              (3, r"needed: build package\nBuilding .*\.\.\.\n")):
            with self.subTest(status=status), tempfile.TemporaryDirectory() as there:
                tools = Path(there, "tools")
                (tools / "stubs").mkdir(parents=True)
                (tools / "package").write_bytes((ROOT / "tools/package").read_bytes())
                (tools / "setup").write_text('#!/bin/sh\necho "needed: $*"\n')
                (tools / "build").write_text(f'#!/bin/sh\nmkdir -p build/package\nseq 100\necho the reason\nexit {status}\n')
                (tools / "stubs/cpack").write_text("#!/bin/sh\necho chatter\ntouch ../packages/a.deb\n")
                for file in filter(Path.is_file, tools.rglob("*")):
                    file.chmod(0o755)
                done = subprocess.run([tools / "package"], capture_output=True, text=True, env=os.environ | {"PATH": f"{tools}/stubs:{os.environ['PATH']}"})
                self.assertRegex(done.stdout, f"^{shown}$")
                self.assertEqual(done.returncode, 1 if status else 0)
                if status:
                    self.assertRegex(done.stderr, r"^72\n(.*\n)*the reason\ntools/package: this failed: .* stands in build/package\.log\)\n$")

    def test_every_package_has_a_reason_and_stands_once(self):
        lines = re.findall(r"^(?:build|package|lab|test) (.*)$", (ROOT / "tools/setup").read_text(), re.MULTILINE)
        names = [line.split()[0] for line in lines]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(all(len(line.split()) > 1 for line in lines))


if __name__ == "__main__":
    unittest.main()
