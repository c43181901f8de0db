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
    "; right would be e.g. 10.0.0.0/8, 2001:db8::/32, the name of a network of [sflow.networks], or vm:NAME";

PeerFacts address(const char* text) { return {.kind = PeerKind::kAddress, .address = *IpAddress::parse(text)}; }
PeerFacts network(std::string_view name) { return {.kind = PeerKind::kNetwork, .network = name}; }

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
  EXPECT_EQ(both.of_peer(address("10.1.2.3")), (Judgement{}));
  EXPECT_EQ(both.of_peer(address("10.66.0.1")), (Judgement{Ruling::kForbidden, "denied by 10.66.0.0/16"}));
  EXPECT_EQ(both.of_peer(address("2001:db8::1")), (Judgement{Ruling::kForbidden, "not among what is allowed"}));
  EXPECT_EQ(both.of_peer(network("backup")), (Judgement{}));
  EXPECT_EQ(both.of_peer(network("office")), (Judgement{Ruling::kForbidden, "not among what is allowed"}));
  EXPECT_EQ(both.of_peer({.kind = PeerKind::kVnic, .vm = "evil-1"}), (Judgement{Ruling::kForbidden, "denied by vm:/^evil/"}));
  EXPECT_EQ(rules({}, {}).of_peer(address("10.66.0.1")), (Judgement{}));
}

TEST(PeerRules, AVmIsItsNameOrItsAddresses) {
  const std::vector<std::string_view> known{"no address", "fe80::1", "10.66.0.9"};
  const PeerFacts web{.kind = PeerKind::kVnic, .vm = "web", .addresses = known};
  EXPECT_EQ(rules({}, {"10.66.0.0/16"}).of_peer(web), (Judgement{Ruling::kForbidden, "denied by 10.66.0.0/16"}));
  EXPECT_EQ(rules({"vm:web"}, {}).of_peer(web), (Judgement{}));
  EXPECT_EQ(rules({"10.66.0.0/16"}, {}).of_peer(web), (Judgement{}));
  EXPECT_EQ(rules({"web"}, {}).of_peer(web), (Judgement{Ruling::kForbidden, "not among what is allowed"}));  // a network's name
  EXPECT_EQ(rules({"10.66.0.0/16"}, {}).of_peer({.kind = PeerKind::kVnic, .vm = "web"}),
            (Judgement{Ruling::kForbidden, "not among what is allowed"}));
}

TEST(PeerRules, ANamedNetworkHidesItsAddresses) {
  EXPECT_EQ(rules({}, {"10.66.0.0/16"}).of_peer(network("internal")),
            (Judgement{Ruling::kUndecided, "it may hold 10.66.0.0/16: name that in [sflow.networks] and deny the name"}));
  EXPECT_EQ(rules({"internal"}, {"10.66.0.0/16"}).of_peer(network("internal")), (Judgement{}));  // somebody said that it is well
  EXPECT_EQ(rules({}, {"internal"}).of_peer(network("internal")), (Judgement{Ruling::kForbidden, "denied by internal"}));
  EXPECT_EQ(rules({}, {"other", "vm:x"}).of_peer(network("internal")), (Judgement{}));
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
