#include "plugins/collectd/selection.hpp"

#include <regex.h>

#include <algorithm>

namespace vmtraffic::collectd {
namespace {

bool any_matches(const std::vector<Pattern>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& pattern) { return pattern.matches(name); });
}

}  // namespace

Result<Pattern> Pattern::compile(const std::string& text) {
  Pattern pattern(text);
  if (text.size() < 3 || text.front() != '/' || text.back() != '/') return pattern;
  auto* regex = new regex_t{};
  const std::string expression = text.substr(1, text.size() - 2);
  if (const int status = regcomp(regex, expression.c_str(), REG_EXTENDED); status != 0) {
    char reason[128];
    regerror(status, regex, reason, sizeof reason);
    delete regex;
    return Error{ErrorCode::kInvalid, reason};
  }
  pattern.regex_ = std::shared_ptr<const void>(regex, [](const void* held) {
    auto* mine = static_cast<regex_t*>(const_cast<void*>(held));
    regfree(mine);
    delete mine;
  });
  return pattern;
}

bool Pattern::matches(std::string_view name) const {
  if (!regex_) return name == text_;
  // REG_STARTEND: the name need not end with a NUL, and may hold one.
  regmatch_t range{.rm_so = 0, .rm_eo = static_cast<regoff_t>(name.size())};
  return regexec(static_cast<const regex_t*>(regex_.get()), name.data(), 1, &range, REG_STARTEND) == 0;
}

bool Selection::takes_connection(std::string_view uri) const {
  return connections.empty() || std::find(connections.begin(), connections.end(), uri) != connections.end();
}

bool Selection::takes_domain(std::string_view name) const { return domains.empty() || any_matches(domains, name) != ignore_selected; }

bool Selection::takes_interface(std::string_view domain, const std::vector<std::string>& names) const {
  if (interfaces.empty()) return true;
  const bool listed = std::any_of(names.begin(), names.end(),
                                  [&](const std::string& name) { return any_matches(interfaces, std::string(domain) + ":" + name); });
  return listed != ignore_selected;
}

}  // namespace vmtraffic::collectd
