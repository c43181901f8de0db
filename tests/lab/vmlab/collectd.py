"""collectd with a directory, a configuration and a module directory of its own.

What to know: collectd takes no symbolic links in PluginDir, hence copies; its csv plugin names files by the day, and writes at once.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from . import LAB_DIR
from .process import Process

SYSTEM_MODULES = Path("/usr/lib/collectd")
Values = dict[str, list[tuple[float, list[float | int]]]]


class Collectd(Process):
    """A running collectd. Its log, the logfile plugin's lines included, is log_text(); stop() says how long the end took.

    `config` is put after the lab's own lines: directories, Hostname (lab-host), Interval, logfile and csv. `modules` are copied beside
    the system's modules.
    """

    def __init__(self, config: str, modules: Sequence[Path] = (), *, name: str = "collectd", interval_s: float = 1.0, csv: bool = True,
                 hostname: str = "lab-host", log_level: str = "info", env: dict[str, str] | None = None):
        self.directory = LAB_DIR / name
        self.csv_directory = self.directory / "csv"
        plugins = self.directory / "plugins"
        if not plugins.exists():
            plugins.mkdir(parents=True)
            for module in SYSTEM_MODULES.glob("*.so"):
                shutil.copy(module, plugins)
        for module in modules:
            shutil.copy(Path(module).resolve(), plugins / Path(module).name)
        csv_lines = f'LoadPlugin csv\n<Plugin csv>\n  DataDir "{self.csv_directory}"\n  StoreRates false\n</Plugin>\n' if csv else ""
        file = self.directory / "collectd.conf"
        file.write_text(
            f'Hostname "{hostname}"\nFQDNLookup false\nInterval {interval_s:g}\nBaseDir "{self.directory}"\nPIDFile "{self.directory}/pid"\n'
            f'PluginDir "{plugins}"\nTypesDB "/usr/share/collectd/types.db"\n'
            f'LoadPlugin logfile\n<Plugin logfile>\n  LogLevel {log_level}\n  File stdout\n  Timestamp true\n  PrintSeverity true\n</Plugin>\n'
            f'{csv_lines}{config}\n')
        super().__init__(name, ["/usr/sbin/collectd", "-f", "-C", file], env=env)

    def values(self) -> Values:
        """All that csv has written: {"host/plugin-instance/type-instance": [(time, [value of each data source])]}."""
        found: Values = {}
        for file in sorted(self.csv_directory.rglob("*-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]")):
            identifier = re.sub(r"-\d{4}-\d\d-\d\d$", "", str(file.relative_to(self.csv_directory)))
            rows = file.read_text().splitlines(keepends=True)[1:]
            found.setdefault(identifier, []).extend(parsed(row) for row in rows if row.endswith("\n"))
        return found

    def wait_for_values(self, pattern: str, count: int = 1, timeout: float = 20.0) -> Values:
        """Waits until an identifier that matches the regular expression has `count` rows; returns all that match."""
        def enough() -> Values:
            matching = {name: rows for name, rows in self.values().items() if re.search(pattern, name)}
            return matching if any(len(rows) >= count for rows in matching.values()) else {}
        return self.wait_for(enough, timeout, f"{count} values of {pattern!r}")


def parsed(row: str) -> tuple[float, list[float | int]]:
    time, *values = row.strip().split(",")
    return float(time), [int(value) if re.fullmatch(r"-?\d+", value) else float(value) for value in values]
