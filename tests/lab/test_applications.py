"""What real guests' flows carry, by the capture probe at their taps, against ndpiReader on a recording of the same tap."""

from __future__ import annotations

import re
import time

import pytest

from captured import begin, capturing, vnic  # noqa: F401  (begin is a fixture)
from flows import Capture, health, soon
from lab import run
from pair import Pair

CONFIG = "[capture]\nall = true\napplications = true\nserver_names = true\n"
BANNER = "SSH-2.0-OpenSSH_9.2p1 Debian-2"
NAME = "shop.example.org"
APPLICATIONS = {"HTTP", "SSH", "DNS"}


@pytest.fixture(scope="module")
def pair(libvirt):
    pair = Pair(libvirt, "ap", 36)
    pair.serve("page", 64)
    yield pair
    pair.stop()


def talk(pair: Pair) -> None:
    address = pair.addresses["ipv4"]
    for _ in range(5):
        pair.client.run(f"wget -q -O /dev/null --header 'Host: {NAME}' http://{address}/page")
    for _ in range(3):
        pair.server.run(f"(echo '{BANNER}'; sleep 1) | nc -l -p 22 > /dev/null 2>&1 &")
        time.sleep(0.5)
        pair.client.run(f"(echo '{BANNER}'; sleep 1) | nc -w 3 {address} 22 > /dev/null || true")
    pair.client.run(f"nslookup -timeout=1 -retry=1 www.example.org {address} > /dev/null 2>&1 || true", timeout=30)


def packets_by_ndpi(recording) -> dict[str, int]:
    """{application: packets}, by nDPI's own program."""
    report = run("ndpiReader", "-i", recording, "-v", "0").stdout
    return {name: int(count) for name, count in re.findall(r"^\t(\S+) +packets: (\d+) ", report, re.M)}


def packets(line, vm) -> dict[str, int]:
    flows = vnic(line, vm)["flows"]
    return {row["application"]: int(row["rx"]["total"]["packets"] + row["tx"]["total"]["packets"]) for row in flows["applications"]} if flows else {}


def test_applications_are_those_that_ndpi_finds_in_a_recording(begin, pair):
    line = capturing(begin(CONFIG), pair.client, pair.server)
    recording = Capture(pair.lab, pair.client.device(), snap=65535, filter="ip")
    talk(pair)
    pair.network.settled_counts(quiet_s=1)
    recording.stop()
    expected = packets_by_ndpi(recording.file)
    assert APPLICATIONS <= set(expected)
    total = sum(expected.values())
    assert soon(lambda: sum(packets(line, pair.client).values()), total) == total
    found = packets(line, pair.client)
    # What was counted at a tick before the flow was known is not its application's.
    early = found.get("Unknown", 0) - expected.get("Unknown", 0)
    assert 0 <= early <= 20
    for name in APPLICATIONS:
        assert expected[name] - early <= found[name] <= expected[name], f"{name}: {found} instead of {expected}"


def test_a_conversation_says_what_it_carries_who_was_asked_for_and_whose_word_that_is(begin, pair):
    line = capturing(begin(CONFIG), pair.client, pair.server)
    for _ in range(5):
        pair.client.run(f"wget -q -O /dev/null --header 'Host: {NAME}' http://{pair.addresses['ipv4']}/page")

    def conversation() -> dict | None:
        flows = vnic(line, pair.client)["flows"]
        rows = [row for row in flows["conversations"] if row["application"]] if flows else []
        return {key: rows[0][key] for key in ("application", "server_name", "source", "service")} if rows else None
    expected = {"application": "HTTP", "server_name": NAME, "source": "capture", "service": "tcp/80"}
    assert soon(conversation, expected) == expected
    assert soon(lambda: health(line, "capture")["counters"]["applications_by_content"] >= 5, True)
