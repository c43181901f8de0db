"""A network between an sFlow agent and its collector that loses, doubles and reorders datagrams on purpose, and counts what it did."""

from __future__ import annotations

import random
import socket
import threading


class Relay(threading.Thread):
    """Passes datagrams from one loopback port to another. From mangle() to behave() a tenth of them is lost, a tenth sent twice, and of a tenth
    each is sent after its successor. What it did stands in lost, doubled and late.
    """

    SHARE = 0.1

    def __init__(self, port: int, target: int, seed: int = 1) -> None:
        super().__init__(daemon=True)
        self._from = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._from.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        self._from.bind(("127.0.0.1", port))
        self._from.settimeout(0.2)
        self._to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._to.bind(("127.0.0.1", 0))
        self._target = ("127.0.0.1", target)
        self._random = random.Random(seed)
        self._mangling = self._stopping = False
        self.passed = self.lost = self.doubled = self.late = 0
        self.start()

    def mangle(self) -> None:
        self._mangling = True

    def behave(self) -> None:
        self._mangling = False

    def stop(self) -> None:
        self._stopping = True
        self.join(5)
        self._from.close()
        self._to.close()

    def run(self) -> None:
        held = None
        while not self._stopping:
            try:
                datagram = self._from.recv(65536)
            except TimeoutError:
                continue
            fate = self._random.random() if self._mangling and held is None else 1
            if fate < self.SHARE:
                self.lost += 1
            elif fate < 2 * self.SHARE:
                self.doubled += 1
                self._send(datagram)
                self._send(datagram)
            elif fate < 3 * self.SHARE:
                held = datagram
            else:
                self._send(datagram)
                if held is not None:
                    self.late += 1
                    self._send(held)
                    held = None

    def _send(self, datagram: bytes) -> None:
        self.passed += 1
        self._to.sendto(datagram, self._target)
