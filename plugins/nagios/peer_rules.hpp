// With whom a VM may talk, and what about: --allow, --deny, --allow-port, --deny-port. This is the only place that knows their grammar.
// Pure.
//
//   10.0.0.0/8, 2001:db8::1   a network or an address            tcp/25          a service's port
//   backup                    a network of [sflow.networks]      tcp/8000-8099   a range of them
//   vm:web1, vm:/^web/        another VM of the same host
//
// A network of either kind is also about the VMs that are known to have an address in it, and a network of addresses about what stands
// under the name of a network inside it. Who cannot be told apart by what is known is undecided, which is never fine.
//
// What is denied is forbidden. Where something is allowed, all else is forbidden, except what a rule of that kind cannot be about: a packet
// that is neither TCP nor UDP has no port.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/address.hpp"
#include "core/flows.hpp"
#include "core/result.hpp"
#include "plugins/nagios/named_networks.hpp"
#include "plugins/nagios/selection.hpp"

namespace vmtraffic::nagios {

// Who a rule is judged by: the other end of a conversation.
struct PeerFacts {
  PeerKind kind{PeerKind::kNone};
  IpAddress address{};                            // kAddress
  std::string_view network{};                     // kNetwork
  std::string_view vm{};                          // kVnic: its domain's name
  std::span<const std::string_view> addresses{};  // kVnic: those that are known of it
};

struct PeerRule {
  struct Network {
    std::string name;
  };
  struct Vm {
    TextMatch name;
  };
  std::variant<IpNetwork, Network, Vm> what;

  Fit fit(const PeerFacts& peer, const NamedNetworks& networks) const;
  std::string text() const;  // for messages
};

// kInvalid with a sentence that says what would be right, or that this is a port's.
Result<PeerRule> parse_peer_rule(std::string_view text);

struct PortRule {
  std::uint8_t protocol{0};
  std::uint16_t first{0}, last{0};

  bool matches(const ServiceKey& service) const;
  std::string text() const;  // "tcp/25", "tcp/8000-8099"
  friend bool operator==(const PortRule&, const PortRule&) = default;
};

// kInvalid with a sentence that says what would be right.
Result<PortRule> parse_port_rule(std::string_view text);

enum class Ruling : std::uint8_t {
  kFine,
  kUndecided,  // it may have an address that a rule is about: under a network's name, or a VM of which no address is known
  kForbidden,
};

struct Judgement {
  Ruling ruling{Ruling::kFine};
  std::string why{};  // "denied by 10.0.0.0/8"; empty when fine
  friend bool operator==(const Judgement&, const Judgement&) = default;
};

struct TalkRules {
  std::vector<PeerRule> allow, deny;
  std::vector<PortRule> allow_ports, deny_ports;

  bool any_for_ports() const { return !allow_ports.empty() || !deny_ports.empty(); }
  Judgement of_peer(const PeerFacts& peer, const NamedNetworks& networks) const;
  Judgement of_service(const ServiceKey& service) const;
  // What rules name and nobody is called, which would be fine for ever; empty where all is there. A pattern need not match anybody. `vms`:
  // those of the host, which is called `where`.
  std::string strangers(const NamedNetworks& networks, const std::vector<std::string_view>& vms, std::string_view where) const;
};

}  // namespace vmtraffic::nagios
