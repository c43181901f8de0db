// A MIB subtree as data: columns in lexicographic order, each over sorted rows; a cell is made when it is asked for. Scalars are columns
// with the one row .0. GET is a binary search; GETNEXT an upper bound, going on to later rows and columns past absent cells. Pure: values
// in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plugins/snmp-subagent/cell.hpp"
#include "plugins/snmp-subagent/model.hpp"

namespace vmtraffic::snmp {

// The SMI types that our objects have, as the MIB's text names them.
enum class Syntax { kInteger, kUnsigned32, kTimeTicks, kCounter64, kOctetString, kObjectIdentifier };

struct Column {
  SubId number{0};  // below the table's entry, or the group of scalars
  const char* name{""};
  Syntax syntax{Syntax::kInteger};
  // The cell of a row, which is an index into the snapshot; nothing where the value is not known: noSuchInstance.
  std::optional<Cell> (*value)(const View& view, std::size_t row){nullptr};
};

// A table or a group of scalars.
struct Table {
  Oid entry;  // below the subtree's root
  RowSet rows{RowSet::kScalars};
  std::span<const Column> columns;
};

class Subtree {
 public:
  // Tables whose columns interleave are fine; two columns with one name, or one within the other, are not.
  explicit Subtree(std::span<const Table> tables);

  enum class Absent { kNoSuchObject, kNoSuchInstance };
  struct Answer {
    std::optional<Cell> cell;
    Absent absent{Absent::kNoSuchObject};
  };
  // `name` counts from the subtree's root in all of these.
  Answer get(const View& view, OidView name) const;

  struct Instance {
    Oid name;
    Cell cell;
  };
  // The first instance after `name`; nothing at the end of the subtree.
  std::optional<Instance> next(const View& view, OidView name) const;

  struct FlatColumn {
    Oid name;
    RowSet rows;
    const Column* column;
  };
  const std::vector<FlatColumn>& columns() const { return columns_; }

 private:
  std::vector<FlatColumn> columns_;  // sorted by name
};

}  // namespace vmtraffic::snmp
