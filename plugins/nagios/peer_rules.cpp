#include "plugins/nagios/peer_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/network_name.hpp"
#include "core/text.hpp"
#include "plugins/nagios/result.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr std::string_view kAllow = "allow", kDeny = "deny";
constexpr std::uint8_t kTcp = 6, kUdp = 17;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || rest != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

Error no_port(std::string_view text) {
  return {ErrorCode::kInvalid,
          fmt::format("\"{}\" is no port; right would be e.g. tcp/443, udp/53 or tcp/8000-8099", printable(text, "|\""))};
}

template <class Rule, class Subject>
const Rule* first_match(const std::vector<Rule>& rules, const Subject& subject) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.matches(subject); });
  return found == rules.end() ? nullptr : &*found;
}

// Addresses that a guest gives itself wherever it is. They do not tell which others it has.
bool is_link_local(const IpAddress& address) {
  static constexpr IpNetwork kV4{{.version = 4, .octets = {169, 254}}, 16};
  static constexpr IpNetwork kV6{{.version = 6, .octets = {0xFE, 0x80}}, 10};
  return kV4.contains(address) || kV6.contains(address);
}

// Whether a VM has an address that is `in` something.
template <class In>
Fit any_address(const PeerFacts& vm, const In& in) {
  bool known = false;
  for (const std::string_view text : vm.addresses) {
    const std::optional<IpAddress> address = IpAddress::parse(text);
    if (!address) continue;
    if (in(*address)) return Fit::kYes;
    known = known || !is_link_local(*address);
  }
  return known ? Fit::kNo : Fit::kPerhaps;
}

// "known: far, office".
std::string known_names(const std::vector<std::string_view>& names) {
  constexpr std::size_t kMost = 10;
  if (names.empty()) return "it names none";
  std::string text = "known: ";
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", text_name(names[i]));
  return text + (names.size() > kMost ? ", ..." : "");
}

// The best of the rules, and how well it fits.
struct BestRule {
  Fit fit{Fit::kNo};
  const PeerRule* rule{nullptr};
};

BestRule best_of(const std::vector<PeerRule>& rules, const PeerFacts& peer, const NamedNetworks& networks) {
  BestRule best;
  for (const PeerRule& rule : rules) {
    const Fit fit = rule.fit(peer, networks);
    if (fit > best.fit) best = {fit, &rule};
  }
  return best;
}

// Why nobody can say whether the rule is about it, and what to do.
Judgement undecided(const PeerFacts& peer, const PeerRule& rule, std::string_view verb) {
  if (peer.kind == PeerKind::kVnic) {
    return {Ruling::kUndecided, fmt::format("its addresses are not known, so nobody can say whether {} has one of them; {} {}{} instead",
                                            rule.text(), verb, kVmPrefix, text_name(peer.vm))};
  }
  return {Ruling::kUndecided, fmt::format("it may hold {}{}: name that in [sflow.networks] or [capture.networks] and {} the name",
                                          verb == kAllow ? "more than " : "", rule.text(), verb)};
}

}  // namespace

Fit PeerRule::fit(const PeerFacts& peer, const NamedNetworks& networks) const {
  const auto yes = [](bool fits) { return fits ? Fit::kYes : Fit::kNo; };
  const auto* addresses = std::get_if<IpNetwork>(&what);
  const auto* named = std::get_if<Network>(&what);
  switch (peer.kind) {
    case PeerKind::kNone:
      break;
    case PeerKind::kAddress:
      return yes(addresses != nullptr && addresses->contains(peer.address));
    case PeerKind::kNetwork:
      if (addresses != nullptr) return networks.within(peer.network, *addresses);
      return yes(named != nullptr && named->name == peer.network);
    case PeerKind::kVnic:
      if (addresses != nullptr) return any_address(peer, [&](const IpAddress& address) { return addresses->contains(address); });
      if (named == nullptr) return yes(std::get<Vm>(what).name.matches(peer.vm));
      if (!networks.tell_addresses()) return Fit::kNo;
      return any_address(peer, [&](const IpAddress& address) { return networks.name_of(address) == named->name; });
  }
  return Fit::kNo;
}

std::string PeerRule::text() const {
  if (const auto* network = std::get_if<IpNetwork>(&what)) return network->text();
  if (const auto* network = std::get_if<Network>(&what)) return text_name(network->name);
  return fmt::format("{}{}", kVmPrefix, std::get<Vm>(what).name.text());
}

Result<PeerRule> parse_peer_rule(std::string_view text) {
  constexpr std::string_view kRight =
      "right would be e.g. 10.0.0.0/8, 2001:db8::/32, the name of a network of [sflow.networks] or [capture.networks], or vm:NAME";
  if (text.starts_with(kVmPrefix)) {
    text.remove_prefix(kVmPrefix.size());
    if (text.empty()) return Error{ErrorCode::kInvalid, "a VM's name is not empty; right would be e.g. vm:web1 or vm:/^web/"};
    Result<TextMatch> name = TextMatch::parse(text);
    if (!name) return name.error();
    return PeerRule{PeerRule::Vm{std::move(*name)}};
  }
  if (text.empty()) return Error{ErrorCode::kInvalid, fmt::format("a network's name is not empty; {}", kRight)};
  if (const std::optional<IpNetwork> network = IpNetwork::parse(text)) return PeerRule{*network};
  if (looks_like_address(text)) {
    return Error{ErrorCode::kInvalid, fmt::format("\"{}\" is no network, or has bits set behind its prefix; {}", text, kRight)};
  }
  if (parse_port_rule(text)) {
    return Error{ErrorCode::kInvalid, fmt::format("{} is a port, which --allow-port and --deny-port are for; {}", text, kRight)};
  }
  return PeerRule{PeerRule::Network{std::string(text)}};
}

bool PortRule::matches(const ServiceKey& service) const {
  return service.protocol == protocol && first <= service.port && service.port <= last;
}

std::string PortRule::text() const {
  const std::string port = ServiceKey{protocol, first}.text();
  return first == last ? port : fmt::format("{}-{}", port, last);
}

Result<PortRule> parse_port_rule(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return no_port(text);
  const std::string_view protocol = text.substr(0, slash);
  const std::string_view ports = text.substr(slash + 1);
  const std::size_t dash = ports.find('-');
  const std::optional<std::uint16_t> first = parse_port(ports.substr(0, dash));
  const std::optional<std::uint16_t> last = dash == std::string_view::npos ? first : parse_port(ports.substr(dash + 1));
  if ((protocol != "tcp" && protocol != "udp") || !first || !last || *first > *last) return no_port(text);
  return PortRule{protocol == "tcp" ? kTcp : kUdp, *first, *last};
}

Judgement TalkRules::of_peer(const PeerFacts& peer, const NamedNetworks& networks) const {
  const BestRule denied = best_of(deny, peer, networks);
  if (denied.fit == Fit::kYes) return {Ruling::kForbidden, fmt::format("denied by {}", denied.rule->text())};
  BestRule allowed = best_of(allow, peer, networks);
  // Of a named network an older collector tells no addresses: whoever allows some of them has not allowed it.
  if (peer.kind == PeerKind::kNetwork && !networks.tell_addresses() && allowed.fit == Fit::kPerhaps) allowed = {};
  if (!allow.empty() && allowed.fit == Fit::kNo) return {Ruling::kForbidden, "not among what is allowed"};
  // Who allows a network or a VM by its name has said that it is well, whatever addresses it has.
  const bool by_name = std::any_of(allow.begin(), allow.end(), [&](const PeerRule& rule) {
    return !std::holds_alternative<IpNetwork>(rule.what) && rule.fit(peer, networks) == Fit::kYes;
  });
  if (denied.fit == Fit::kPerhaps && !by_name) return undecided(peer, *denied.rule, kDeny);
  if (allowed.fit == Fit::kPerhaps) return undecided(peer, *allowed.rule, kAllow);
  return {};
}

std::string TalkRules::strangers(const NamedNetworks& networks, const std::vector<std::string_view>& vms, std::string_view where) const {
  std::vector<std::string> sentences;
  const auto add = [&](std::string sentence) {
    if (std::find(sentences.begin(), sentences.end(), sentence) == sentences.end()) sentences.push_back(std::move(sentence));
  };
  for (const std::vector<PeerRule>* rules : {&deny, &allow}) {
    for (const PeerRule& rule : *rules) {
      if (const auto* network = std::get_if<PeerRule::Network>(&rule.what); network != nullptr && !networks.knows(network->name)) {
        add(fmt::format("no network {} in [sflow.networks] or [capture.networks]; {}", text_name(network->name),
                        known_names(networks.names())));
      }
      const auto* vm = std::get_if<PeerRule::Vm>(&rule.what);
      if (vm == nullptr || vm->name.is_pattern()) continue;
      if (std::none_of(vms.begin(), vms.end(), [&](std::string_view name) { return vm->name.matches(name); }))
        add(fmt::format("no VM {} on {}", vm->name.text(), where));
    }
  }
  return fmt::format("{}", fmt::join(sentences, "; "));
}

Judgement TalkRules::of_service(const ServiceKey& service) const {
  if (service.protocol == 0) return {};
  if (const PortRule* rule = first_match(deny_ports, service)) return {Ruling::kForbidden, fmt::format("denied by {}", rule->text())};
  if (allow_ports.empty() || first_match(allow_ports, service) != nullptr) return {};
  return {Ruling::kForbidden, fmt::format("{} is not allowed", service.text())};
}

}  // namespace vmtraffic::nagios
