"""The NRPE daemon as user nagios on a private port, and check_nrpe.

What to know: NRPE reads the groups of its user when it starts, so lab.user_group() must come before it (lab.nrpe() sees to that); a check
must stand where user nagios may reach it, see lab.publish().
"""

from __future__ import annotations

from pathlib import Path

from . import LAB_DIR
from .process import Process, run

CHECK_NRPE = "/usr/lib/nagios/plugins/check_nrpe"


class Nrpe(Process):
    """A running NRPE daemon with the given commands, {name: command line}; arguments from the network are refused, as by default."""

    def __init__(self, commands: dict[str, str], *, name: str = "nrpe", port: int = 15666, user: str = "nagios", command_timeout_s: int = 20,
                 config: str = ""):
        self.directory = LAB_DIR / name
        self.directory.mkdir(exist_ok=True)
        self.port = port
        file = self.directory / "nrpe.cfg"
        lines = "".join(f"command[{command}]={line}\n" for command, line in commands.items())
        file.write_text(
            f"server_address=127.0.0.1\nserver_port={port}\nallowed_hosts=127.0.0.1\nnrpe_user={user}\nnrpe_group={user}\n"
            f"pid_file={self.directory}/pid\ndebug=0\ndont_blame_nrpe=0\ncommand_timeout={command_timeout_s}\n"
            f"{config}\n{lines}")
        super().__init__(name, ["/usr/sbin/nrpe", "-f", "-c", file])
        self.wait_for(lambda: f":{port:04X} " in Path("/proc/net/tcp").read_text(), 10, "its port")

    def check(self, command: str, timeout_s: int = 30) -> tuple[int, str]:
        """Runs check_nrpe for one command: (exit status, all text it printed)."""
        done = run(CHECK_NRPE, "-H", "127.0.0.1", "-p", str(self.port), "-t", str(timeout_s), "-c", command, timeout=timeout_s + 5, check=False)
        return done.returncode, done.stdout
