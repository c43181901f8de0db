// A model of a snapshot, for tests of the SNMP tables.
#pragma once

#include <string>
#include <vector>

#include "core/snapshot/writer.hpp"
#include "plugins/snmp-subagent/subtree.hpp"
#include "tests/unit/snapshot_fixture.hpp"

namespace vmtraffic::snmp {

inline std::shared_ptr<const Snapshot> parsed(const SnapshotContent& content) {
  auto snapshot = Snapshot::parse(encode(content));
  return std::make_shared<const Snapshot>(std::move(snapshot).value());
}

inline Model model_of(const SnapshotContent& content) {
  Model model;
  model.snapshot = parsed(content);
  IndexStore store;
  model.rows = std::make_shared<const Rows>(*model.snapshot, store.assign(*model.snapshot));
  return model;
}

inline std::string line(OidView name, const Cell& cell) { return text(name) + " = " + text(cell); }

// All instances in the order in which GETNEXT finds them.
inline std::vector<std::string> walk(const Subtree& subtree, const View& view) {
  std::vector<std::string> lines;
  Oid name;
  while (const auto next = subtree.next(view, name)) {
    lines.push_back(line(next->name, next->cell));
    name = next->name;
  }
  return lines;
}

}  // namespace vmtraffic::snmp
