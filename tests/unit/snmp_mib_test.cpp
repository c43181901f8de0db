// VMTRAFFIC-MIB.txt and the tables are one: names, numbers, types and access. The text is read as far as that needs.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "plugins/snmp-subagent/tables.hpp"

namespace vmtraffic::snmp {
namespace {

std::string mib_text() {
  std::ostringstream all;
  all << std::ifstream(VMTRAFFIC_MIB).rdbuf();
  static const std::regex quoted("\"[^\"]*\""), comment("--[^\n]*");
  return std::regex_replace(std::regex_replace(all.str(), quoted, "\"\""), comment, "");
}

// The base type on the wire of each SYNTAX that the MIB uses.
const std::map<std::string, Syntax> kSyntax = {
    {"INTEGER", Syntax::kInteger},
    {"Integer32", Syntax::kInteger},
    {"TruthValue", Syntax::kInteger},
    {"InterfaceIndex", Syntax::kInteger},
    {"InetAddressType", Syntax::kInteger},
    {"VtMachineIndex", Syntax::kInteger},
    {"VtHundredths", Syntax::kUnsigned32},
    {"InetPortNumber", Syntax::kUnsigned32},
    {"Unsigned32", Syntax::kUnsigned32},
    {"Gauge32", Syntax::kUnsigned32},
    {"TimeTicks", Syntax::kTimeTicks},
    {"Counter64", Syntax::kCounter64},
    {"CounterBasedGauge64", Syntax::kCounter64},
    {"SnmpAdminString", Syntax::kOctetString},
    {"MacAddress", Syntax::kOctetString},
    {"InetAddress", Syntax::kOctetString},
    {"DateAndTime", Syntax::kOctetString},
};

// "OID name type" of all readable objects that the text defines.
std::vector<std::string> objects_of_text() {
  const std::string text = mib_text();
  std::map<std::string, Oid> nodes{{"vmtrafficMIB", {}}};
  std::vector<std::string> objects;
  static const std::regex node(
      R"((\w+)\s+(?:OBJECT IDENTIFIER|OBJECT-TYPE\s+SYNTAX\s+(\w+)[\s\S]*?MAX-ACCESS\s+([\w-]+)[\s\S]*?)\s*::=\s*\{\s*(\w+)\s+(\d+)\s*\})");
  for (std::sregex_iterator at(text.begin(), text.end(), node), end; at != end; ++at) {
    const std::smatch& match = *at;
    Oid oid = nodes.at(match[4]);
    oid.push_back(std::stoul(match[5]));
    nodes[match[1]] = oid;
    if (match[3] == "read-only") {
      objects.push_back(snmp::text(oid) + " " + match[1].str() + " " + std::to_string(static_cast<int>(kSyntax.at(match[2]))));
    }
  }
  return objects;
}

TEST(SnmpMib, TextAndTablesAgree) {
  const Subtree subtree(vmtraffic_mib());
  std::vector<std::string> served;
  for (const Subtree::FlatColumn& column : subtree.columns()) {
    served.push_back(text(column.name) + " " + column.column->name + " " + std::to_string(static_cast<int>(column.column->syntax)));
  }
  EXPECT_THAT(objects_of_text(), testing::UnorderedElementsAreArray(served));
}

TEST(SnmpMib, RootIsTheDocumentedOne) {
  EXPECT_NE(mib_text().find("::= { enterprises 8072 9999 9999 6343 }"), std::string::npos);
  EXPECT_EQ(std::string(kVmtrafficMibRoot), "1.3.6.1.4.1.8072.9999.9999.6343");
}

}  // namespace
}  // namespace vmtraffic::snmp
