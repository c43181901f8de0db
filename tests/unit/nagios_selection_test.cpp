#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nagios_fixture.hpp"
#include "plugins/nagios/selection.hpp"

namespace vmtraffic::nagios {
namespace {

Snapshot some_vms() {
  ContentBuilder builder;
  builder.domain("web1").tags = {{"nova.project", "shop"}, {"nova.flavor", "m1.small"}};
  builder.domain("web2").tags = {{"nova.project", "shop"}};
  builder.domain("db1").tags = {{"nova.project", "bank"}};
  builder.domain("we\nb/\xFF");
  return *Snapshot::parse(encode(builder.content));
}

struct Selected {
  std::vector<std::size_t> domains;
  Missing missing;
};

Selected select(const Selection& selection) {
  Selected selected;
  selected.missing = visit_domains(some_vms(), selection, [&](const DomainRow& domain, bool wanted) {
    if (wanted) selected.domains.push_back(domain.index);
  });
  return selected;
}

TEST(Selection, EverythingByDefault) {
  const Selected all = select({});
  EXPECT_EQ(all.domains, (std::vector<std::size_t>{0, 1, 2, 3}));
  EXPECT_TRUE(all.missing.empty());
}

TEST(Selection, NamesPatternsAndUuidsAddUp) {
  Selection selection;
  selection.names = {TextMatch::exact("db1"), *TextMatch::parse("/^web[12]$/")};
  selection.uuids = {uuid_of(4)};
  EXPECT_EQ(select(selection).domains, (std::vector<std::size_t>{0, 1, 2, 3}));
  selection.uuids.clear();
  EXPECT_EQ(select(selection).domains, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(Selection, NamesAreExactOctets) {
  Selection selection;
  selection.names = {TextMatch::exact("web")};
  EXPECT_EQ(select(selection).domains, (std::vector<std::size_t>{}));
  selection.names = {TextMatch::exact("we\nb/\xFF")};
  EXPECT_EQ(select(selection).domains, (std::vector<std::size_t>{3}));
}

TEST(Selection, TagsMustAllMatch) {
  Selection selection;
  selection.tags = {*parse_tag_match("nova.project=shop")};
  EXPECT_EQ(select(selection).domains, (std::vector<std::size_t>{0, 1}));
  selection.tags.push_back(*parse_tag_match("nova.flavor=/^m1/"));
  EXPECT_EQ(select(selection).domains, (std::vector<std::size_t>{0}));
  EXPECT_TRUE(select(selection).missing.empty());
}

TEST(Selection, SaysWhatIsMissing) {
  Selection selection;
  selection.names = {TextMatch::exact("web1"), TextMatch::exact("gone away"), *TextMatch::pattern("^x|y")};
  selection.uuids = {uuid_of(99)};
  const Selected selected = select(selection);
  EXPECT_EQ(selected.domains, (std::vector<std::size_t>{0}));
  EXPECT_EQ(selected.missing.count(), 3U);
  EXPECT_EQ(selected.missing.text(selection, {"web1", "we\nb"}),
            "no VM is called \"gone away\" (2 are known: web1, \"we\\x0ab\"); no VM's name matches /^x\\x7cy/; "
            "no VM has the UUID 00000000-0000-0000-0000-000000000063");
}

TEST(Selection, SaysWhatIsKnownBesideIt) {
  const Missing missing{.names = {"webb1"}};
  EXPECT_EQ(missing.text({}, {}), "no VM is called webb1 (none is known)");
  EXPECT_EQ(missing.text({}, {"web1"}), "no VM is called webb1 (1 is known: web1)");
  EXPECT_EQ(missing.text({}, {"a", "b", "c", "d", "e"}), "no VM is called webb1 (5 are known: a, b, c, d, e)");
  EXPECT_EQ(missing.text({}, {"a", "b", "c", "d", "e", "f", "g"}), "no VM is called webb1 (7 are known: a, b, c, d, e, …)");
}

TEST(Selection, TagsThatNoVmHas) {
  const std::vector<TagMatch> tags{*parse_tag_match("nova.project=shop"), *parse_tag_match("nova.project=x"), *parse_tag_match("k=/^|y/")};
  EXPECT_EQ(absent_tags(some_vms(), tags), (std::vector<std::string>{"nova.project=x", "k=/^\\x7cy/"}));
}

TEST(Selection, AFilteredVmIsNotMissing) {
  Selection selection;
  selection.names = {TextMatch::exact("db1")};
  selection.tags = {*parse_tag_match("nova.project=shop")};
  EXPECT_EQ(select(selection).domains, (std::vector<std::size_t>{}));
  EXPECT_TRUE(select(selection).missing.empty());
}

TEST(Selection, Macs) {
  Selection selection;
  EXPECT_TRUE(selection.accepts(mac_of(1)));
  selection.macs = {mac_of(2)};
  EXPECT_FALSE(selection.accepts(mac_of(1)));
  EXPECT_TRUE(selection.accepts(mac_of(2)));
}

TEST(TextMatch, MistakesNameTheirPlace) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "the regular expression is empty"},
      {"//", "the regular expression is empty"},
      {"web[0-9", "/web[0-9/ is no regular expression: missing ]: [0-9 at character 4; the syntax is RE2's"},
      {"web(1", "/web(1/ is no regular expression: missing ): web(1 at character 1; the syntax is RE2's"},
      {"web)", "/web)/ is no regular expression: unexpected ): web) at character 1; the syntax is RE2's"},
      {"a**", "/a**/ is no regular expression: bad repetition operator: ** at character 2; the syntax is RE2's"},
      {"(?=x)", "/(?=x)/ is no regular expression: invalid perl operator: (?= at character 1; the syntax is RE2's"},
      {"(a)\\1", "/(a)\\\\1/ is no regular expression: invalid escape sequence: \\\\1 at character 4; the syntax is RE2's"},
      {std::string(5000, 'a'), "the regular expression is longer than 4096 octets"},
  };
  for (const auto& [expression, sentence] : cases) {
    const Result<TextMatch> match = TextMatch::pattern(expression);
    ASSERT_FALSE(match.ok()) << expression;
    EXPECT_EQ(match.error(), (Error{ErrorCode::kInvalid, sentence}));
  }
  EXPECT_FALSE(TextMatch::pattern("((a{1,1000}){1,1000}){1,1000}").ok());
  EXPECT_FALSE(TextMatch::pattern("\xFF").ok());
}

TEST(TextMatch, HostileNamesCostLinearTime) {
  // Backtracking engines need 2^n steps or a deep stack for these.
  const TextMatch evil = *TextMatch::pattern("^(a+)+$");
  EXPECT_FALSE(evil.matches(std::string(100'000, 'a') + "b"));
  EXPECT_TRUE(evil.matches(std::string(100'000, 'a')));
}

TEST(TagMatch, Mistakes) {
  for (const char* text : {"", "x", "=x"}) EXPECT_FALSE(parse_tag_match(text).ok()) << text;
  EXPECT_EQ(parse_tag_match("a b").error().text, "\"a b\" is no tag; right would be KEY=VALUE or KEY=/EXPRESSION/, e.g. nova.project=web");
  const Result<TagMatch> match = parse_tag_match("k=v=w");
  ASSERT_TRUE(match.ok());
  EXPECT_EQ(match->key, "k");
  EXPECT_TRUE(match->value.matches("v=w"));
}

}  // namespace
}  // namespace vmtraffic::nagios
