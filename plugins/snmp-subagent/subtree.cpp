#include "plugins/snmp-subagent/subtree.hpp"

#include <algorithm>
#include <cassert>

namespace vmtraffic::snmp {
namespace {

bool less(OidView a, OidView b) { return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end()); }

bool starts_with(OidView name, OidView prefix) {
  return name.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), name.begin());
}

Oid joined(OidView first, OidView second) {
  Oid oid;
  oid.reserve(first.size() + second.size());
  oid.insert(oid.end(), first.begin(), first.end());
  oid.insert(oid.end(), second.begin(), second.end());
  return oid;
}

}  // namespace

Subtree::Subtree(std::span<const Table> tables) {
  for (const Table& table : tables) {
    for (const Column& column : table.columns) columns_.push_back({joined(table.entry, OidView(&column.number, 1)), table.rows, &column});
  }
  std::sort(columns_.begin(), columns_.end(), [](const FlatColumn& a, const FlatColumn& b) { return less(a.name, b.name); });
  for (std::size_t i = 1; i < columns_.size(); ++i) assert(!starts_with(columns_[i].name, columns_[i - 1].name));
}

Subtree::Answer Subtree::get(const View& view, OidView name) const {
  // The column of an instance is the last one not after it.
  auto column = std::upper_bound(columns_.begin(), columns_.end(), name, [](OidView a, const FlatColumn& b) { return less(a, b.name); });
  if (column == columns_.begin() || !starts_with(name, (--column)->name)) return {std::nullopt, Absent::kNoSuchObject};
  const RowKeys& rows = view.rows(column->rows);
  const auto at = rows.find(name.subspan(column->name.size()));
  if (!at) return {std::nullopt, Absent::kNoSuchInstance};
  return {column->column->value(view, rows.row(*at)), Absent::kNoSuchInstance};
}

std::optional<Subtree::Instance> Subtree::next(const View& view, OidView name) const {
  auto column = std::upper_bound(columns_.begin(), columns_.end(), name, [](OidView a, const FlatColumn& b) { return less(a, b.name); });
  std::size_t at = 0;
  if (column != columns_.begin() && starts_with(name, std::prev(column)->name)) {
    --column;  // `name` is within it: go on after that row
    at = view.rows(column->rows).after(name.subspan(column->name.size()));
  }
  for (; column != columns_.end(); ++column, at = 0) {
    const RowKeys& rows = view.rows(column->rows);
    for (; at < rows.size(); ++at) {
      if (auto cell = column->column->value(view, rows.row(at))) return Instance{joined(column->name, rows.key(at)), *std::move(cell)};
    }
  }
  return std::nullopt;
}

}  // namespace vmtraffic::snmp
