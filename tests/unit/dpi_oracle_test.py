#!/usr/bin/env python3
"""What core/dpi takes the tests' conversations for, whole and cut, against what ndpiReader takes the whole ones for. ndpiReader is not shown the cut
ones: what is cut it leaves out.

usage: dpi_oracle_test.py DPI_DUMP [unittest's own arguments]
Exits with 77 (skipped) where ndpiReader is not installed.
"""
import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

NDPI_READER = shutil.which("ndpiReader", path=os.environ.get("PATH", "") + ":/usr/bin")
DUMP = None


class Oracle(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.room = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def ours(self, pcap, *snap: str) -> list[str]:
        done = subprocess.run([DUMP, str(pcap), *snap], capture_output=True, text=True, check=True, timeout=60)
        return sorted(done.stdout.splitlines())

    def theirs(self, pcap) -> list[str]:
        table = self.room / "flows.csv"
        subprocess.run([NDPI_READER, "-q", "-i", str(pcap), "-C", str(table)], stdout=subprocess.DEVNULL, check=True, timeout=60, cwd=self.room)
        with table.open() as lines:
            flows = csv.DictReader(lines)
            return sorted(f"{6 if ':' in f['src_ip'] else 4} {f['protocol']} {f['dst_port']} {f['ndpi_proto']}" for f in flows)

    def test_conversations(self):
        whole = self.ours(self.room / "whole.pcap")
        self.assertEqual(len(whole), 14)
        self.assertEqual(whole, self.theirs(self.room / "whole.pcap"))
        for snap in ("192", "256"):
            with self.subTest(snap=snap):
                self.assertEqual(self.ours(self.room / "cut.pcap", snap), whole)


if __name__ == "__main__":
    if NDPI_READER is None:
        print("skipped: ndpiReader is not installed")
        sys.exit(77)
    DUMP = sys.argv.pop(1)
    unittest.main(verbosity=1)
