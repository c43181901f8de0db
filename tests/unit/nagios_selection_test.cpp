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
  std::vector<std::string> missing;
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
  EXPECT_EQ(all.missing, (std::vector<std::string>{}));
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
  EXPECT_EQ(select(selection).missing, (std::vector<std::string>{}));
}

TEST(Selection, SaysWhatIsMissing) {
  Selection selection;
  selection.names = {TextMatch::exact("web1"), TextMatch::exact("gone away"), *TextMatch::pattern("^x|y")};
  selection.uuids = {uuid_of(99)};
  const Selected selected = select(selection);
  EXPECT_EQ(selected.domains, (std::vector<std::size_t>{0}));
  EXPECT_EQ(selected.missing, (std::vector<std::string>{"\"gone away\"", "/^x\\x7cy/", "00000000-0000-0000-0000-000000000063"}));
}

TEST(Selection, AFilteredVmIsNotMissing) {
  Selection selection;
  selection.names = {TextMatch::exact("db1")};
  selection.tags = {*parse_tag_match("nova.project=shop")};
  EXPECT_EQ(select(selection).domains, (std::vector<std::size_t>{}));
  EXPECT_EQ(select(selection).missing, (std::vector<std::string>{}));
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
