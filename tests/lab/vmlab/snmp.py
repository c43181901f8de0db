"""snmpd as AgentX master on a private port, and the client tools with their answers parsed.

What to know: with `root` in agentXPerms snmpd 5.9 complains "Can't identify user (root)", for it takes uid 0 for a failure; the group is set all
the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from . import LAB_DIR, LabError
from .process import Process, run

NUMBERS = ("INTEGER", "Gauge32", "Counter32", "Counter64", "Timeticks", "UInteger32")
EXCEPTIONS = {
    "No Such Object available on this agent at this OID": "noSuchObject",
    "No Such Instance currently exists at this OID": "noSuchInstance",
    "No more variables left in this MIB View (It is past the end of the MIB tree)": "endOfMibView",
}


@dataclass(frozen=True)
class Binding:
    """One variable: a numeric OID without leading dot, a type, a value.

    type is INTEGER, Gauge32, Counter32, Counter64, Timeticks (value: int), OCTET STRING, Opaque (bytes), OID (str, no leading dot),
    IpAddress (str), or noSuchObject, noSuchInstance, endOfMibView (None).
    """
    oid: str
    type: str
    value: int | bytes | str | None


class Snmpd(Process):
    """A running master agent. `socket` is where subagents connect; members of group `group` may."""

    def __init__(self, *, name: str = "snmpd", port: int = 16161, config: str = "", arguments: tuple[str, ...] = (),
                 agentx_timeout_s: int = 1, agentx_retries: int = 5, group: str | None = None):
        self.directory = LAB_DIR / name
        self.directory.mkdir(mode=0o755, exist_ok=True)
        (self.directory / "state").mkdir(exist_ok=True)
        self.port = port
        self.address = f"udp:127.0.0.1:{port}"
        self.socket = self.directory / "agentx.sock"
        file = self.directory / "snmpd.conf"
        file.write_text(
            f"rwcommunity private 127.0.0.1\nrocommunity public 127.0.0.1\nmaster agentx\nagentXSocket {self.socket}\n"
            f"agentXPerms 0660 0755 root {group or 'root'}\nagentXTimeout {agentx_timeout_s}\nagentXRetries {agentx_retries}\n{config}\n")
        self.environment = {"SNMP_PERSISTENT_DIR": str(self.directory / "state"), "SNMPCONFPATH": str(self.directory), "MIBS": "", "MIBDIRS": ""}
        super().__init__(name, ["/usr/sbin/snmpd", "-f", "-Le", "-C", "-c", file, "-p", self.directory / "pid", *arguments, self.address],
                         env=self.environment)
        self.wait_for(lambda: self.socket.exists() and self._tool("snmpget", ("-t", "0.2", "-r", "0"), "1.3.6.1.2.1.1.3.0", check=False),
                      10, "an answer")

    def get(self, *oids: str, timeout: float = 10.0) -> list[Binding]:
        return self._tool("snmpget", (), *oids, timeout=timeout)

    def getnext(self, *oids: str, timeout: float = 10.0) -> list[Binding]:
        return self._tool("snmpgetnext", (), *oids, timeout=timeout)

    def getbulk(self, *oids: str, non_repeaters: int = 0, max_repetitions: int = 10, timeout: float = 10.0) -> list[Binding]:
        """One GETBULK."""
        return self._tool("snmpbulkget", (f"-Cn{non_repeaters}", f"-Cr{max_repetitions}"), *oids, timeout=timeout)

    def walk(self, oid: str, timeout: float = 60.0) -> list[Binding]:
        """By GETNEXT. The tool refuses OIDs that do not increase: LabError."""
        return self._tool("snmpwalk", (), oid, timeout=timeout)

    def bulkwalk(self, oid: str, max_repetitions: int = 20, timeout: float = 60.0) -> list[Binding]:
        return self._tool("snmpbulkwalk", (f"-Cr{max_repetitions}",), oid, timeout=timeout)

    def set(self, oid: str, type_letter: str, value: str, timeout: float = 10.0) -> list[Binding]:
        """`snmpset`, with the tool's letters for types: i, u, s, x, o, t, a."""
        return self._tool("snmpset", (), oid, type_letter, value, community="private", timeout=timeout)

    def _tool(self, tool: str, options: tuple[str, ...], *oids: str, timeout: float = 10.0, check: bool = True,
              community: str = "public") -> list[Binding]:
        # The tool's own time per try stays below ours, so that its message is the one that is seen.
        limits = () if "-t" in options else ("-t", f"{max(0.5, timeout - 1):g}", "-r", "0")
        # -On -Oe -Ot -Ox: numeric OIDs and enumerations, plain ticks, octets in hexadecimal. -OU: no units.
        done = run(tool, "-v2c", "-c", community, *limits, *options, "-OnetxU", self.address, *oids, timeout=timeout, check=check,
                   env={"PATH": "/usr/bin:/bin", **self.environment})
        return parse(done.stdout) if done.returncode == 0 else []


class TrapReceiver(Process):
    """snmptrapd (package snmptrapd) on a private port; notifications() are those received so far, each a list of bindings."""

    def __init__(self, *, name: str = "snmptrapd", port: int = 16162):
        self.directory = LAB_DIR / name
        self.directory.mkdir(exist_ok=True)
        self.port = port
        self.address = f"127.0.0.1:{port}"
        file = self.directory / "snmptrapd.conf"
        # One notification a line would be ambiguous with long octet strings: a mark before each, then a variable per line.
        file.write_text("disableAuthorization yes\nformat2 lab-notification\\n%V\\n%v\\n\n")
        super().__init__(name, ["/usr/sbin/snmptrapd", "-f", "-Le", "-C", "-c", file, "-p", self.directory / "pid", "-OnetxU", f"udp:{self.address}"],
                         env={"SNMP_PERSISTENT_DIR": str(self.directory), "SNMPCONFPATH": str(self.directory), "MIBS": "", "MIBDIRS": ""})
        self.wait_for(lambda: f":{self.port:04X} " in Path("/proc/net/udp").read_text(), 10, "its port")

    def notifications(self) -> list[list[Binding]]:
        blocks = self.log_text().split("lab-notification\n")[1:]
        return [parse(block) for block in blocks]


def parse(text: str) -> list[Binding]:
    """Bindings from what the tools print with -OnetxU; long octet strings go over several lines."""
    joined: list[str] = []
    for line in text.splitlines():
        if re.match(r"\.\d[\d.]* = ", line):
            joined.append(line)
        elif joined and re.fullmatch(r"[0-9A-Fa-f ]+", line):
            joined[-1] += " " + line
    return [binding(line) for line in joined]


def binding(line: str) -> Binding:
    oid, _, rest = line.removeprefix(".").partition(" = ")
    if rest.strip() in EXCEPTIONS:
        return Binding(oid, EXCEPTIONS[rest.strip()], None)
    if rest.strip() == '""':
        return Binding(oid, "OCTET STRING", b"")
    kind, _, value = rest.partition(": ")
    value = value.strip()
    if kind == "Hex-STRING" or (kind == "OPAQUE" and re.fullmatch(r"[0-9A-Fa-f ]*", value)):
        return Binding(oid, "OCTET STRING" if kind == "Hex-STRING" else "Opaque", bytes.fromhex(value))
    if kind in NUMBERS:
        return Binding(oid, kind, int(value))
    if kind == "OID":
        return Binding(oid, kind, value.removeprefix("."))
    if kind == "IpAddress":
        return Binding(oid, kind, value)
    if re.fullmatch(r"-?\d+", rest.strip()):  # with -Ot, time ticks come without their type
        return Binding(oid, "Timeticks", int(rest))
    if kind == "STRING":
        return Binding(oid, "OCTET STRING", value.strip('"').encode())
    raise LabError(f"A line of an SNMP tool was not understood: {line!r}")
