"""What the demo shows: its steps, and the table of rates. Plain lines when nobody watches; nothing here runs or reads anything."""

import itertools
import os
import statistics
import sys
import textwrap
import time
from dataclasses import dataclass

Key = tuple[str, str]  # a VM's name, a vNIC's MAC address
SOURCES = ("collectd", "NRPE", "SNMP", "virsh")  # virsh, last, is what the others are compared with
FULL_WIDTH, LEAST_WIDTH = 108, 75  # of a terminal: for the table with MAC addresses, and for the one without
SAME = 0.01  # the front ends round
CLOSE = 0.10  # two readings of one quantity


@dataclass(frozen=True)
class Rates:
    """Bits per second in the guest's directions. Absent is not zero."""
    rx: float | None = None
    tx: float | None = None


class Steps:
    """What is being done, each step with the time since the beginning. `began` is a reading of time.monotonic()."""

    def __init__(self, began: float, live: bool | None = None):
        self.began = began
        self.live = sys.stdout.isatty() if live is None else live
        self._open = ""

    def elapsed(self) -> str:
        seconds = int(time.monotonic() - self.began)
        return f"{seconds // 60:d}:{seconds % 60:02d}"

    def begin(self, title: str) -> None:
        self._open = title
        if self.live:
            print(f"  {self.elapsed()}  {title:<22}", end="", flush=True)
        else:
            print(f"  {self.elapsed()}  {title} ...", flush=True)

    def progress(self, text: str, milestone: bool = False) -> None:
        """A word on how far it is; without a terminal only milestones are worth a line."""
        if self.live:
            print(f"\r\033[K  {self.elapsed()}  {self._open:<22}{text}", end="", flush=True)
        elif milestone:
            print(f"  {self.elapsed()}  {self._open}: {text}", flush=True)

    def done(self, text: str) -> None:
        if self.live:
            print(f"\r\033[K  {self.elapsed()}  {self._open:<22}{text}", flush=True)
        else:
            print(f"  {self.elapsed()}  {self._open}: {text}", flush=True)
        self._open = ""


def human(rate: float | None) -> str:
    """Four digits at most, always with the unit: 9.98 Mbit/s."""
    if rate is None:
        return "-"
    for factor, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if rate >= factor * 0.9995:
            number = rate / factor
            return f"{number:.{2 if number < 9.995 else 1 if number < 99.95 else 0}f} {unit}"
    return f"{rate:.0f} bit/s"


def agreement(rows: dict[str, dict[Key, Rates]], least: float = 10_000) -> list[str]:
    """Whether the front ends say the same, and how far libvirt is from them; rates below `least` are too small for a percentage."""
    odd: dict[str, float] = {}
    worst, compared = 0.0, False
    for key, way in itertools.product({key for one in rows.values() for key in one}, ("rx", "tx")):
        figures = {source: rate for source in SOURCES if (rate := getattr(rows[source].get(key, Rates()), way)) is not None}
        theirs = figures.pop(SOURCES[-1], None)
        if max([*figures.values(), theirs or 0]) < least:
            continue
        compared = True
        middle = statistics.median_low(figures.values()) if figures else None
        for source in SOURCES[:-1]:
            apart = difference(figures.get(source), middle)
            if apart > SAME:
                odd[source] = max(apart, odd.get(source, 0))
        worst = max(worst, difference(middle, theirs))
    if not compared:
        return ["No traffic to compare at the moment."]
    if odd:
        said = "These differ from the others: " + ", ".join(f"{source} by up to {100 * odd[source]:.0f} %" for source in SOURCES if source in odd) + "."
    else:
        said = f"{', '.join(SOURCES[:-2])} and {SOURCES[-2]} say the same."
    if worst <= CLOSE:
        return [said, f"virsh, asked a moment later, is within {100 * worst:.1f} %."]
    return [said, f"virsh, asked a moment later, differs by up to {100 * worst:.0f} %: traffic changes between two readings."]


def difference(one: float | None, other: float | None) -> float:
    """As a part of the greater; what one of them lacks differs wholly."""
    if one is None or other is None:
        return 0.0 if one is other else 1.0
    return abs(one - other) / max(one, other) if max(one, other) > 0 else 0.0


def shown(text: str, width: int) -> str:
    """Names come from tenants: nothing that a terminal would obey, and no longer than `width`."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= width else clean[:width - 1] + "…"


def table(rows: dict[str, dict[Key, Rates]], most: int = 1000, width: int = FULL_WIDTH) -> list[str]:
    """For each vNIC what it receives and sends, as each source has it; the busiest first if not all have room. Narrow, without MAC addresses."""
    name_width, mac_width, way_width, figure_width = (14, 19, 10, 15) if width >= FULL_WIDTH else (11, 0, 9, 13)
    keys = sorted({key for one in rows.values() for key in one})
    if len(keys) > most:
        def busy(key: Key) -> float:
            return max(((rates.rx or 0) + (rates.tx or 0) for one in rows.values() if (rates := one.get(key))), default=0)
        hidden = len(keys) - most
        keys = sorted(sorted(keys, key=busy, reverse=True)[:most])
    else:
        hidden = 0

    def line(name: str, mac: str, way: str, figures: list[str]) -> str:
        return f"  {name:<{name_width}}{mac if mac_width else '':<{mac_width}}{way:<{way_width}}" + "".join(f"{figure:>{figure_width}}" for figure in figures)
    lines = [line("VM", "vNIC", "", list(SOURCES))]
    for key in keys:
        for way, name, mac, does in (("rx", shown(key[0], name_width - 1), key[1], "receives"), ("tx", "", "", "sends")):
            lines.append(line(name, mac, does, [human(getattr(rows[source].get(key, Rates()), way)) for source in SOURCES]))
    if not keys:
        lines.append("  No running VM yet.")
    if hidden:
        lines.append(f"  ... and {hidden} more vNICs with less traffic")
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """Lines that a terminal of this width shows whole."""
    return textwrap.wrap(text, max(20, width - 1), initial_indent="  ", subsequent_indent="    ")


def block(figures: dict[str, dict[Key, Rates]], title: str, nrpe_text: str, width: int, room: int) -> list[str]:
    """All that is shown of one interval, in at most `room` lines if those suffice for one vNIC."""
    top = wrapped(title, width) + ([] if width >= LEAST_WIDTH else ["  widen the terminal to see all"])
    bottom = [line for text in (*agreement(figures), f"NRPE says: {shown(nrpe_text, 160)}") for line in wrapped(text, width)]
    vnics = (room - len(top) - len(bottom) - 4) // 2  # two empty lines, the table's head, and what has no room
    return [*top, "", *table(figures, max(1, vnics), width), "", *bottom]


class Screen:
    """Shows one block after the other: in place on a terminal, one below the other elsewhere."""

    def __init__(self, live: bool | None = None):
        self.live = sys.stdout.isatty() if live is None else live
        self._height = 0

    def room(self) -> int:
        """Lines that a block may have."""
        return os.get_terminal_size().lines - 2 if self.live else 10_000

    def width(self) -> int:
        return (os.get_terminal_size().columns or 80) if self.live else 10_000

    def show(self, lines: list[str]) -> None:
        if not self.live:
            print("\n" + "\n".join(lines), flush=True)
            return
        lines = [line[:self.width() - 1] for line in lines]
        back = f"\033[{self._height}F\033[J" if self._height else "\n"
        print(back + "\n".join(lines), flush=True)
        self._height = len(lines)
