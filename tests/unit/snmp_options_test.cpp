#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "plugins/snmp-subagent/options.hpp"

namespace vmtraffic::snmp {
namespace {

Result<std::variant<Settings, Answered>> read(std::vector<const char*> words) {
  words.insert(words.begin(), "vmtraffic-agentx");
  return read_settings(static_cast<int>(words.size()), words.data());
}

std::string answer(const char* option) {
  const auto settings = read({option});
  const auto* answered = settings ? std::get_if<Answered>(&*settings) : nullptr;
  return answered == nullptr ? "" : answered->text;
}

TEST(AgentxOptions, Mistakes) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> cases{
      {{"--foo"}, "\"--foo\" is no option; --help lists them"},
      {{"foo\n"}, "\"foo\\x0a\" is no option; --help lists them"},
      {{"--config"}, "--config wants a FILE"},
      {{"--agentx-socket"}, "--agentx-socket wants an ADDRESS"},
      {{"--root"}, "--root wants an OID"},
  };
  for (const auto& [words, sentence] : cases) {
    const auto settings = read(words);
    ASSERT_FALSE(settings.ok()) << sentence;
    EXPECT_EQ(settings.error(), (Error{ErrorCode::kInvalid, sentence}));
  }
}

TEST(AgentxOptions, Answers) {
  EXPECT_EQ(answer("-V"), "vmtraffic-agentx (vmtraffic) " VMTRAFFIC_VERSION "\n");
  EXPECT_EQ(answer("--version"), answer("-V"));
  const std::string help = answer("--help");
  EXPECT_NE(help.find("\n\nUsage: vmtraffic-agentx"), std::string::npos) << help;
  EXPECT_NE(help.find("\n\nExamples:\n  vmtraffic-agentx "), std::string::npos) << help;
}

}  // namespace
}  // namespace vmtraffic::snmp
