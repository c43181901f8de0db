// The grammar of --allow, --deny, --allow-port and --deny-port, and what they forbid.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "plugins/nagios/peer_rules.hpp"

namespace vmtraffic::nagios {

void PrintTo(const Judgement& judgement, std::ostream* out) { *out << static_cast<int>(judgement.ruling) << " " << judgement.why; }

namespace {

constexpr std::string_view kRight =
    "; right would be e.g. 10.0.0.0/8, 2001:db8::/32, the name of a network of [sflow.networks] or [capture.networks], or vm:NAME";

PeerFacts address(const char* text) { return {.kind = PeerKind::kAddress, .address = *IpAddress::parse(text)}; }
PeerFacts network(std::string_view name) { return {.kind = PeerKind::kNetwork, .network = name}; }

const NamedNetworks kOlder({"internal", "office", "backup"}, {});  // names alone

TalkRules rules(const std::vector<const char*>& allow, const std::vector<const char*>& deny) {
  TalkRules rules;
  for (const char* text : allow) rules.allow.push_back(*parse_peer_rule(text));
  for (const char* text : deny) rules.deny.push_back(*parse_peer_rule(text));
  return rules;
}

TEST(PeerRules, Grammar) {
  for (const auto& [text, shown] : std::vector<std::pair<std::string, std::string>>{{"10.0.0.0/8", "10.0.0.0/8"},
                                                                                    {"192.0.2.1", "192.0.2.1/32"},
                                                                                    {"2001:db8::/32", "2001:db8::/32"},
                                                                                    {"backup", "backup"},
                                                                                    {"café", "\"café\""},
                                                                                    {"a|b\n", "\"a\\x7cb\\x0a\""},
                                                                                    {"vm:web1", "vm:web1"},
                                                                                    {"vm:/^web|db/", "vm:/^web\\x7cdb/"}}) {
    const Result<PeerRule> rule = parse_peer_rule(text);
    ASSERT_TRUE(rule.ok()) << text;
    EXPECT_EQ(rule->text(), shown);
  }
}

TEST(PeerRules, Mistakes) {
  for (const auto& [text, sentence] : std::vector<std::pair<std::string, std::string>>{
           {"", "a network's name is not empty" + std::string(kRight)},
           {"10.0.0.1/8", "\"10.0.0.1/8\" is no network, or has bits set behind its prefix" + std::string(kRight)},
           {"10.0.0.0/33", "\"10.0.0.0/33\" is no network, or has bits set behind its prefix" + std::string(kRight)},
           {"10.0.0", "\"10.0.0\" is no network, or has bits set behind its prefix" + std::string(kRight)},
           {"2001:db8::1/32", "\"2001:db8::1/32\" is no network, or has bits set behind its prefix" + std::string(kRight)},
           {"tcp/25", "tcp/25 is a port, which --allow-port and --deny-port are for" + std::string(kRight)},
           {"udp/8000-8099", "udp/8000-8099 is a port, which --allow-port and --deny-port are for" + std::string(kRight)},
           {"vm:", "a VM's name is not empty; right would be e.g. vm:web1 or vm:/^web/"},
           {"vm:/(/", "/(/ is no regular expression: missing ): ( at character 1; the syntax is RE2's"}}) {
    const Result<PeerRule> rule = parse_peer_rule(text);
    ASSERT_FALSE(rule.ok()) << text;
    EXPECT_EQ(rule.error(), (Error{ErrorCode::kInvalid, sentence}));
  }
}

TEST(PeerRules, Ports) {
  EXPECT_EQ(*parse_port_rule("tcp/25"), (PortRule{6, 25, 25}));
  EXPECT_EQ(*parse_port_rule("udp/8000-8099"), (PortRule{17, 8000, 8099}));
  EXPECT_EQ(parse_port_rule("udp/8000-8099")->text(), "udp/8000-8099");
  EXPECT_EQ(parse_port_rule("tcp/65535")->text(), "tcp/65535");
  for (const char* text :
       {"", "25", "tcp", "tcp/", "/25", "tcp/0", "tcp/65536", "tcp/9-8", "tcp/1-", "tcp/-1", "sctp/5", "tcp/ 5", "TCP/25"}) {
    const Result<PortRule> rule = parse_port_rule(text);
    ASSERT_FALSE(rule.ok()) << text;
    EXPECT_EQ(rule.error(), (Error{ErrorCode::kInvalid,
                                   "\"" + std::string(text) + "\" is no port; right would be e.g. tcp/443, udp/53 or tcp/8000-8099"}));
  }
}

TEST(PeerRules, DenyIsStrongerThanAllow) {
  const TalkRules both = rules({"10.0.0.0/8", "backup"}, {"10.66.0.0/16", "vm:/^evil/"});
  EXPECT_EQ(both.of_peer(address("10.1.2.3"), kOlder), (Judgement{}));
  EXPECT_EQ(both.of_peer(address("10.66.0.1"), kOlder), (Judgement{Ruling::kForbidden, "denied by 10.66.0.0/16"}));
  EXPECT_EQ(both.of_peer(address("2001:db8::1"), kOlder), (Judgement{Ruling::kForbidden, "not among what is allowed"}));
  EXPECT_EQ(both.of_peer(network("backup"), kOlder), (Judgement{}));
  EXPECT_EQ(both.of_peer(network("office"), kOlder), (Judgement{Ruling::kForbidden, "not among what is allowed"}));
  EXPECT_EQ(both.of_peer({.kind = PeerKind::kVnic, .vm = "evil-1"}, kOlder), (Judgement{Ruling::kForbidden, "denied by vm:/^evil/"}));
  EXPECT_EQ(rules({}, {}).of_peer(address("10.66.0.1"), kOlder), (Judgement{}));
}

// What a VM has, and what a rule asks for.
PeerFacts vm(const std::vector<std::string_view>& addresses) { return {.kind = PeerKind::kVnic, .vm = "web", .addresses = addresses}; }

const NamedNetworks kNetworks({"office", "lab", "v6"}, {{"lab", *IpNetwork::parse("10.1.7.0/24")},
                                                        {"v6", *IpNetwork::parse("2001:db8::/32")},
                                                        {"office", *IpNetwork::parse("10.1.0.0/16")},
                                                        {"office", *IpNetwork::parse("10.2.0.0/16")}});

Judgement denied_by(std::string_view rule) { return {Ruling::kForbidden, "denied by " + std::string(rule)}; }
Judgement not_known(std::string_view rule, std::string_view verb) {
  return {Ruling::kUndecided, "its addresses are not known, so nobody can say whether " + std::string(rule) + " has one of them; " +
                                  std::string(verb) + " vm:web instead"};
}
Judgement may_hold(std::string_view rule, std::string_view verb) {
  return {Ruling::kUndecided, "it may hold " + std::string(rule) + ": name that in [sflow.networks] or [capture.networks] and " +
                                  std::string(verb) + " the name"};
}
const Judgement kNotAllowed{Ruling::kForbidden, "not among what is allowed"};

TEST(PeerRules, AVmIsItsNameOrItsAddresses) {
  const std::vector<std::string_view> known{"no address", "fe80::1", "10.66.0.9"};
  const PeerFacts web = vm(known);
  EXPECT_EQ(rules({}, {"10.66.0.0/16"}).of_peer(web, kNetworks), denied_by("10.66.0.0/16"));
  EXPECT_EQ(rules({}, {"10.66.0.8"}).of_peer(web, kNetworks), (Judgement{}));
  EXPECT_EQ(rules({"vm:web"}, {}).of_peer(web, kNetworks), (Judgement{}));
  EXPECT_EQ(rules({"10.66.0.0/16"}, {}).of_peer(web, kNetworks), (Judgement{}));
  EXPECT_EQ(rules({"10.67.0.0/16"}, {}).of_peer(web, kNetworks), kNotAllowed);
  EXPECT_EQ(rules({"web"}, {}).of_peer(web, kNetworks), kNotAllowed);  // a network's name
}

TEST(PeerRules, AVmIsInTheNamedNetworkThatHasItsAddress) {
  const std::vector<std::string_view> in_lab{"10.1.7.9", "2001:db8::9"};
  EXPECT_EQ(rules({}, {"lab"}).of_peer(vm(in_lab), kNetworks), denied_by("lab"));
  EXPECT_EQ(rules({}, {"v6"}).of_peer(vm(in_lab), kNetworks), denied_by("v6"));
  EXPECT_EQ(rules({}, {"office"}).of_peer(vm(in_lab), kNetworks), (Judgement{})) << "the longest prefix counts";
  EXPECT_EQ(rules({"lab"}, {}).of_peer(vm(in_lab), kNetworks), (Judgement{}));
  EXPECT_EQ(rules({"office"}, {}).of_peer(vm(in_lab), kNetworks), kNotAllowed);
  EXPECT_EQ(rules({}, {"lab"}).of_peer(vm(in_lab), kOlder), (Judgement{})) << "which addresses that has is not told";
}

TEST(PeerRules, AVmWithoutKnownAddressesIsUndecided) {
  const std::vector<std::string_view> link_local{"fe80::1", "169.254.3.4"};  // which everybody has
  for (const std::vector<std::string_view>& addresses : {std::vector<std::string_view>{}, link_local}) {
    const PeerFacts web = vm(addresses);
    EXPECT_EQ(rules({}, {"vm:db", "10.66.0.2"}).of_peer(web, kNetworks), not_known("10.66.0.2/32", "deny"));
    EXPECT_EQ(rules({}, {"10.66.0.2"}).of_peer(web, kOlder), not_known("10.66.0.2/32", "deny"));
    EXPECT_EQ(rules({}, {"lab"}).of_peer(web, kNetworks), not_known("lab", "deny"));
    EXPECT_EQ(rules({}, {"lab"}).of_peer(web, kOlder), (Judgement{}));
    EXPECT_EQ(rules({}, {"lab", "vm:web"}).of_peer(web, kNetworks), denied_by("vm:web"));
    EXPECT_EQ(rules({"10.0.0.0/8"}, {}).of_peer(web, kNetworks), not_known("10.0.0.0/8", "allow"));
    EXPECT_EQ(rules({"lab"}, {}).of_peer(web, kNetworks), not_known("lab", "allow"));
    EXPECT_EQ(rules({"vm:db"}, {}).of_peer(web, kNetworks), kNotAllowed);
    EXPECT_EQ(rules({"10.0.0.0/8", "vm:web"}, {}).of_peer(web, kNetworks), (Judgement{}));
    EXPECT_EQ(rules({"vm:web"}, {"lab"}).of_peer(web, kNetworks), (Judgement{})) << "somebody said that it is well";
    EXPECT_EQ(rules({"vm:db"}, {"lab"}).of_peer(web, kNetworks), kNotAllowed);
  }
  EXPECT_EQ(rules({}, {"fe80::/10"}).of_peer(vm(link_local), kNetworks), denied_by("fe80::/10"));
}

TEST(PeerRules, ANamedNetworkHidesItsAddresses) {
  // Of an older collector.
  EXPECT_EQ(rules({}, {"10.66.0.0/16"}).of_peer(network("internal"), kOlder), may_hold("10.66.0.0/16", "deny"));
  EXPECT_EQ(rules({"internal"}, {"10.66.0.0/16"}).of_peer(network("internal"), kOlder), (Judgement{}));  // somebody said that it is well
  EXPECT_EQ(rules({"10.0.0.0/8"}, {}).of_peer(network("internal"), kOlder), kNotAllowed);
  for (const NamedNetworks& networks : {kOlder, kNetworks}) {
    EXPECT_EQ(rules({}, {"office"}).of_peer(network("office"), networks), denied_by("office"));
    EXPECT_EQ(rules({}, {"other", "vm:x"}).of_peer(network("office"), networks), (Judgement{}));
  }
}

TEST(PeerRules, ANamedNetworkHasAPlaceAmongTheAddresses) {
  const auto denied = [](const char* rule, std::string_view name) { return rules({}, {rule}).of_peer(network(name), kNetworks); };
  // None of its addresses.
  EXPECT_EQ(denied("10.0.0.2", "v6"), (Judgement{}));
  EXPECT_EQ(denied("10.66.0.0/16", "office"), (Judgement{}));
  EXPECT_EQ(denied("10.1.7.3", "office"), (Judgement{})) << "which is lab's";
  EXPECT_EQ(denied("10.1.7.0/24", "office"), (Judgement{}));
  // All.
  EXPECT_EQ(denied("2001:db8::/32", "v6"), denied_by("2001:db8::/32"));
  EXPECT_EQ(denied("0.0.0.0/0", "office"), denied_by("0.0.0.0/0"));
  // Some.
  EXPECT_EQ(denied("10.1.9.0/24", "office"), may_hold("10.1.9.0/24", "deny"));
  EXPECT_EQ(denied("10.1.0.0/16", "office"), may_hold("10.1.0.0/16", "deny"));
  EXPECT_EQ(denied("10.1.6.0/23", "office"), may_hold("10.1.6.0/23", "deny"));
  EXPECT_EQ(denied("2001:db8::5", "v6"), may_hold("2001:db8::5/128", "deny"));
  // The same for what is allowed.
  EXPECT_EQ(rules({"10.0.0.0/8"}, {}).of_peer(network("office"), kNetworks), (Judgement{}));
  EXPECT_EQ(rules({"10.1.9.0/24"}, {}).of_peer(network("office"), kNetworks), may_hold("more than 10.1.9.0/24", "allow"));
  EXPECT_EQ(rules({"10.66.0.0/16"}, {}).of_peer(network("office"), kNetworks), kNotAllowed);
  // Only its name says that all of it is well.
  EXPECT_EQ(rules({"10.0.0.0/8"}, {"10.1.9.9"}).of_peer(network("office"), kNetworks), may_hold("10.1.9.9/32", "deny"));
  EXPECT_EQ(rules({"10.0.0.0/8", "office"}, {"10.1.9.9"}).of_peer(network("office"), kNetworks), (Judgement{}));
  // Two of one prefix: the first in the configuration counts.
  const IpNetwork same = *IpNetwork::parse("10.0.0.0/8");
  const NamedNetworks twice({"a", "b"}, {{"a", same}, {"b", same}});
  EXPECT_EQ(rules({}, {"10.0.0.0/8"}).of_peer(network("b"), twice), (Judgement{}));
  EXPECT_EQ(rules({}, {"10.0.0.0/8"}).of_peer(network("a"), twice), denied_by("10.0.0.0/8"));
}

TEST(PeerRules, NamesThatNobodyHas) {
  const std::vector<std::string_view> vms{"web", "db"};
  const auto strangers = [&](const TalkRules& rules) { return rules.strangers(kNetworks, vms, "this host"); };
  EXPECT_EQ(strangers(rules({"vm:db", "10.99.0.0/16"}, {"lab", "vm:web", "vm:/^nosuch/"})), "");
  EXPECT_EQ(strangers(rules({}, {"banana"})), "no network banana in [sflow.networks] or [capture.networks]; known: office, lab, v6");
  EXPECT_EQ(strangers(rules({"vm:nosuch", "a|b"}, {"vm:nosuch"})),
            "no VM nosuch on this host; no network \"a\\x7cb\" in [sflow.networks] or [capture.networks]; known: office, lab, v6");
  EXPECT_EQ(rules({"banana"}, {}).strangers(NamedNetworks(), vms, "this host"),
            "no network banana in [sflow.networks] or [capture.networks]; it names none");
  const std::vector<std::string_view> many(11, "n");
  EXPECT_EQ(rules({"banana"}, {}).strangers(NamedNetworks(many, {}), vms, "this host"),
            "no network banana in [sflow.networks] or [capture.networks]; known: n, n, n, n, n, n, n, n, n, n, ...");
}

TEST(PeerRules, Services) {
  TalkRules rules;
  EXPECT_FALSE(rules.any_for_ports());
  rules.allow_ports = {*parse_port_rule("tcp/443"), *parse_port_rule("tcp/8000-8099")};
  rules.deny_ports = {*parse_port_rule("tcp/8080")};
  EXPECT_TRUE(rules.any_for_ports());
  EXPECT_EQ(rules.of_service({6, 443}), (Judgement{}));
  EXPECT_EQ(rules.of_service({6, 8000}), (Judgement{}));
  EXPECT_EQ(rules.of_service({6, 8099}), (Judgement{}));
  EXPECT_EQ(rules.of_service({6, 8100}), (Judgement{Ruling::kForbidden, "tcp/8100 is not allowed"}));
  EXPECT_EQ(rules.of_service({17, 443}), (Judgement{Ruling::kForbidden, "udp/443 is not allowed"}));
  EXPECT_EQ(rules.of_service({6, 8080}), (Judgement{Ruling::kForbidden, "denied by tcp/8080"}));
  EXPECT_EQ(rules.of_service({}), (Judgement{}));  // ICMP, or a mixture
}

}  // namespace
}  // namespace vmtraffic::nagios
