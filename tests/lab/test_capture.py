"""The capture probe on the taps of real VMs, with a network of known delay and loss between them.

The forwarder counts what it drops and holds back; the guests' kernels count what they send again; the host's kernel counts each tap. What the
probe says is compared with all three.
"""

from __future__ import annotations

import time

import pytest

from captured import begin, capturing, latencies, losses, mirror_port, missing, uncaptured, volumes, vnic  # noqa: F401  (begin is a fixture)
from flows import Capture, health, snapshot, soon
from lab import Nic, run, wait_for
from pair import MS, SNAP, Pair, sent_data

DELAYS_MS = (1, 10, 100)
NOISE_MS = 0.3
ATTEMPTS = 8  # on a busy machine software-emulated guests wake later in one phase than in another


@pytest.fixture(scope="module")
def pair(libvirt):
    pair = Pair(libvirt, "cp", 33)
    pair.serve("small", 1)
    pair.serve("large", 256)
    yield pair
    pair.stop()


@pytest.fixture(params=[True, False], ids=["timestamps", "no timestamps"])
def timestamps(pair, request):
    """The guests' TCP has timestamps, or none: of both IP versions, whatever the switch's name."""
    def switch(on: bool) -> None:
        for vm in (pair.client, pair.server):
            vm.run(f"echo {on:d} > /proc/sys/net/ipv4/tcp_timestamps")
    switch(request.param)
    yield request.param
    switch(True)


def medians(begin, pair: Pair, family: str, delay_ms: float) -> dict[str, float]:
    """The client's median round trips in milliseconds, {guest_rtt:, network_rtt:}, while the way to the server takes so much longer."""
    # From 2 ms on: a statistic is exact to a 64th, and that of ten milliseconds would be half of what an added one may be off.
    pair.network.set("both", delay_ns=2 * MS)
    pair.network.set("ab", delay_ns=int((2 + delay_ms) * MS))
    line = capturing(begin(), pair.client, pair.server)
    pair.fetch("small", family, times=30)
    time.sleep(2.5)
    measured = latencies(line, pair.client)
    line.stop()
    pair.network.reset()
    assert measured["network_rtt"]["count"] >= 60 and measured["guest_rtt"]["count"] >= 60
    return {kind: measured[kind]["median_us"] / 1000 for kind in ("guest_rtt", "network_rtt")}


@pytest.mark.parametrize("family", Pair.FAMILIES)
def test_an_added_delay_shows_on_its_side_alone(begin, pair, timestamps, family):
    # What a busy machine adds to a median is never negative: of each phase the least counts.
    least: dict[int, dict[str, float]] = {}
    tried: dict[int, list] = {}

    def is_right(delay: int) -> bool:
        rise = {kind: least[delay][kind] - without for kind, without in least[0].items()}
        return abs(rise["network_rtt"] - delay) <= max(0.05 * delay, NOISE_MS) and abs(rise["guest_rtt"]) <= NOISE_MS
    wrong = DELAYS_MS
    for _ in range(ATTEMPTS):
        for added in (0, *wrong):
            measured = medians(begin, pair, family, added)
            tried.setdefault(added, []).append(measured)
            least[added] = {kind: min(median, least.get(added, measured)[kind]) for kind, median in measured.items()}
        wrong = tuple(delay for delay in wrong if not is_right(delay))
        if not wrong:
            return
    pytest.fail(f"The rise is another one with {wrong}: {tried}")


@pytest.mark.parametrize("loss", [0.001, 0.01, 0.05])
@pytest.mark.parametrize("family", Pair.FAMILIES)
def test_losses_are_on_the_side_where_they_happened(libvirt, begin, pair, timestamps, family, loss):
    line = capturing(begin(), pair.client, pair.server)
    network = pair.network
    network.set("both", delay_ns=2 * MS)
    network.set("ba", loss=loss, loss_of="data", seed=7)
    before, sent_again = network.settled_counts(), pair.server.protocol_counters()["Tcp.RetransSegs"]
    recording = Capture(libvirt, pair.client.device(), snap=SNAP)
    pair.fetch("large", family, times=20 if loss < 0.01 else 4)
    counted = network.settled_counts(quiet_s=1) - before
    recording.stop()
    sent_again = pair.server.protocol_counters()["Tcp.RetransSegs"] - sent_again
    network.reset()
    dropped = counted.ba.dropped_data_segments
    time.sleep(2)  # beyond which nobody reports a duplicate any more
    server = soon(lambda: {k: losses(line, pair.server, "tx").get(k) for k in ("lost_before", "lost_after")},
                  {"lost_before": 0, "lost_after": dropped})
    client = losses(line, pair.client, "rx")
    of_server = losses(line, pair.server, "tx")
    # The server's tap saw each copy: those that were lost, and those that were sent for nothing (probes, timeouts).
    assert server["lost_before"] == 0
    assert server["lost_after"] + of_server["spurious"] == sent_again
    # A copy that nobody reports to have had is taken for lost. One that was sent for nothing, and is dropped, is no loss.
    assert dropped - min(1, of_server["spurious"]) <= server["lost_after"] <= dropped + (sent_again - dropped)
    # The client's tap saw what was left: what came after something newer. The end of a burst is missed by nobody there, its copy is the
    # first that the tap sees of it, and how many such there are is chance.
    _, late = sent_data(recording.file)
    assert client["lost_after"] == 0
    assert client["lost_before"] + client["reordered"] + client["spurious"] == late
    assert dropped // 2 <= client["lost_before"] + client["reordered"] <= dropped
    assert client["reordered"] <= max(1, dropped // 10)
    assert client["segments"] == counted.ba.passed_data_segments
    for row in (losses(line, pair.server, "rx"), losses(line, pair.client, "tx")):
        assert row["lost_before"] + row["lost_after"] <= 1, "the other way lost nothing"
    assert client["unseen"] == of_server["unseen"] == 0


@pytest.mark.parametrize("family", Pair.FAMILIES)
def test_reordering_is_not_called_loss(begin, pair, timestamps, family):
    line = capturing(begin(), pair.client, pair.server)
    # RACK waits for a quarter of the round-trip time before it sends again what is only late: longer than a guest waits for its turn.
    pair.network.set("both", delay_ns=50 * MS)
    pair.network.set("ba", reorder_every=20, reorder_by=1)
    before = pair.network.settled_counts()
    pair.fetch("large", family, times=4)
    counted = pair.network.settled_counts(quiet_s=1) - before
    pair.network.reset()
    time.sleep(3)
    client = losses(line, pair.client, "rx")
    assert counted.ba.reordered >= 20
    assert (client["reordered"], client["lost_before"], client["lost_after"]) == (counted.ba.reordered, 0, 0)


def test_a_slow_application_is_slow_in_its_responses_alone(begin, pair):
    pair.server.run("mkdir -p /www/cgi-bin && printf '#!/bin/sh\\nsleep 0.3\\nprintf \"Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nslow\"\\n' "
                    "> /www/cgi-bin/slow && chmod +x /www/cgi-bin/slow")
    line = capturing(begin(), pair.client, pair.server)
    for _ in range(8):
        assert pair.client.run(f"wget -q -O - http://{pair.addresses['ipv4']}/cgi-bin/slow", timeout=30).strip() == "slow"
    time.sleep(2.5)
    server, client = latencies(line, pair.server), latencies(line, pair.client)
    assert server["served"]["count"] == client["asked"]["count"] == 8
    assert 300 <= server["served"]["median_us"] / 1000 <= 600
    assert server["guest_rtt"]["median_us"] / 1000 < 50
    assert client["asked"]["median_us"] >= server["served"]["median_us"] * 0.97
    service = [row for row in vnic(line, pair.server)["latency"] if row["service"] == "tcp/80"]
    assert [row["five_minutes"]["count"] for row in service] == [8]


def test_volumes_equal_the_kernels(begin, pair):
    line = capturing(begin(), pair.client, pair.server)
    before = uncaptured(line, pair.client, pair.server)
    pair.fetch("large", times=3)
    pair.client.run(f"ping -c 3 -i 0.2 {pair.addresses['ipv4']}")
    assert soon(lambda: missing(line, pair.client, pair.server), before) == before
    assert min(min(volumes(line, vm)) for vm in (pair.client, pair.server)) > 50
    counters = health(line, "capture")["counters"]
    assert (counters["ring_dropped"], counters["packets_elsewhere"], counters["packets_malformed"]) == (0, 0, 0)
    assert all(vnic(line, vm)["flows"]["rx_by"] == "tap" for vm in (pair.client, pair.server))


def test_a_vm_that_starts_later_and_one_that_is_not_selected(libvirt, begin, pair):
    line = capturing(begin('[capture]\nvms = ["^late", "^cp-1$"]\nwindow = 10\n'), pair.client)
    late = libvirt.vm("late-1", [Nic("bridge", pair.network.bridges[0], ip="10.33.0.9/24")]).start()
    try:
        late.wait_up()
        capturing(line, pair.client, late)
        late.fetch(pair.addresses["ipv4"], times=1)
        wait_for(lambda: "guest_rtt" in latencies(line, late), 10, "the new VM's round trips")
        assert vnic(line, pair.server)["latency"] == [] and vnic(line, pair.server)["loss"] is None
        before = health(line, "capture")["counters"]["links"]
    finally:
        late.remove()
    wait_for(lambda: health(line, "capture")["counters"]["links"] == before - 1, 10, "its link to be let go")
    assert health(line, "capture")["state"] == "up"


def test_a_mirror_port(begin, pair):
    vms = pair.client, pair.server
    with mirror_port(pair.network.bridges[0]) as port:
        line = begin(f'[capture]\nports = ["{port}", "mir9"]\nwindow = 10\n')
        wait_for(lambda: health(line, "capture")["state"] == "degraded", 10, "the port that is missing to be named")
        assert health(line, "capture")["message"] == "there is no link mir9 (capture.ports)"
        time.sleep(1)
        pair.fetch("large", times=2)
        wait_for(lambda: "network_rtt" in latencies(line, pair.client), 10, "round trips from the mirror port")
        begun, before = uncaptured(line, *vms), volumes(line, pair.client)
        pair.fetch("large", times=2)
        assert soon(lambda: missing(line, *vms), begun) == begun
        assert (volumes(line, pair.client) - before).rx_octets > 2 * 256 << 10
        assert all(vnic(line, vm)["flows"]["rx_by"] == "outer_mac" for vm in vms)
        run("ip", "link", "set", port, "down")
        wait_for(lambda: "is down" in health(line, "capture")["message"], 10, "the port that is down to be named")


def test_without_the_right_to_capture_the_others_run(begin, pair):
    line = begin(user="vmtraffic")
    wait_for(lambda: health(line, "capture")["state"] == "down", 10, "the probe to be down")
    message = health(line, "capture")["message"]
    assert "CAP_NET_RAW" in message and message.count(". ") == 0, message
    assert soon(lambda: {p["state"] for p in snapshot(line)["health"] if p["name"] not in ("capture", "libvirt qemu:///system")}, {"up"}) == {"up"}
    assert line.collector.log_text().count("CAP_NET_RAW") == 1, "said once"


def test_the_right_to_capture_is_enough(libvirt, begin, pair):
    line = begin()
    line.stop()
    line.collector = libvirt.process("vmtraffic-collect", [
        "setpriv", "--reuid=vmtraffic", "--regid=vmtraffic", "--init-groups", "--inh-caps=-all,+net_raw", "--bounding-set=-all,+net_raw",
        "--ambient-caps=-all,+net_raw", str(line.programs / "vmtraffic-collect"), "--config", str(line.config)])
    wait_for(lambda: health(line, "capture")["state"] == "up", 15, "the probe to capture", line.collector.log)
