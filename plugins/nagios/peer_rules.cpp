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

const PeerRule* first_network(const std::vector<PeerRule>& rules) {
  const auto found =
      std::find_if(rules.begin(), rules.end(), [](const PeerRule& rule) { return std::holds_alternative<IpNetwork>(rule.what); });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace

bool PeerRule::matches(const PeerFacts& peer) const {
  switch (peer.kind) {
    case PeerKind::kNone:
      break;
    case PeerKind::kAddress: {
      const auto* network = std::get_if<IpNetwork>(&what);
      return network != nullptr && network->contains(peer.address);
    }
    case PeerKind::kNetwork: {
      const auto* network = std::get_if<Network>(&what);
      return network != nullptr && network->name == peer.network;
    }
    case PeerKind::kVnic: {
      if (const auto* vm = std::get_if<Vm>(&what)) return vm->name.matches(peer.vm);
      const auto* network = std::get_if<IpNetwork>(&what);
      if (network == nullptr) return false;
      return std::any_of(peer.addresses.begin(), peer.addresses.end(), [&](std::string_view text) {
        const std::optional<IpAddress> address = IpAddress::parse(text);
        return address && network->contains(*address);
      });
    }
  }
  return false;
}

std::string PeerRule::text() const {
  if (const auto* network = std::get_if<IpNetwork>(&what)) return network->text();
  if (const auto* network = std::get_if<Network>(&what)) return text_name(network->name);
  return fmt::format("{}{}", kVmPrefix, std::get<Vm>(what).name.text());
}

Result<PeerRule> parse_peer_rule(std::string_view text) {
  constexpr std::string_view kRight =
      "right would be e.g. 10.0.0.0/8, 2001:db8::/32, the name of a network of [sflow.networks], or vm:NAME";
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

Judgement TalkRules::of_peer(const PeerFacts& peer) const {
  if (const PeerRule* rule = first_match(deny, peer)) return {Ruling::kForbidden, fmt::format("denied by {}", rule->text())};
  if (!allow.empty()) {
    if (first_match(allow, peer) != nullptr) return {};
    return {Ruling::kForbidden, "not among what is allowed"};
  }
  if (peer.kind != PeerKind::kNetwork) return {};
  const PeerRule* network = first_network(deny);
  if (network == nullptr) return {};
  return {Ruling::kUndecided, fmt::format("it may hold {}: name that in [sflow.networks] and deny the name", network->text())};
}

Judgement TalkRules::of_service(const ServiceKey& service) const {
  if (service.protocol == 0) return {};
  if (const PortRule* rule = first_match(deny_ports, service)) return {Ruling::kForbidden, fmt::format("denied by {}", rule->text())};
  if (allow_ports.empty() || first_match(allow_ports, service) != nullptr) return {};
  return {Ruling::kForbidden, fmt::format("{} is not allowed", service.text())};
}

}  // namespace vmtraffic::nagios
