#!/usr/bin/python3
"""scan.py DEVICE SOURCE_MAC DESTINATION_MAC COUNT PEER_EVERY: what a guest sends that scans COUNT addresses, 16.0.0.1 and on, by UDP.

Each PEER_EVERYth packet goes to 10.22.0.9 instead, on top of the scan. Bounded: COUNT, and a pace that a switch can follow. Prints how many
packets went to the peer.
"""

import socket
import struct
import sys
import time

PACE = 25_000  # packets a second
BURST = 64
PEER = struct.unpack("!I", socket.inet_aton("10.22.0.9"))[0]
FIRST = struct.unpack("!I", socket.inet_aton("16.0.0.1"))[0]


def main() -> None:
    device, source, destination, count, every = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    head = bytes.fromhex(destination.replace(":", "")) + bytes.fromhex(source.replace(":", "")) + b"\x08\x00"
    head += struct.pack("!BBHHHBBH4s", 0x45, 0, 46, 0, 0, 64, 17, 0, socket.inet_aton("10.22.0.1"))
    tail = struct.pack("!HHHH", 40000, 33434, 26, 0) + bytes(18)
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((device, 0))
    begin, sent, to_peer, address = time.monotonic(), 0, 0, FIRST
    pack = struct.Struct("!I").pack
    while address < FIRST + count:
        for _ in range(BURST):
            sent += 1
            if sent % every == 0:
                to_peer += 1
                out.send(head + pack(PEER) + tail)
            else:
                out.send(head + pack(address) + tail)
                address += 1
        ahead = begin + sent / PACE - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    print(to_peer)


if __name__ == "__main__":
    main()
