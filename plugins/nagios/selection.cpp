#include "plugins/nagios/selection.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "core/text.hpp"
#include "plugins/nagios/result.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr std::size_t kLongestExpression = 4096;

// RE2 says what is wrong and quotes the piece; the operator also wants to know where in his line it stands.
std::string place_of(std::string_view piece, std::string_view expression) {
  const std::size_t at = piece.empty() ? std::string_view::npos : expression.find(piece);
  return at == std::string_view::npos ? "" : fmt::format(" at character {}", at + 1);
}

bool has_tag(const DomainRow& domain, const TagMatch& match) {
  const std::optional<std::string_view> value = domain.tag(match.key);
  return value && match.value.matches(*value);
}

bool has_tags(const DomainRow& domain, const std::vector<TagMatch>& tags) {
  return std::all_of(tags.begin(), tags.end(), [&](const TagMatch& match) { return has_tag(domain, match); });
}

// "web9", "web9 or db9".
std::string either(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += fmt::format("{}{}", all.empty() ? "" : " or ", text);
  return all;
}

// "2 are known: web1, db1".
std::string what_is_known(const std::vector<std::string_view>& known) {
  if (known.empty()) return "none is known";
  std::vector<std::string> first;
  for (std::size_t i = 0; i < std::min(known.size(), kMostListed + 1); ++i) first.push_back(text_name(known[i]));
  return fmt::format("{} {} known: {}", known.size(), known.size() == 1 ? "is" : "are", listed(first));
}

}  // namespace

TextMatch TextMatch::exact(std::string text) {
  TextMatch match;
  match.text_ = std::move(text);
  return match;
}

Result<TextMatch> TextMatch::pattern(std::string_view expression) {
  if (expression.size() >= 2 && expression.starts_with('/') && expression.ends_with('/')) {
    expression.remove_prefix(1);
    expression.remove_suffix(1);
  }
  if (expression.empty()) return Error{ErrorCode::kInvalid, "the regular expression is empty"};
  if (expression.size() > kLongestExpression) {
    return Error{ErrorCode::kInvalid, fmt::format("the regular expression is longer than {} octets", kLongestExpression)};
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<const re2::RE2>(re2::StringPiece(expression.data(), expression.size()), options);
  if (!compiled->ok()) {
    return Error{ErrorCode::kInvalid, fmt::format("/{}/ is no regular expression: {}{}; the syntax is RE2's", printable(expression, "|"),
                                                  printable(compiled->error(), "|"), place_of(compiled->error_arg(), expression))};
  }
  TextMatch match;
  match.text_ = expression;
  match.expression_ = std::move(compiled);
  return match;
}

Result<TextMatch> TextMatch::parse(std::string_view text) {
  if (text.size() >= 2 && text.starts_with('/') && text.ends_with('/')) return pattern(text);
  return exact(std::string(text));
}

bool TextMatch::matches(std::string_view text) const {
  if (expression_ == nullptr) return text == text_;
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression_);
}

std::string TextMatch::text() const { return is_pattern() ? fmt::format("/{}/", printable(text_, "|")) : text_name(text_); }

std::string TagMatch::text() const { return fmt::format("{}={}", line_of(key), value.text()); }

Result<TagMatch> parse_tag_match(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("{} is no tag; right would be KEY=VALUE or KEY=/EXPRESSION/, e.g. nova.project=web", text_name(text))};
  }
  Result<TextMatch> value = TextMatch::parse(text.substr(equals + 1));
  if (!value) return value.error();
  return TagMatch{std::string(text.substr(0, equals)), std::move(*value)};
}

bool Selection::accepts(const MacAddress& mac) const { return macs.empty() || std::find(macs.begin(), macs.end(), mac) != macs.end(); }

std::size_t Missing::count() const {
  return names.size() + patterns.size() + uuids.size() + tags.size() + macs.size() + (combination ? 1 : 0);
}

std::string Missing::text(const Selection& selection, const std::vector<std::string_view>& known) const {
  std::string all;
  const auto add = [&](const std::string& sentence) { all += (all.empty() ? "" : "; ") + sentence; };
  if (!names.empty()) add(fmt::format("no VM is called {} ({})", either(names), what_is_known(known)));
  if (!patterns.empty()) add(fmt::format("no VM's name matches {}", either(patterns)));
  if (!uuids.empty()) add(fmt::format("no VM has the UUID {}", either(uuids)));
  if (!tags.empty()) add(fmt::format("no VM has the tag {}", either(tags)));
  // Only the vNICs of VMs that are selected were looked at.
  const bool some_vms = selection.selects_domains() || !selection.tags.empty();
  if (!macs.empty()) add(fmt::format("no {} has the vNIC {}", some_vms ? "VM that is selected" : "VM", either(macs)));
  if (combination) add("no VM has all that is asked for");
  return all;
}

Missing visit_domains(const Snapshot& snapshot, const Selection& selection, const VisitDomain& visit) {
  const std::size_t count = snapshot.domain_count();
  std::vector<bool> name_found(selection.names.size(), false);
  std::vector<bool> uuid_found(selection.uuids.size(), false);
  for (std::size_t index = 0; index < count; ++index) {
    const DomainRow domain = snapshot.domain(index);
    bool wanted = !selection.selects_domains();
    for (std::size_t i = 0; i < selection.names.size(); ++i) {
      if (!selection.names[i].matches(domain.name)) continue;
      name_found[i] = true;
      wanted = true;
    }
    for (std::size_t i = 0; i < selection.uuids.size(); ++i) {
      if (selection.uuids[i] != domain.uuid) continue;
      uuid_found[i] = true;
      wanted = true;
    }
    visit(domain, wanted && has_tags(domain, selection.tags));
  }
  Missing missing;
  for (std::size_t i = 0; i < selection.names.size(); ++i) {
    const TextMatch& name = selection.names[i];
    if (!name_found[i]) (name.is_pattern() ? missing.patterns : missing.names).push_back(name.text());
  }
  for (std::size_t i = 0; i < selection.uuids.size(); ++i) {
    if (!uuid_found[i]) missing.uuids.push_back(selection.uuids[i].text());
  }
  return missing;
}

std::vector<std::string> absent_tags(const Snapshot& snapshot, const std::vector<TagMatch>& tags) {
  std::vector<std::string> absent;
  for (const TagMatch& match : tags) {
    bool found = false;
    for (std::size_t index = 0; index < snapshot.domain_count() && !found; ++index) found = has_tag(snapshot.domain(index), match);
    if (!found) absent.push_back(match.text());
  }
  return absent;
}

}  // namespace vmtraffic::nagios
