"""A network of known delay and loss between two bridges: forwarder.cpp, which counts exactly what it does.

    network = lab.forwarder("net", BUILD / "tests/lab/lab_forwarder")
    a = lab.vm("a", [Nic("bridge", network.bridges[0], ip="10.0.0.1/24", offload=False)])
    b = lab.vm("b", [Nic("bridge", network.bridges[1], ip="10.0.0.2/24", offload=False)])
    network.set("ba", delay_ns=10_000_000, loss=0.05, loss_of="data", seed=7)
    ...
    network.settled_counts().ba.dropped_data_segments

What to know:
- ab is the way from the first bridge to the second, ba the way back. A tap on the sender's bridge sees a frame before it may be dropped,
  one on the receiver's bridge sees what is left.
- With offload=False the guests send no super-frames, so that what is dropped, held back or doubled is one segment. With offloading a frame
  may be 64 KiB, and dropping it loses all of its segments at once; they are counted one by one.
- A retransmission can be dropped as well, and is counted again: as many copies as were dropped were sent anew, not as many ranges.
- The delay begins with the kernel's receive stamp. On a busy machine a frame may still be sent late: `late` and `latest_ns` say so.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from . import LAB_DIR, LabError, net
from .process import Process

NOT_A_SUM = "latest_ns"


@dataclass(frozen=True)
class ForwarderCounts:
    """What the forwarder did in one direction; forwarder.cpp says what each is. received = passed + dropped + unsent + waiting."""
    received_frames: int = 0
    received_octets: int = 0
    passed_frames: int = 0
    passed_octets: int = 0
    passed_data_segments: int = 0
    dropped_frames: int = 0
    dropped_octets: int = 0
    dropped_data_segments: int = 0
    dropped_syns: int = 0
    dropped_pure_acks: int = 0
    reordered: int = 0
    duplicated: int = 0
    unsent: int = 0
    waiting: int = 0
    missed: int = 0
    super_frames: int = 0
    late: int = 0
    latest_ns: int = 0

    def __sub__(self, earlier: ForwarderCounts) -> ForwarderCounts:
        """What was done since; latest_ns stays that of the whole time."""
        return ForwarderCounts(**{name: getattr(self, name) - (0 if name == NOT_A_SUM else getattr(earlier, name))
                                  for name in self.__dataclass_fields__})


class BothWays(NamedTuple):
    ab: ForwarderCounts
    ba: ForwarderCounts

    def __sub__(self, earlier: BothWays) -> BothWays:
        return BothWays(self.ab - earlier.ab, self.ba - earlier.ba)


class Forwarder:
    """Two bridges, NAME-a and NAME-b, with the forwarder between them, which at first passes everything at once.

    `ends` are the links that it reads and writes; with bridges=False there are none but those, whose other sides are `ports`.
    """

    def __init__(self, name: str, program: Path, bridges: bool = True):
        self.name = name
        self.ports = (f"{name}-port-a", f"{name}-port-b")
        self.ends = (f"{name}-end-a", f"{name}-end-b")
        self.bridges = (f"{name}-a", f"{name}-b") if bridges else ()
        self.socket = LAB_DIR / f"{name}.socket"
        self.process: Process | None = None
        try:
            for bridge in self.bridges:
                net.bridge(bridge)
            for n, (end, port) in enumerate(zip(self.ends, self.ports)):
                net.veth(end, port, self.bridges[n] if bridges else None)
            self.socket.unlink(missing_ok=True)
            self.process = Process(f"forwarder-{name}", [program, *self.ends, self.socket])
            self.process.wait_for_log("forwarding between")
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Forwarder:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def set(self, way: str = "both", **settings: object) -> dict[str, dict]:
        """Changes settings (see Settings in forwarder.cpp) of way ab, ba or both; returns all that are in force. LabError for a bad one."""
        return self.command(f"set {way} " + " ".join(f"{key}={value}" for key, value in settings.items()))

    def reset(self) -> None:
        """All settings as at the start. What waits keeps the delay that it had."""
        self.set(delay_ns=0, loss=0, loss_of="all", seed=1, reorder_every=0, reorder_by=1, reorder_hold_ns=1_000_000, duplicate_every=0)

    def counts(self) -> BothWays:
        """Since the start."""
        answer = self.command("counts")
        return BothWays(*(ForwarderCounts(**answer[way]) for way in BothWays._fields))

    def settled_counts(self, quiet_s: float = 0.5, timeout: float = 30.0) -> BothWays:
        """The counts once nothing has come or waited for `quiet_s` seconds. LabError if there is no rest, or if they are not exact."""
        deadline = time.monotonic() + timeout
        counted, since = self.counts(), time.monotonic()
        while time.monotonic() - since < quiet_s:
            time.sleep(0.05)
            now = self.counts()
            if now != counted or now.ab.waiting or now.ba.waiting:
                counted, since = now, time.monotonic()
            if time.monotonic() > deadline:
                raise LabError(f"The forwarder {self.name} is still busy after {timeout:g} s: {now}")
        if any(way.missed or way.unsent for way in counted):
            raise LabError(f"The forwarder {self.name} lost frames that it was not asked to lose: {counted}")
        return counted

    def stop(self) -> None:
        """Ends it, and removes its links and bridges. LabError if it had ended by itself."""
        ended = self.process.exit_code
        self.process.stop()
        self._remove_links()
        if ended is not None:
            raise LabError(f"The forwarder {self.name} had ended with {ended}: {self.process.log_text()}")

    def kill(self) -> None:
        """The same by force, whatever state it is in."""
        if self.process is not None:
            self.process.kill()
        self._remove_links()

    def command(self, text: str, timeout: float = 5.0) -> dict:
        """Sends one line to the forwarder and returns its answer; LabError when that is an error."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.bind("")  # the kernel finds a name, to which the answer can come
            own.settimeout(timeout)
            try:
                own.sendto(text.encode(), os.fspath(self.socket))
                answer = json.loads(own.recv(65536))
            except OSError as error:
                raise LabError(f"The forwarder {self.name} does not answer `{text}`: {error}. Its log: {self.process.log_text()}") from None
        if "error" in answer:
            raise LabError(f"The forwarder {self.name} refuses `{text}`: {answer['error']}")
        return answer

    def _remove_links(self) -> None:
        for link in (*self.ends, *self.bridges):
            with contextlib.suppress(LabError):
                if net.exists(link):
                    net.delete(link)
