// A model of a snapshot, for tests of the SNMP tables.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
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

inline Oid name_of(const std::string& line) { return *parse_oid(line.substr(0, line.find(' '))); }

inline std::string get_line(const Subtree& subtree, const View& view, const Oid& name) {
  const Subtree::Answer answer = subtree.get(view, name);
  return answer.cell ? line(name, *answer.cell) : answer.absent == Subtree::Absent::kNoSuchObject ? "noSuchObject" : "noSuchInstance";
}

inline std::string next_line(const Subtree& subtree, const View& view, const Oid& name) {
  const auto next = subtree.next(view, name);
  return next ? line(next->name, next->cell) : "end";
}

inline Oid with(Oid name, SubId last) {
  name.push_back(last);
  return name;
}

// Every instance by GET, and by GETNEXT from all the names around it.
inline void expect_whole(const Subtree& subtree, const View& view, const std::vector<std::string>& expected) {
  EXPECT_THAT(walk(subtree, view), testing::ElementsAreArray(expected));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Oid name = name_of(expected[i]);
    const std::string& after = i + 1 < expected.size() ? expected[i + 1] : "end";
    EXPECT_EQ(get_line(subtree, view, name), expected[i]);
    EXPECT_EQ(get_line(subtree, view, with(name, 0)), "noSuchInstance");
    EXPECT_EQ(next_line(subtree, view, name), after);
    EXPECT_EQ(next_line(subtree, view, with(name, 0)), after) << "below an instance";
    EXPECT_EQ(next_line(subtree, view, with(name, 0xFFFF'FFFF)), after) << "below an instance";
    for (std::size_t length = 0; length < name.size(); ++length) {  // from its column, table, group: the first instance of those
      const Oid prefix(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(length));
      const auto first = std::find_if(expected.begin(), expected.end(), [&](const std::string& one) {
        const Oid other = name_of(one);
        return std::equal(prefix.begin(), prefix.end(), other.begin(),
                          other.begin() + static_cast<std::ptrdiff_t>(std::min(length, other.size())));
      });
      EXPECT_EQ(next_line(subtree, view, prefix), *first);
    }
  }
}

}  // namespace vmtraffic::snmp
