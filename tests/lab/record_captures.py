#!/usr/bin/python3
"""record_captures.py [DIRECTORY]: records tests/data/capture anew, with its README. Start it in the lab's sandbox:

    tests/lab/sandbox /usr/bin/python3 tests/lab/record_captures.py

Two guests, and between them a network that loses, delays and reorders what it was asked to; what it did, and what the sender's kernel and
tshark say of it, goes into the README. It takes a minute.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab import Lab, LabError, Vm, run  # noqa: E402
from pair import MS, SNAP, Pair, Recorded  # noqa: E402

TARGET = Path(__file__).resolve().parents[2] / "tests/data/capture"
LARGEST_FILE = 300 * 1000
FILTERS = ("tcp.analysis.retransmission", "tcp.analysis.out_of_order")
DELAY_MS = 5
KIB = 192
LOSS = dict(loss=0.05, loss_of="data")
README = """# Recordings of real guests' TCP

Made by `tests/lab/record_captures.py`: a guest (the client, {client}) fetches files over HTTP from another one (the server, {server}), and
a tap was recorded with `dumpcap -s {snap}`. The guests' offloading is off, so no frame is longer than 1514 octets. Between the taps is
`tests/lab/forwarder.cpp`, which delays each frame by {delay} ms in each direction, and drops or holds back what the table says. A recording of the
server's tap has the data before the forwarder could drop them (lost after the tap), one of the client's tap what was left (lost before it).

- *forwarder* is its exact count of what it did while that was recorded. "data" are frames with TCP payload, towards the client all of the
  server's. Every dropped frame is data.
- *server's kernel* is what its own counters rose by: segments sent again (Tcp RetransSegs), and of these timeouts (TCPTimeouts), probes of the
  tail (TCPLossProbes); segments of which the client said that it had them already (TCPDSACKRecv).
- *tshark* is what `tshark -r FILE -q -z io,stat,0,{filters}` says: frames, retransmissions, out of order.
  It is an opinion: what it takes for the one or the other depends on time.

| file | made | forwarder | server's kernel | tshark |
|---|---|---|---|---|
{rows}
"""


@dataclass(frozen=True)
class Row:
    file: str
    made: str
    recorded: Recorded

    def text(self, directory: Path) -> str:
        ba, ab, kernel = self.recorded.counts.ba, self.recorded.counts.ab, self.recorded.server
        done = (f"data received {ba.passed_data_segments + ba.dropped_data_segments}, dropped {ba.dropped_data_segments}, reordered {ba.reordered}; "
                f"from the client: frames received {ab.received_frames}, dropped {ab.dropped_frames}")
        said = (f"sent again {kernel['Tcp.RetransSegs']}, timeouts {kernel['TcpExt.TCPTimeouts']}, probes {kernel['TcpExt.TCPLossProbes']}, "
                f"had already {kernel['TcpExt.TCPDSACKRecv']}")
        frames, retransmitted, disordered = opinion(directory / self.file)
        return f"| `{self.file}` | {self.made} | {done} | {said} | {frames}, {retransmitted}, {disordered} |"


def opinion(file: Path) -> tuple[int, int, int]:
    """Frames, and those that each of FILTERS takes, by tshark's own table: its first row without a filter, then one column for each."""
    filters = ",".join(FILTERS)
    counts = []
    for words in ("", f",{filters}"):
        text = run("tshark", "-r", file, "-q", "-z", f"io,stat,0{words}").stdout
        row = next(line for line in text.splitlines() if "<>" in line and re.search(r"\d", line))
        counts += [int(cell) for cell in re.findall(r"\d+", row.split("|", 2)[2])][::2]
    return tuple(counts)


def record(pair: Pair, directory: Path) -> list[Row]:
    server, client, network = pair.server, pair.client, pair.network
    rows: list[Row] = []

    def one(made: str, taps: dict[str, Vm], traffic: Callable[[], None], **settings: object) -> None:
        network.reset()
        network.set(delay_ns=DELAY_MS * MS)
        network.set("ba", **settings)
        recorded = pair.record(traffic, {directory / file: vm for file, vm in taps.items()})
        for file, vm in taps.items():
            rows.append(Row(file, f"{made}; the {'server' if vm is server else 'client'}'s tap", recorded))

    def fetches(family: str = "ipv4") -> None:
        pair.fetch("file-of-ours", family, times=4)

    def clean() -> None:
        pair.fetch("file-of-ours", times=2)
        pair.fetch("little", times=4)

    one(f"2 fetches of {KIB} KiB, 4 of 1 KiB", {"tcp-clean.pcap": client}, clean)
    one(f"4 fetches of {KIB} KiB, 5 % of the data lost", {"tcp-loss-after.pcap": server, "tcp-loss-before.pcap": client}, fetches, seed=11, **LOSS)
    one(f"4 fetches of {KIB} KiB, each 20th segment after its successor", {"tcp-reordered.pcap": client}, fetches, reorder_every=20)
    for vm in (client, server):
        vm.run("sysctl -w net.ipv4.tcp_timestamps=0")
    one(f"4 fetches of {KIB} KiB without TCP timestamps, 5 % of the data lost", {"tcp-no-timestamps.pcap": server}, fetches, seed=12, **LOSS)
    for vm in (client, server):
        vm.run("sysctl -w net.ipv4.tcp_timestamps=1")
    one(f"4 fetches of {KIB} KiB over IPv6, 5 % of the data lost", {"ipv6.pcap": server}, lambda: fetches("ipv6"), seed=13, **LOSS)
    return rows


def main() -> int:
    directory = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else TARGET
    directory.mkdir(exist_ok=True)
    with Lab() as lab:
        lab.start_libvirt()
        pair = Pair(lab, "rec", 32)
        pair.serve("file-of-ours", KIB)
        pair.serve("little", 1)
        for family in Pair.FAMILIES:
            pair.client.ping(pair.addresses[family])  # neighbours are known from here on
        rows = record(pair, directory)
        text = README.format(client="10.32.0.1, fd32::1", server="10.32.0.2, fd32::2", snap=SNAP, delay=DELAY_MS, filters=",".join(FILTERS),
                             rows="\n".join(row.text(directory) for row in rows))
        pair.stop()
    for row in rows:
        size = (directory / row.file).stat().st_size
        if size > LARGEST_FILE:
            raise LabError(f"{row.file} has {size} octets: too many for the repository.")
    (directory / "README.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
