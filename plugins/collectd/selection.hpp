// Which domains and vNICs are reported: `Domain`, `InterfaceDevice` and `IgnoreSelected` as collectd's virt plugin means them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace vmtraffic::collectd {

// One entry: the very text, or between slashes a POSIX extended regular expression, not anchored (collectd's rule for all its lists).
class Pattern {
 public:
  static Result<Pattern> compile(const std::string& text);  // error: what regcomp says
  bool matches(std::string_view name) const;

 private:
  explicit Pattern(std::string text) : text_(std::move(text)) {}
  std::string text_;
  std::shared_ptr<const void> regex_;  // a regex_t; nothing: compare the text
};

struct Selection {
  std::vector<std::string> connections;  // libvirt URIs; empty: all
  std::vector<Pattern> domains;          // by name
  std::vector<Pattern> interfaces;       // by "domain:tap", "domain:MAC" or "domain:interface-N"
  bool ignore_selected{false};           // the lists say what to leave out, instead of what to take

  bool takes_connection(std::string_view uri) const;
  bool takes_domain(std::string_view name) const;
  // By any of the vNIC's names, so that a list written for one InterfaceFormat serves under another.
  bool takes_interface(std::string_view domain, const std::vector<std::string>& names) const;
};

}  // namespace vmtraffic::collectd
