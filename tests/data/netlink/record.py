#!/usr/bin/python3
"""record.py DIRECTORY: record what this kernel says of a few links, in a network namespace of its own. Needs root and iproute2.

Each file holds the datagrams of one exchange one after the other, as they came:
  links.bin          RTM_GETLINK dump (RTEXT_FILTER_SKIP_STATS): lo, a veth pair with an alternative name, a tap, a macvtap, a bridge
  stats.bin          RTM_GETSTATS dump (IFLA_STATS_LINK_64) of the same
  bridge_port.bin    notifications while a veth joins a bridge and leaves it again
  renamed.bin        notifications while a veth is renamed and gets and loses an alternative name (told only of links that are up)
  deleted.bin        notifications while the veth pair is deleted

The tests know the indexes and names; counters vary from one recording to the next, so record again only together with the expectations.
"""
import ctypes
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

CLONE_NEWNET = 0x40000000
RTM_GETLINK, RTM_GETSTATS, NLMSG_DONE = 18, 94, 3
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
RTMGRP_LINK = 1


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def dump(kind: int, body: bytes) -> bytes:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + body)
        answer = b""
        while True:
            datagram = s.recv(32768)
            answer += datagram
            offset = 0
            while offset < len(datagram):
                length, message_type = struct.unpack_from("=IH", datagram, offset)
                if message_type == NLMSG_DONE:
                    return answer
                offset += (length + 3) & ~3


def notifications(*steps: tuple[str, ...]) -> bytes:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.bind((0, RTMGRP_LINK))
        for step in steps:
            ip(*step)
        s.settimeout(0.5)
        heard = b""
        try:
            while True:
                heard += s.recv(32768)
        except TimeoutError:
            return heard


def main() -> None:
    out = Path(sys.argv[1])
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    ip("link", "property", "add", "dev", "va", "altname", "the-alternative-name-of-va")
    ip("tuntap", "add", "tap-vm1", "mode", "tap")
    ip("link", "add", "link", "vb", "name", "macvtap0", "type", "macvtap")
    ip("link", "add", "br0", "type", "bridge")
    for name in ("va", "vb", "macvtap0"):
        ip("link", "set", name, "up")
    ip("address", "add", "10.0.0.1/24", "dev", "va")
    subprocess.run(["ping", "-c", "3", "-i", "0.2", "-W", "1", "10.0.0.2"], stdout=subprocess.DEVNULL)
    (out / "links.bin").write_bytes(dump(RTM_GETLINK, struct.pack("=BxHiII", 0, 0, 0, 0, 0) + struct.pack("=HHI", 8, 29, 8)))
    (out / "stats.bin").write_bytes(dump(RTM_GETSTATS, struct.pack("=BBHII", 0, 0, 0, 0, 1)))
    (out / "bridge_port.bin").write_bytes(notifications(("link", "set", "va", "master", "br0"), ("link", "set", "va", "nomaster")))
    (out / "renamed.bin").write_bytes(notifications(
        ("link", "set", "va", "down"), ("link", "set", "va", "name", "vc"), ("link", "set", "vc", "up"),
        ("link", "property", "add", "dev", "vc", "altname", "second"),
        ("link", "property", "del", "dev", "vc", "altname", "second"), ("link", "property", "del", "dev", "vc", "altname", "the-alternative-name-of-va")))
    (out / "deleted.bin").write_bytes(notifications(("link", "del", "vc")))


if __name__ == "__main__":
    os.umask(0o022)
    main()
