// Which VMs and vNICs a check looks at.
//
// A VM is selected when it matches any of the names, patterns and UUIDs (none given: every VM) and all of the tags. MACs then choose among
// its vNICs. A name or UUID that was asked for and is not there is told apart from one that was merely filtered out: somebody expects it.
//
// Names are matched octet by octet as libvirt has them. Patterns are RE2's: linear in time whatever a tenant called his VM.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

namespace re2 {
class RE2;
}

namespace vmtraffic::nagios {

// An exact text, or a pattern that may match anywhere in it.
class TextMatch {
 public:
  static TextMatch exact(std::string text);
  // kInvalid with a sentence that names the place of the mistake. A '/' at both ends is taken off.
  static Result<TextMatch> pattern(std::string_view expression);
  // "/expression/" is a pattern, all else exact (libvirt allows no '/' in a name).
  static Result<TextMatch> parse(std::string_view text);

  bool matches(std::string_view text) const;
  bool is_pattern() const { return expression_ != nullptr; }
  std::string text() const;  // for messages: a name in text_name()'s form or "/expression/"

 private:
  std::string text_;
  std::shared_ptr<const re2::RE2> expression_;
};

struct TagMatch {
  std::string key;
  TextMatch value;
};

// "key=value" or "key=/expression/".
Result<TagMatch> parse_tag_match(std::string_view text);

struct Selection {
  std::vector<TextMatch> names;  // exact ones and patterns
  std::vector<DomainUuid> uuids;
  std::vector<TagMatch> tags;
  std::vector<MacAddress> macs;

  bool selects_domains() const { return !names.empty() || !uuids.empty(); }
  bool selects_anything() const { return selects_domains() || !tags.empty() || !macs.empty(); }
  bool accepts(const MacAddress& mac) const;
};

// Calls `visit` for every domain in the snapshot's order, with whether it is selected. Gives what was asked for by name, pattern or UUID
// and matches no VM, for messages.
using VisitDomain = std::function<void(const DomainRow& domain, bool selected)>;
std::vector<std::string> visit_domains(const Snapshot& snapshot, const Selection& selection, const VisitDomain& visit);

}  // namespace vmtraffic::nagios
