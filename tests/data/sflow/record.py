#!/usr/bin/python3
"""record.py FILE: record what a real Open vSwitch sends as sFlow, as a pcap of Ethernet frames. Start it in the lab's sandbox:

    tests/lab/sandbox /usr/bin/python3 "$PWD/tests/data/sflow/record.py" "$PWD/tests/data/sflow/ovs.pcap"

Two hosts on one bridge (access ports of VLAN 7 and of none), a third one behind a VXLAN tunnel of that bridge, and the tunnel's own bridge.
Every packet is sampled, counters come each second, headers have 128 octets. The traffic: ARP, ping (plain, large enough for fragments), TCP with
its handshake and end, UDP, and what goes into the tunnel, which nobody answers.
"""
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))
from lab import Lab, net, run, wait_for  # noqa: E402
from vmlab.ovs import vsctl  # noqa: E402

LARGEST_FILE = 195 * 1024
PORT, OUTGOING = 6343, 4
FAR_MAC = "52:54:00:00:00:99"
LISTEN = "import socket; s = socket.create_server(('', 8000)); c, _ = s.accept(); c.sendall(b'x' * 20000); c.close()"
FETCH = "import socket; c = socket.create_connection(('10.0.0.2', 8000)); n = 0\nwhile d := c.recv(4096): n += len(d)\nassert n == 20000"
SEND = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); [s.sendto(b'y' * 64 * i, ('10.0.0.2', 9000 + i)) for i in range(1, 8)]"


def host(name: str, address: str, bridge: str, *options: str) -> None:
    net.ip("netns", "add", name)
    net.ip("link", "add", "name", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
    for command in (("address", "add", address, "dev", "eth0"), ("link", "set", "dev", "eth0", "up"), ("link", "set", "dev", "lo", "up")):
        net.ip("-n", name, *command)
    run("ip", "netns", "exec", name, "ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off")
    net.silence(f"v{name}")
    net.ip("link", "set", "dev", f"v{name}", "up")
    vsctl("add-port", bridge, f"v{name}", *options)


def inside(name: str, *command: str, check: bool = True) -> None:
    run("ip", "netns", "exec", name, *command, check=check, timeout=30)


def make_traffic() -> None:
    inside("a", "ping", "-c", "5", "-i", "0.2", "10.0.0.2")
    inside("a", "ping", "-c", "2", "-i", "0.2", "-s", "4000", "10.0.0.2")
    server = subprocess.Popen(["ip", "netns", "exec", "b", sys.executable, "-c", LISTEN])
    wait_for(lambda: ":1F40 00000000:0000 0A" in Path(f"/proc/{server.pid}/net/tcp").read_text(), 10, "the server")
    inside("a", sys.executable, "-c", FETCH)
    server.wait(10)
    inside("a", sys.executable, "-c", SEND)
    inside("c", "ping", "-c", "1", "-W", "1", "10.0.0.2", check=False)  # another VLAN
    inside("a", "ping", "-c", "3", "-i", "0.2", "-W", "1", "10.0.0.99", check=False)  # into the tunnel, known to be behind it
    inside("a", "ping", "-c", "1", "-W", "1", "10.0.0.98", check=False)  # asked for on every port


def keep_making_traffic() -> None:
    while True:
        make_traffic()


def main() -> None:
    frames: list[tuple[float, bytes]] = []
    with Lab() as lab, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as capture:
        switch = lab.start_ovs()
        switch.bridge("br-int")
        switch.bridge("br-under", "192.168.9.1/24")
        host("far", "192.168.9.2/24", "br-under")
        host("a", "10.0.0.1/24", "br-int")
        host("b", "10.0.0.2/24", "br-int")
        host("c", "10.0.0.3/24", "br-int", "tag=7")
        vsctl("add-port", "br-int", "vx0", "--", "set", "interface", "vx0", "type=vxlan", "options:remote_ip=192.168.9.2", "options:key=5001")
        run("ovs-appctl", "fdb/add", "br-int", "vx0", "0", FAR_MAC)
        net.ip("-n", "a", "neighbour", "add", "10.0.0.99", "lladdr", FAR_MAC, "dev", "eth0")
        run("ping", "-c", "1", "192.168.9.2")
        capture.bind(("lo", 0x0800))
        capture.settimeout(10)
        for bridge in ("br-int", "br-under"):
            switch.sflow(bridge, sampling=1, polling=1, header=128)
        total = 24
        threading.Thread(target=keep_making_traffic, daemon=True).start()
        while len(frames) < 200:
            frame, (_, _, kind, *_) = capture.recvfrom(65535)
            if kind == OUTGOING or len(frame) < 42 or struct.unpack_from("!H", frame, 36)[0] != PORT:
                continue
            if total + 16 + len(frame) > LARGEST_FILE:
                break
            total += 16 + len(frame)
            frames.append((time.time(), frame))
        write(frames)
        print(f"{len(frames)} datagrams, {total} octets", flush=True)
        os._exit(0)  # the traffic's thread is in the middle of something: the sandbox ends it all


def write(frames: list[tuple[float, bytes]]) -> None:
    with open(sys.argv[1], "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for when, frame in frames:
            file.write(struct.pack("=IIII", int(when), int(when % 1 * 1e6), len(frame), len(frame)) + frame)


if __name__ == "__main__":
    main()
