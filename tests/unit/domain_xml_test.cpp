// Golden tests: tests/data/domains/NAME.xml gives NAME.txt. VMTRAFFIC_UPDATE_GOLDEN=1 writes the .txt anew (then read the difference).
// qemu-*, lxc-* and test-driver were recorded from libvirt 9.0; the rest is made by hand.
#include "core/probes/domain_xml.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <set>

#include "core/text.hpp"

namespace vmtraffic {

void PrintTo(const Error& error, std::ostream* out) { *out << static_cast<int>(error.code) << " " << error.text; }

namespace {

namespace fs = std::filesystem;

const fs::path kData = fs::path(VMTRAFFIC_TEST_DATA) / "domains";

std::string file_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

template <class T>
std::string or_dash(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : "-";
}

std::string text(const std::optional<Bandwidth>& b) { return b ? fmt::format("{}/{}/{}", b->average, b->peak, b->burst) : "-"; }

// Everything that the parser fills, one line per vNIC; names as JSON strings so that each octet shows.
std::string describe(const Result<Domain>& parsed) {
  if (!parsed) return fmt::format("error {}: {}\n", static_cast<int>(parsed.error().code), parsed.error().text);
  const Domain& d = *parsed;
  std::string out =
      fmt::format("{} name {} title {} os {}\n", d.uuid.text(), json_string(d.name), json_string(d.title), json_string(d.os_type));
  out += fmt::format("vcpus {} of {}, memory {} of {} KiB\n", or_dash(d.vcpus), or_dash(d.vcpus_max), or_dash(d.memory_kib),
                     or_dash(d.memory_max_kib));
  for (const auto& [name, value] : d.tags) out += fmt::format("tag {} {}\n", name, json_string(value));
  for (const Vnic& v : d.vnics) {
    out += fmt::format("vnic {} {} number {} type {} source {} tap {} model {} link {}", v.mac.text(), v.ordinal, v.number, name_of(v.type),
                       json_string(v.source), json_string(v.tap), json_string(v.model), name_of(v.link));
    out += fmt::format(" rx {} tx {} pci {} port {} teaming {} alias {}\n", text(v.bandwidth_rx), text(v.bandwidth_tx),
                       v.pci ? v.pci->text() : "-", json_string(v.port_id), json_string(v.teaming), json_string(v.alias));
  }
  return out;
}

enum class Which { kAll, kGood };

std::vector<std::string> names_of(Which which) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(kData)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() == ".xml" && (which == Which::kAll || !name.starts_with("bad-"))) names.insert(name);
  }
  return {names.begin(), names.end()};
}

std::string test_name(const testing::TestParamInfo<std::string>& instance) {
  std::string name = instance.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

class Golden : public testing::TestWithParam<std::string> {};
class Cut : public testing::TestWithParam<std::string> {};

TEST_P(Golden, ReadsAsExpected) {
  const fs::path expected = kData / (GetParam() + ".txt");
  const std::string seen = describe(parse_domain_xml(file_text(kData / (GetParam() + ".xml"))));
  if (std::getenv("VMTRAFFIC_UPDATE_GOLDEN") != nullptr) std::ofstream(expected, std::ios::binary) << seen;
  EXPECT_EQ(seen, file_text(expected));
}

// Cut anywhere, it is refused: no half of a domain passes for a whole one.
TEST_P(Cut, IsRefused) {
  const std::string whole = file_text(kData / (GetParam() + ".xml"));
  const std::size_t end = whole.rfind('>');
  for (std::size_t size = 0; size <= end; ++size) {
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));  // its own memory: ASan sees its end
    EXPECT_FALSE(parse_domain_xml({cut.data(), cut.size()})) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Domains, Golden, testing::ValuesIn(names_of(Which::kAll)), test_name);
INSTANTIATE_TEST_SUITE_P(Domains, Cut, testing::ValuesIn(names_of(Which::kGood)), test_name);

constexpr std::string_view kUuid = "<uuid>11111111-2222-4333-8444-555566667777</uuid>";

std::string domain(std::string_view inside) { return fmt::format("<domain>{}{}</domain>", kUuid, inside); }

Domain parsed(std::string_view inside) {
  auto result = parse_domain_xml(domain(inside));
  EXPECT_TRUE(result) << result.error().text;
  return result ? std::move(*result) : Domain{};
}

Error refused(std::string_view xml) {
  const auto result = parse_domain_xml(xml);
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

TEST(Memory, IsReadInAnyUnit) {
  const auto kib = [](std::string_view element) { return parsed(element).memory_max_kib; };
  EXPECT_EQ(kib("<memory>5</memory>"), 5u);
  EXPECT_EQ(kib("<memory unit=''>5</memory>"), 5u);
  EXPECT_EQ(kib("<memory unit='b'>1</memory>"), 1u);
  EXPECT_EQ(kib("<memory unit='bytes'>2048</memory>"), 2u);
  EXPECT_EQ(kib("<memory unit='KB'>1024</memory>"), 1000u);
  EXPECT_EQ(kib("<memory unit='k'> 7 </memory>"), 7u);
  EXPECT_EQ(kib("<memory unit='mib'>2</memory>"), 2048u);
  EXPECT_EQ(kib("<memory unit='MB'>1</memory>"), 977u);
  EXPECT_EQ(kib("<memory unit='G'>1</memory>"), 1u << 20);
  EXPECT_EQ(kib("<memory unit='TiB'>1</memory>"), 1u << 30);
  EXPECT_EQ(kib("<memory unit='PiB'>1</memory>"), std::uint64_t{1} << 40);
  EXPECT_EQ(kib("<memory unit='EiB'>15</memory>"), std::uint64_t{15} << 50);
  EXPECT_EQ(kib("<memory unit='EiB'>16</memory>"), std::nullopt);
  EXPECT_EQ(kib("<memory>18446744073709551616</memory>"), std::nullopt);
  for (const char* bad : {"", "<memory/>", "<memory>-1</memory>", "<memory>1.5</memory>", "<memory>1 2</memory>",
                          "<memory unit='quarts'>1</memory>", "<memory unit='kibi'>1</memory>"}) {
    EXPECT_EQ(kib(bad), std::nullopt) << bad;
  }
}

TEST(HostileXml, IsLimitedInSize) {
  std::string xml = domain("");
  xml.resize(kLargestDomainXml, ' ');
  EXPECT_TRUE(parse_domain_xml(xml));
  xml += ' ';
  EXPECT_EQ(refused(xml), (Error{ErrorCode::kInvalid, "domain XML: 4194305 octets are more than libvirt can send"}));
}

// Depth costs memory and no stack, in parsing and in freeing.
TEST(HostileXml, MayBeDeep) {
  constexpr std::size_t kDepth = 590'000;  // "<a>" and "</a>" as often as the size allows
  std::string deep, closing;
  for (std::size_t i = 0; i < kDepth; ++i) {
    deep += "<a>";
    closing += "</a>";
  }
  EXPECT_EQ(parsed(deep + closing).vnics.size(), 0u);
  EXPECT_EQ(refused(domain(deep)).code, ErrorCode::kInvalid);
  std::string open;
  while (open.size() + 3 <= kLargestDomainXml) open += "<a>";
  EXPECT_EQ(refused(open).code, ErrorCode::kInvalid);
  std::string doctype = "<!DOCTYPE ";
  while (doctype.size() + 2 <= kLargestDomainXml) doctype += "<!";
  EXPECT_EQ(refused(doctype).code, ErrorCode::kInvalid);
  std::string sections;
  while (sections.size() + 3 <= kLargestDomainXml) sections += "<![";
  EXPECT_EQ(refused("<!DOCTYPE " + sections.substr(10)).code, ErrorCode::kInvalid);
}

// A tenant's metadata must not make us slow: many elements, many namespaces, deep inside an element with many attributes.
TEST(HostileXml, MayBeWide) {
  std::string attributes, children;
  for (int i = 0; i < 100'000; ++i) attributes += fmt::format(" a{}=''", i);
  for (int i = 0; i < 100'000; ++i) children += "<n:instance/>";
  EXPECT_TRUE(parsed(fmt::format("<metadata{}>{}</metadata>", attributes, children)).tags.empty());
}

TEST(HostileXml, HasALimitedNumberOfInterfaces) {
  std::string interfaces;
  for (std::size_t i = 0; i < kMostInterfaces + 5; ++i)
    interfaces += fmt::format("<interface><mac address='02:00:00:00:{:02x}:{:02x}'/></interface>", i >> 8, i & 0xFF);
  EXPECT_EQ(parsed("<devices>" + interfaces + "</devices>").vnics.size(), kMostInterfaces);
  std::string equal;
  for (int i = 0; i < 300; ++i) equal += "<interface><mac address='02:00:00:00:00:00'/></interface>";
  EXPECT_EQ(parsed("<devices>" + equal + "</devices>").vnics.size(), 256u);
}

TEST(HostileXml, MayHoldAnyOctet) {
  for (int c = 1; c < 256; ++c) {
    const std::string octet(1, static_cast<char>(c));
    const auto result = parse_domain_xml(domain("<name>a" + octet + "z</name>"));
    if (octet == "<" || octet == "&" || octet == "\r") continue;  // markup, and a line's end, which XML turns into a newline
    ASSERT_TRUE(result) << c;
    EXPECT_EQ(result->name, "a" + octet + "z");
  }
  EXPECT_EQ(parsed("<name>a&b&;&#;&#x;&#xZ;&#1114112;c</name>").name.front(), 'a');
}

}  // namespace
}  // namespace vmtraffic
