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

  std::string text() const;  // for messages
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

// What was asked for and is not there, each as messages name it.
struct Missing {
  std::vector<std::string> names{}, patterns{}, uuids{}, tags{}, macs{};
  bool combination{false};  // each is there, and no VM has all of it

  std::size_t count() const;
  bool empty() const { return count() == 0; }
  // "no VM is called webb1 (2 are known: web1, db1)": a slip is seen at once beside what there is. `known`: the names of all domains.
  std::string text(const Selection& selection, const std::vector<std::string_view>& known) const;
};

// Calls `visit` for every domain in the snapshot's order, with whether it is selected. Gives what was asked for by name, pattern or UUID
// and matches no VM.
using VisitDomain = std::function<void(const DomainRow& domain, bool selected)>;
Missing visit_domains(const Snapshot& snapshot, const Selection& selection, const VisitDomain& visit);

// The tags that no VM has, for messages. A look at every VM of its own, for when nothing was selected.
std::vector<std::string> absent_tags(const Snapshot& snapshot, const std::vector<TagMatch>& tags);

}  // namespace vmtraffic::nagios
