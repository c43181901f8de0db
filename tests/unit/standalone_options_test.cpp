#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "plugins/standalone/options.hpp"

namespace vmtraffic::standalone {
namespace {

Options accepted(const std::vector<std::string>& arguments) {
  const auto parsed = parse_options(arguments);
  const auto* farewell = std::get_if<Farewell>(&parsed);
  EXPECT_EQ(farewell, nullptr) << farewell->text;
  return farewell == nullptr ? std::get<Options>(parsed) : Options{};
}

TEST(Options, Modes) {
  EXPECT_EQ(accepted({}).mode, Mode::kCollect);
  EXPECT_EQ(accepted({"--once"}).mode, Mode::kOnce);
  EXPECT_EQ(accepted({"--print"}).mode, Mode::kPrint);
  EXPECT_EQ(accepted({"--watch"}).mode, Mode::kWatch);
  EXPECT_EQ(accepted({"--json"}).mode, Mode::kPrint);
  EXPECT_EQ(accepted({"--hosts"}).mode, Mode::kHosts);
  EXPECT_EQ(accepted({"--host", "hv-2"}).mode, Mode::kPrint);
  EXPECT_EQ(accepted({"--host", "hv-2"}).host, "hv-2");
  EXPECT_EQ(accepted({"--host", "hv-2", "--watch"}).mode, Mode::kWatch);
  EXPECT_TRUE(accepted({"--json"}).json);
  EXPECT_EQ(accepted({"--json", "--once"}).mode, Mode::kOnce);
  EXPECT_EQ(accepted({"--print", "--json"}).mode, Mode::kPrint);
}

TEST(Options, Values) {
  const Options options = accepted({"--config", "/a", "--runtime-directory=/b", "--print", "--window", "5m", "-v"});
  EXPECT_EQ(options.config, std::filesystem::path("/a"));
  EXPECT_EQ(options.runtime_directory, std::filesystem::path("/b"));
  EXPECT_EQ(options.window, Window::kFiveMinutes);
  EXPECT_TRUE(options.verbose);
  EXPECT_EQ(accepted({}).config, std::nullopt);
  for (const char* look : {"--once", "--print", "--json", "--watch"})
    EXPECT_EQ(accepted({look, "--window", "1m"}).window, Window::kMinute) << look;
}

TEST(Options, Recordings) {
  const Options options = accepted({"--sflow-read", "a.pcap", "--inventory", "b.toml", "--sflow-port", "7000", "--json"});
  EXPECT_EQ(options.mode, Mode::kReplay);
  EXPECT_EQ(options.recording, "a.pcap");
  EXPECT_EQ(options.inventory, std::filesystem::path("b.toml"));
  EXPECT_EQ(options.sflow_port, 7000);
  EXPECT_TRUE(options.json);
  EXPECT_EQ(accepted({"--sflow-read", "a.pcap", "--sflow-port", "any"}).sflow_port, 0);
  EXPECT_EQ(accepted({"--sflow-read", "a.pcap"}).sflow_port, std::nullopt);
}

TEST(Options, Mistakes) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--foo"}, "\"--foo\" is no option; --help lists them"},
      {{"foo\n"}, "\"foo\\x0a\" is no option; --help lists them"},
      {{"--config"}, "--config wants a FILE"},
      {{"--window"}, "--window wants interval|1m|5m"},
      {{"--window", "5m"}, "--window goes with --once, --print, --json or --watch"},
      {{"--once", "--print"}, "only one of --once, --print, --watch, --hosts, --sflow-read and --read can be done at a time"},
      {{"--sflow-read", "a", "--watch"}, "only one of --once, --print, --watch, --hosts, --sflow-read and --read can be done at a time"},
      {{"--sflow-read", ""}, "--sflow-read wants a FILE"},
      {{"--sflow-read", "a", "--host", "b"}, "--host goes with --print, --json or --watch"},
      {{"--sflow-read", "a", "--sflow-port", "65536"}, "--sflow-port: \"65536\" is not known; right would be 1 to 65535, or any"},
      {{"--inventory", "a"}, "--inventory goes with --sflow-read or --read"},
      {{"--print", "--sflow-port", "1"}, "--sflow-port goes with --sflow-read"},
      {{"--once", "--host", "hv-2"}, "--host goes with --print, --json or --watch"},
      {{"--host", ""}, "--host wants a NAME"},
      {{"--hosts", "--window", "1m"}, "--window goes with --once, --print, --json or --watch"},
      {{"--watch", "--json"}, "--watch shows a table; --json goes with --once, --print, --hosts, --sflow-read or --read"},
      {{"--print", "--window", "2m"}, "--window: \"2m\" is not known; right would be interval, 1m or 5m"},
  };
  for (const auto& [arguments, sentence] : cases) {
    const auto parsed = parse_options(arguments);
    const auto* farewell = std::get_if<Farewell>(&parsed);
    ASSERT_NE(farewell, nullptr) << sentence;
    EXPECT_EQ(farewell->status, 2);
    EXPECT_EQ(farewell->text, "vmtraffic-collect: " + sentence + "\n");
  }
}

TEST(Options, Farewells) {
  const auto version = std::get<Farewell>(parse_options({"--version"}));
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.text, "vmtraffic-collect (vmtraffic) " VMTRAFFIC_VERSION "\n");
  const auto help = std::get<Farewell>(parse_options({"-h"}));
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.text.find("\n\nUsage: vmtraffic-collect"), std::string::npos) << help.text;
  EXPECT_NE(help.text.find("\n\nExamples:\n  vmtraffic-collect --once"), std::string::npos) << help.text;
}

}  // namespace
}  // namespace vmtraffic::standalone
