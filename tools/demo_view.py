"""What the demo shows: its steps, and the table of rates. Plain lines when nobody watches; nothing here runs or reads anything."""

import os
import sys
import time
from dataclasses import dataclass

Key = tuple[str, str]  # a VM's name, a vNIC's MAC address
SOURCES = ("collectd", "NRPE check", "SNMP", "virsh")  # virsh, last, is what the others are compared with


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


def agreement(rows: dict[str, dict[Key, Rates]], least: float = 10_000) -> str:
    """One sentence on how far the front ends are from libvirt; rates below `least` are left out, they are too small for a percentage."""
    reference = rows[SOURCES[-1]]
    worst = 0.0
    compared = 0
    for source in SOURCES[:-1]:
        for key, rates in rows[source].items():
            for ours, theirs in ((rates.rx, reference.get(key, Rates()).rx), (rates.tx, reference.get(key, Rates()).tx)):
                if ours is None or theirs is None or max(ours, theirs) < least:
                    continue
                compared += 1
                worst = max(worst, abs(ours - theirs) / max(ours, theirs))
    if compared == 0:
        return "No traffic to compare at the moment."
    return f"All {compared} figures agree with libvirt's within {100 * worst:.1f} %."


def shown(text: str, width: int) -> str:
    """Names come from tenants: nothing that a terminal would obey, and no longer than `width`."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= width else clean[:width - 1] + "…"


def table(rows: dict[str, dict[Key, Rates]], most: int = 1000) -> list[str]:
    """One block of lines: for each vNIC what it receives and sends, as each source has it; the busiest first if not all have room."""
    keys = sorted({key for one in rows.values() for key in one})
    if len(keys) > most:
        def busy(key: Key) -> float:
            return max(((rates.rx or 0) + (rates.tx or 0) for one in rows.values() if (rates := one.get(key))), default=0)
        hidden = len(keys) - most
        keys = sorted(sorted(keys, key=busy, reverse=True)[:most])
    else:
        hidden = 0
    lines = [f"  {'VM':<14}{'vNIC':<19}{'':<10}" + "".join(f"{source:>15}" for source in SOURCES)]
    for key in keys:
        for way, name, vnic in (("rx", shown(key[0], 13), key[1]), ("tx", "", "")):
            figures = "".join(f"{human(getattr(rows[source].get(key, Rates()), way)):>15}" for source in SOURCES)
            lines.append(f"  {name:<14}{vnic:<19}{'receives' if way == 'rx' else 'sends':<10}{figures}")
    if not keys:
        lines.append("  No running VM yet.")
    if hidden:
        lines.append(f"  ... and {hidden} more vNICs with less traffic")
    return lines


class Screen:
    """Shows one block after the other: in place on a terminal, one below the other elsewhere."""

    def __init__(self, live: bool | None = None):
        self.live = sys.stdout.isatty() if live is None else live
        self._height = 0

    def room(self) -> int:
        """Lines that a block may have."""
        return os.get_terminal_size().lines - 2 if self.live else 10_000

    def show(self, lines: list[str]) -> None:
        if not self.live:
            print("\n" + "\n".join(lines), flush=True)
            return
        width = os.get_terminal_size().columns
        lines = [line[:width - 1] for line in lines]
        back = f"\033[{self._height}F\033[J" if self._height else "\n"
        print(back + "\n".join(lines), flush=True)
        self._height = len(lines)
