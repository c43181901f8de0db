"""The recordings in tests/data/capture are what their README says."""

import re

import pytest

from lab import run
from pair import LONGEST_FRAME, sent_data
from record_captures import LARGEST_FILE, TARGET, opinion

ROWS = {row.split("`")[1]: row for row in (TARGET / "README.md").read_text().splitlines() if row.startswith("| `")}


def test_each_recording_has_its_row():
    assert sorted(ROWS) == sorted(file.name for file in TARGET.glob("*.pcap"))
    assert len(ROWS) == 6


@pytest.mark.parametrize("name", ROWS)
def test_a_recording_is_as_described(name):
    _, _file, made, forwarder, kernel, tshark, _ = re.split(r" ?\| ?", ROWS[name])
    received, dropped, reordered, *_ = map(int, re.findall(r"\d+", forwarder))
    resent = int(re.search(r"sent again (\d+)", kernel)[1])
    file = TARGET / name
    assert opinion(file) == tuple(map(int, tshark.split(", ")))
    assert file.stat().st_size <= LARGEST_FILE
    assert run("tshark", "-r", file, "-Y", f"frame.len > {LONGEST_FRAME}").stdout == ""
    assert ("5 % of the data lost" in made) == (dropped > 0)
    if "the server's tap" in made:
        assert sent_data(file) == (received, resent)
    else:
        assert sent_data(file) == (received - dropped, dropped + reordered), "behind the loss a gap is filled late, once"
    with_timestamps = run("tshark", "-r", file, "-Y", "tcp.options.timestamp.tsval").stdout != ""
    assert with_timestamps == ("without TCP timestamps" not in made)
    assert (run("tshark", "-r", file, "-Y", "ipv6 && tcp").stdout != "") == ("over IPv6" in made)
