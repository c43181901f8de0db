"""The lab's own network (forwarder.cpp): it does what it was asked to, and what it counts is what frames, guests and captures say."""

import socket
import statistics
import struct
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from flows import Capture
from lab import Forwarder, ForwarderCounts, LabError, Nic, run, wait_for
from line import FORWARDER
from pair import MS, Pair, sent_data

FIN, SYN, PSH, ACK = 1, 2, 8, 16
HEAD = 14 + 20 + 20
RANDOM_KIB = 1024


# --- frames of our own making ---

def tcp_frame(number: int, payload: int = 100, flags: int = ACK | PSH) -> bytes:
    """An Ethernet frame with IPv4 and TCP; its number is the sequence number."""
    ethernet = bytes.fromhex("02000000000b02000000000a0800")
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + payload, 0, 0, 64, 6, 0, bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))
    return ethernet + ip + struct.pack("!HHIIBBHHH", 1, 2, number, 0, 5 << 4, flags, 0, 0, 0) + bytes(payload)


def number_of(frame: bytes) -> int:
    return struct.unpack_from("!I", frame, 14 + 20 + 4)[0]


class Wire:
    """The forwarder between two links, on which a test sends and sees frames itself."""

    def __init__(self, lab) -> None:
        self.lab = lab
        self.network = lab.forwarder("fw-raw", FORWARDER, bridges=False)

    def send(self, frames: list[bytes], side: int = 0, every_s: float = 0, link: str | None = None) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind((link or self.network.ports[side], 0))
            for frame in frames:
                out.send(frame)
                if every_s:
                    time.sleep(every_s)

    def through(self, frames: list[bytes], side: int = 0) -> tuple[list[bytes], ForwarderCounts]:
        """Sends frames into one side; what came out of the other, and what the forwarder counted of it."""
        before = self.network.counts()
        capture = Capture(self.lab, self.network.ports[1 - side], snap=2000)
        self.send(frames, side)
        counts = (self.network.settled_counts() - before)[side]
        return [frame.head for frame in capture.frames()], replace(counts, late=0, latest_ns=0)


@pytest.fixture(scope="module")
def wire(lab):
    wire = Wire(lab)
    yield wire
    wire.network.stop()


@pytest.fixture(autouse=True)
def as_at_the_start(request):
    yield
    for name in ("wire", "pair"):
        if name in request.fixturenames:
            request.getfixturevalue(name).network.reset()


@pytest.mark.parametrize("side", (0, 1))
def test_all_passes_unchanged_and_is_counted_once(wire, side):
    plain = [tcp_frame(n, payload=n * 13 % 1461) for n in range(300)]
    other = [bytes.fromhex("ffffffffffff02000000000a88b5") + bytes((n,)) * 50 for n in range(10)]
    tagged = [frame[:12] + bytes.fromhex(tag) + frame[12:] for frame in plain[1:3] for tag in ("81000007", "88a8e064", "88a8006481000007")]
    sent = plain + other + tagged
    before = wire.network.counts()[1 - side]
    came, counts = wire.through(sent, side)
    assert came == sent
    data = len(plain) - 1 + len(tagged) - sum(n * 13 % 1461 == 0 for n in range(1, 300))
    size = sum(map(len, sent))
    assert counts == ForwarderCounts(received_frames=len(sent), received_octets=size, passed_frames=len(sent), passed_octets=size,
                                     passed_data_segments=data)
    assert wire.network.counts()[1 - side] == before, "its own frames do not come back to it"


def test_what_leaves_by_one_of_its_links_has_not_arrived_there(wire):
    before = wire.network.counts()
    capture = Capture(wire.lab, wire.network.ports[0])
    wire.send([tcp_frame(1)], link=wire.network.ends[0])
    assert wire.network.settled_counts() == before
    assert [number_of(frame.head) for frame in capture.frames()] == [1]


def test_the_delay_is_exact_and_one_direction_has_its_own(wire):
    wire.network.set("ab", delay_ns=10 * MS)
    # The median, since a busy machine may let any process wait for its turn; how often it did is counted. Several times, since where nothing
    # is idle it lets it wait for most of the frames.
    for _ in range(5):
        captures = [Capture(wire.lab, end, filter="tcp") for end in wire.network.ends]
        wire.send([tcp_frame(n) for n in range(200)], 0, every_s=0.004)
        wire.send([tcp_frame(n) for n in range(1000, 1200)], 1, every_s=0.004)
        wire.network.settled_counts()
        at_a, at_b = ({number_of(frame.head): frame.time_us for frame in capture.frames()} for capture in captures)
        delays = [at_b[n] - at_a[n] for n in range(200)]
        back = [at_a[n] - at_b[n] for n in range(1000, 1200)]
        assert min(delays) >= 10_000 - 1  # a capture's stamps are whole microseconds
        there, again = statistics.median(delays), statistics.median(back)
        if there <= 10_050 and again <= 1_000:
            break
    assert there <= 10_050
    assert again <= 1_000


def mixed(count: int) -> list[bytes]:
    """Frames of each kind, by turns: data, SYN, pure ACK, FIN without data, not TCP."""
    kinds = [dict(), dict(payload=0, flags=SYN), dict(payload=0, flags=ACK), dict(payload=0, flags=FIN | ACK)]
    frames = [tcp_frame(n, **kinds[n % 4]) for n in range(count)]
    return frames + [frame[:23] + b"\x11" + frame[24:] for frame in frames[::4]]  # the data frames again, as UDP


KINDS = {"data": lambda frame: frame[23] == 6 and len(frame) > HEAD, "syn": lambda frame: frame[23] == 6 and frame[47] == SYN,
         "ack": lambda frame: frame[23] == 6 and frame[47] == ACK and len(frame) == HEAD, "all": lambda frame: True}


@pytest.mark.parametrize("kind", KINDS)
def test_loss_takes_the_kind_that_it_is_for_and_counts_it(wire, kind):
    sent = mixed(2000)
    meant = sum(map(KINDS[kind], sent))
    wire.network.set("ab", loss=0.3, loss_of=kind, seed=5)
    came, counts = wire.through(sent)
    lost = list((Counter(sent) - Counter(came)).elements())
    assert 0.2 * meant < len(lost) < 0.4 * meant
    assert all(map(KINDS[kind], lost))
    assert (counts.dropped_frames, counts.dropped_octets, counts.dropped_data_segments, counts.dropped_syns, counts.dropped_pure_acks) == (
        len(lost), sum(map(len, lost)), *(sum(map(KINDS[one], lost)) for one in ("data", "syn", "ack")))
    assert (counts.received_frames, counts.passed_frames) == (len(sent), len(came))

    assert wire.through(sent)[0] != came, "the draw goes on"
    wire.network.set("ab", seed=5)
    assert wire.through(sent)[0] == came, "the same seed has the same losses"


def test_reordering_is_as_asked(wire):
    wire.network.set("ab", reorder_every=5, reorder_by=2, reorder_hold_ns=500 * MS)
    came, counts = wire.through([tcp_frame(n) for n in range(1, 33)])
    order = list(range(1, 33))
    for held in range(5, 31, 5):  # each stands behind the two that follow; frame 30 still has both of them
        at = order.index(held)
        order[at:at + 3] = order[at + 1], order[at + 2], held
    assert [number_of(frame) for frame in came] == order
    assert (counts.reordered, counts.passed_frames, counts.dropped_frames) == (6, 32, 0)


def test_what_nothing_overtakes_is_only_late(wire):
    wire.network.set("ab", reorder_every=3, reorder_by=1, reorder_hold_ns=100 * MS)
    captures = [Capture(wire.lab, end, filter="tcp") for end in wire.network.ends]
    before = wire.network.counts().ab
    wire.send([tcp_frame(1), tcp_frame(2), tcp_frame(3), tcp_frame(4, payload=0)])
    counts = wire.network.settled_counts().ab - before
    at_a, at_b = ([(number_of(frame.head), frame.time_us) for frame in capture.frames()] for capture in captures)
    assert [number for number, _ in at_b] == [1, 2, 4, 3], "frames without data pass it and do not free it"
    assert 100_000 - 1 <= dict(at_b)[3] - dict(at_a)[3] < 200_000
    assert (counts.reordered, counts.passed_frames) == (0, 4)


def test_a_shorter_delay_does_not_reorder(wire):
    wire.network.set("ab", delay_ns=300 * MS)
    capture = Capture(wire.lab, wire.network.ports[1], filter="tcp")
    wire.send([tcp_frame(1)])
    wait_for(lambda: wire.network.counts().ab.waiting == 1, 5, "a frame to wait")
    wire.network.set("ab", delay_ns=0)
    wire.send([tcp_frame(2)])
    wire.network.settled_counts()
    assert [number_of(frame.head) for frame in capture.frames()] == [1, 2]


def test_duplicates(wire):
    wire.network.set("ab", duplicate_every=4)
    came, counts = wire.through([tcp_frame(n) for n in range(1, 11)])
    assert [number_of(frame) for frame in came] == [1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9, 10]
    assert (counts.received_frames, counts.passed_frames, counts.duplicated) == (10, 10, 2)


def test_a_bad_setting_is_refused_whole(wire):
    good = wire.network.set("both", delay_ns=5, loss=0.5)
    for settings, why in ((dict(delay_ns=7, loss=1.5), "loss cannot be '1.5'"), (dict(delay_ns=-1), "delay_ns cannot be '-1'"),
                          (dict(loss_of="udp"), "loss_of cannot be 'udp'"), (dict(speed=3), "there is no setting 'speed'"),
                          (dict(seed="x"), "seed cannot be 'x'"), (dict(reorder_by=0), "reorder_by cannot be '0'")):
        with pytest.raises(LabError, match=why):
            wire.network.set("both", **settings)
    with pytest.raises(LabError, match="set is for ab, ba or both"):
        wire.network.set("there", loss=0)
    with pytest.raises(LabError, match="say counts, or set"):
        wire.network.command("go")
    assert wire.network.set("both") == good


def test_nothing_is_left_behind(lab, tmp_path):
    before = set(Path("/sys/class/net").iterdir())
    with pytest.raises(OSError):
        Forwarder("fw-gone", tmp_path / "none")
    with pytest.raises(LabError, match="fw-left ended with 2"):
        with Forwarder("fw-left", FORWARDER) as network:
            network.process.stop()
            network.process = lab.process("forwarder-fw-left", [FORWARDER, "no-such-link", *network.ends])
            network.process.wait_for_log("nothing", timeout=5)
    assert "lab_forwarder: there is no link no-such-link" in network.process.log_text()
    assert set(Path("/sys/class/net").iterdir()) == before


# --- two guests ---

@pytest.fixture(scope="module")
def pair(libvirt):
    pair = Pair(libvirt)
    pair.serve("random", RANDOM_KIB)
    yield pair
    pair.stop()


@pytest.mark.parametrize("family", Pair.FAMILIES)
def test_guests_see_the_delay(pair, family):
    address = pair.addresses[family]
    pair.client.ping_times(address, 3)  # neighbours are known from here on

    def shortest(ab_ms: int, ba_ms: int) -> float:
        """Of many, since what a busy machine adds to a guest's time is not the network's."""
        pair.network.set("ab", delay_ns=ab_ms * MS)
        pair.network.set("ba", delay_ns=ba_ms * MS)
        seen = pair.client.ping_times(address, 100, interval_s=0.02)
        assert len(seen) == 100
        return min(seen)

    assert shortest(0, 0) < 5
    # The delays are told from a delay: a guest that waits for milliseconds sleeps, and takes longer to hear than one that is answered at once.
    # An emulated guest wakes up half a millisecond sooner or later; the forwarder's own times are tested above, without guests.
    base = (25, 0)
    more_ms = {(35, 0): 10, (25, 10): 10, (125, 0): 100, (25, 100): 100}
    least: dict[tuple[int, int], float] = {}
    wrong = list(more_ms)
    for _ in range(5):
        for delays in (base, *wrong):
            least[delays] = min(shortest(*delays), least.get(delays, 1000))
        wrong = [delays for delays in more_ms if least[delays] - least[base] != pytest.approx(more_ms[delays], rel=0.05, abs=1)]
        if not wrong:
            return
    pytest.fail(f"The rise is another one with {wrong}: {least}")


@pytest.mark.parametrize("family", Pair.FAMILIES)
def test_lost_echoes_are_those_dropped(pair, family):
    pair.client.ping_times(pair.addresses[family], 2)
    pair.network.set("both", loss=0.05, seed=9)
    before = pair.network.settled_counts()
    back = pair.client.ping_times(pair.addresses[family], 400, interval_s=0.01)
    counts = pair.network.settled_counts() - before
    assert counts.ab.received_frames == 400
    assert counts.ab.dropped_frames >= 5 and counts.ba.dropped_frames >= 5
    assert 400 - len(back) == counts.ab.dropped_frames + counts.ba.dropped_frames


@pytest.mark.parametrize("family", Pair.FAMILIES)
def test_fetches_over_loss_and_what_the_sender_sent_again(pair, family):
    before_it, behind_it = (pair.lab.tmp / f"fw-{side}.pcap" for side in ("server", "client"))

    def fetch() -> tuple[ForwarderCounts, int]:
        recorded = pair.record(lambda: pair.fetch("random", family, times=2), {before_it: pair.server, behind_it: pair.client})
        counts, resent = recorded.counts.ba, recorded.server["Tcp.RetransSegs"]
        assert counts.super_frames == recorded.counts.ab.super_frames == 0
        assert sent_data(before_it) == (counts.passed_data_segments + counts.dropped_data_segments, resent)
        assert sent_data(behind_it)[0] == counts.passed_data_segments
        return counts, resent

    # Probes of the tail are retransmissions without a loss.
    pair.server.run("sysctl -w net.ipv4.tcp_early_retrans=0")
    for _ in range(3):
        clean, resent = fetch()
        if resent == 0:  # a guest that has to wait for its turn takes what is late for lost
            break
    pair.server.run("sysctl -w net.ipv4.tcp_early_retrans=3")
    assert (clean.dropped_frames, resent) == (0, 0)
    assert clean.passed_data_segments >= 2 * RANDOM_KIB * 1024 / 1460

    pair.network.set("ba", loss=0.05, loss_of="data", seed=3)
    lossy, resent = fetch()
    assert 40 <= lossy.dropped_data_segments == lossy.dropped_frames
    # Of a range of which n copies were dropped, at least n + 1 were sent, as all arrived. What is sent again in vain (probes, timeouts that
    # were too early) comes on top.
    assert resent >= lossy.dropped_data_segments


def test_a_lost_syn(pair):
    pair.network.set("ab", loss=1, loss_of="syn")
    before = pair.network.settled_counts()
    pair.client.run("rm -f /tmp/small; (wget -q -O /tmp/small http://10.31.0.2/small; echo done >> /tmp/small) > /dev/null 2>&1 &")
    wait_for(lambda: (pair.network.counts() - before).ab.dropped_syns == 1, 10, "a SYN to be dropped")
    pair.network.set("ab", loss=0)
    wait_for(lambda: pair.client.run("cat /tmp/small", check=False) == "small\ndone\n", 10, "the fetch to end after all")
    counts = (pair.network.settled_counts() - before).ab
    assert (counts.dropped_frames, counts.dropped_syns, counts.dropped_data_segments) == (1, 1, 0)


@pytest.mark.parametrize("family", Pair.FAMILIES)
def test_little_reordering_is_not_taken_for_loss(pair, family):
    # RACK waits for a quarter of the round-trip time: 25 ms are much longer than a segment is held back, and than a guest on a busy machine
    # takes from the acknowledgement of the segment that came too early to that of the one before it (5 ms were not).
    pair.network.set("ba", delay_ns=100 * MS, reorder_every=20, reorder_by=1, reorder_hold_ns=MS)
    pair.server.run("sysctl -w net.ipv4.tcp_early_retrans=0")
    before, server, client = pair.network.settled_counts(), pair.server.protocol_counters(), pair.client.protocol_counters()
    pair.fetch("random", family)
    counts = (pair.network.settled_counts() - before).ba
    resent = pair.server.protocol_counters()["Tcp.RetransSegs"] - server["Tcp.RetransSegs"]
    queued = pair.client.protocol_counters()["TcpExt.TCPOFOQueue"] - client["TcpExt.TCPOFOQueue"]
    pair.server.run("sysctl -w net.ipv4.tcp_early_retrans=3")
    assert resent == 0
    assert counts.reordered >= 20
    assert queued == counts.reordered, "one segment came too early for each that was held back"


def test_timestamps_can_be_switched(pair):
    def with_timestamps() -> set[bool]:
        capture = Capture(pair.lab, pair.client.device(), snap=128)
        pair.client.fetch("10.31.0.2", file="small")
        pair.network.settled_counts()
        capture.stop()
        fields = run("tshark", "-r", capture.file, "-Y", "tcp", "-T", "fields", "-e", "tcp.options.timestamp.tsval").stdout
        return {value != "" for value in fields.splitlines()}

    assert with_timestamps() == {True}
    pair.client.run("sysctl -w net.ipv4.tcp_timestamps=0")
    assert with_timestamps() == {False}
    pair.client.run("sysctl -w net.ipv4.tcp_timestamps=1")
    assert with_timestamps() == {True}


def test_super_frames_and_unfilled_checksums_pass(pair):
    for n, vm in enumerate((pair.client, pair.server), start=1):
        vm.plug(Nic("bridge", pair.network.bridges[n - 1], ip=f"10.31.1.{n}/24"))
    pair.network.set("ba", loss=0.1, loss_of="data", seed=3)
    before, resent = pair.network.settled_counts(), pair.server.protocol_counters()["Tcp.RetransSegs"]
    pair.fetch("random", address="10.31.1.2")
    counts = (pair.network.settled_counts() - before).ba
    assert counts.super_frames >= 10
    assert counts.dropped_data_segments > counts.dropped_frames >= 1
    assert counts.passed_data_segments >= RANDOM_KIB * 1024 / 1460
    assert pair.server.protocol_counters()["Tcp.RetransSegs"] - resent >= counts.dropped_data_segments
