// vmtraffic-collect as a process. libvirt's own test driver stands in for a hypervisor.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/snapshot.hpp"

namespace vmtraffic::standalone {
namespace {

using namespace std::chrono_literals;

std::string content_of(const std::filesystem::path& file) {
  std::stringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

bool wait_for(const std::function<bool()>& is_so) {
  for (int i = 0; i < 1000 && !is_so(); ++i) std::this_thread::sleep_for(20ms);
  return is_so();
}

bool handles(pid_t pid, int signal) {
  const std::string status = content_of("/proc/" + std::to_string(pid) + "/status"), caught = "\nSigCgt:\t";
  const std::size_t at = status.find(caught);
  return at != std::string::npos && (std::stoull(status.substr(at + caught.size(), 16), nullptr, 16) >> (signal - 1) & 1) != 0;
}

class VmtrafficCollect : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "collect-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    std::ofstream(config()) << "interval = 1\nruntime_directory = \"" << runtime().string()
                            << "\"\n[libvirt]\nuris = [\"test:///default\"]\n";
  }
  void TearDown() override {
    if (running_ > 0) {
      kill(running_, SIGKILL);
      waitpid(running_, nullptr, 0);
    }
    std::filesystem::remove_all(directory_);
  }

  std::filesystem::path config() const { return directory_ / "vmtraffic.toml"; }
  std::filesystem::path runtime() const { return directory_ / "run"; }

  pid_t start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), VMTRAFFIC_COLLECT);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, (directory_ / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, (directory_ / "err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT_EQ(posix_spawn(&running_, VMTRAFFIC_COLLECT, &actions, nullptr, pointers.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return running_;
  }

  // The exit status of what start() started, -1 when a signal ended it or nothing did within the limit.
  int wait(std::chrono::seconds limit = 30s) {
    const auto until = std::chrono::steady_clock::now() + limit;
    int status = 0;
    while (waitpid(running_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > until) return -1;
      std::this_thread::sleep_for(5ms);
    }
    running_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int run(const std::vector<std::string>& arguments) {
    start(arguments);
    return wait();
  }
  std::string out() const { return content_of(directory_ / "out"); }
  std::string err() const { return content_of(directory_ / "err"); }

  // The VM of libvirt's test driver is known.
  bool wait_for_vm() const {
    return wait_for([this] {
      const Result<Snapshot> snapshot = read_snapshot(runtime());
      return snapshot && snapshot->domain_count() > 0;
    });
  }

  std::filesystem::path directory_;
  pid_t running_{0};
};

TEST_F(VmtrafficCollect, CollectsUntilTold) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const pid_t pid = start({"--config", config()});
    ASSERT_TRUE(wait_for_vm()) << err();
    kill(pid, signal);
    EXPECT_EQ(wait(5s), 0) << err();
    std::filesystem::remove(runtime() / kSnapshotFileName);
  }
}

// A pipe that is full and that nobody reads, in the place of `file`.
class FullPipe {
 public:
  explicit FullPipe(const std::filesystem::path& file) {
    mkfifo(file.c_str(), 0600);
    reader_ = open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    writer_ = open(file.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    const std::string much(4096, 'x');
    while (write(writer_, much.data(), much.size()) > 0) {
    }
  }
  ~FullPipe() {
    close(reader_);
    close(writer_);
  }
  FullPipe(const FullPipe&) = delete;
  FullPipe& operator=(const FullPipe&) = delete;

 private:
  int reader_{-1}, writer_{-1};
};

TEST_F(VmtrafficCollect, AStandardErrorThatTakesNothingHoldsUpNothing) {
  const FullPipe stuck(directory_ / "err");
  const pid_t pid = start({"--config", config(), "--verbose"});
  EXPECT_TRUE(wait_for_vm());
  kill(pid, SIGTERM);
  EXPECT_EQ(wait(5s), 0);
}

TEST_F(VmtrafficCollect, AWatchThatNobodyReadsEndsWhenTold) {
  const pid_t collector = start({"--config", config()});
  ASSERT_TRUE(wait_for_vm()) << err();
  {
    std::filesystem::remove(directory_ / "out");
    const FullPipe stuck(directory_ / "out");
    const pid_t watcher = start({"--watch", "--config", config()});
    EXPECT_TRUE(wait_for([&] { return handles(watcher, SIGTERM); }));
    kill(watcher, SIGTERM);
    EXPECT_EQ(wait(5s), 0);
  }
  running_ = collector;
  kill(collector, SIGTERM);
  EXPECT_EQ(wait(), 0);
}

TEST_F(VmtrafficCollect, SighupChangesNothing) {
  const pid_t pid = start({"--config", config()});
  ASSERT_TRUE(wait_for_vm()) << err();
  kill(pid, SIGHUP);
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(kill(pid, 0), 0);
  kill(pid, SIGTERM);
  EXPECT_EQ(wait(), 0);
  EXPECT_NE(err().find("SIGHUP changes nothing"), std::string::npos);
}

TEST_F(VmtrafficCollect, ShowsWhatAnotherPublishes) {
  const pid_t collector = start({"--config", config()});
  ASSERT_TRUE(wait_for_vm()) << err();
  running_ = 0;
  EXPECT_EQ(run({"--json", "--config", config()}), 0) << err();
  const nlohmann::json json = nlohmann::json::parse(out());
  EXPECT_EQ(json["domains"][0]["name"], "test");
  EXPECT_EQ(json["writer"]["pid"], collector);
  EXPECT_EQ(run({"--print", "--runtime-directory", runtime()}), 0) << err();
  EXPECT_NE(out().find("\ntest  running  "), std::string::npos) << out();
  EXPECT_EQ(run({"--hosts", "--runtime-directory", runtime()}), 0) << err();
  EXPECT_EQ(out(), "No other host is known: no sFlow agent has described one.\n");
  EXPECT_EQ(run({"--hosts", "--json", "--runtime-directory", runtime()}), 0) << err();
  EXPECT_EQ(nlohmann::json::parse(out())["hosts"], nlohmann::json::array());
  start({"--watch", "--runtime-directory", runtime()});
  EXPECT_TRUE(wait_for([&] { return out().find("\ntest  running  ", out().find("PROBE")) != std::string::npos; }))
      << "it shows again: " << out();
  kill(running_, SIGINT);
  EXPECT_EQ(wait(5s), 0);
  EXPECT_EQ(out().find('\x1B'), std::string::npos) << "no terminal, no control characters";
  kill(collector, SIGKILL);
  waitpid(collector, nullptr, 0);
}

TEST_F(VmtrafficCollect, OnceNeedsNobody) {
  EXPECT_EQ(run({"--once", "--json", "--config", config()}), 0) << err();
  EXPECT_EQ(nlohmann::json::parse(out())["domains"][0]["name"], "test");
  EXPECT_EQ(run({"--once", "--config", config()}), 0) << err();
  EXPECT_NE(out().find("\ntest  running  "), std::string::npos) << out();
  EXPECT_FALSE(std::filesystem::exists(runtime() / kSnapshotFileName)) << "--once publishes nothing";
}

TEST_F(VmtrafficCollect, SaysWhatIsWrong) {
  EXPECT_EQ(run({"--print", "--runtime-directory", directory_}), 1);
  EXPECT_EQ(err(), "vmtraffic-collect: there is no snapshot at " + (directory_ / "snapshot").string() +
                       ": start collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect\n");
  const std::string no_snapshot = err();
  EXPECT_EQ(run({"--hosts", "--runtime-directory", directory_}), 1);
  EXPECT_EQ(err(), no_snapshot);
  for (const std::vector<std::string>& look : {std::vector<std::string>{"--host", "hv-2"}, {"--host", "hv-2", "--watch"}}) {
    std::vector<std::string> arguments = look;
    arguments.insert(arguments.end(), {"--runtime-directory", directory_});
    EXPECT_EQ(run(arguments), 1);
    EXPECT_EQ(err(), "vmtraffic-collect: no other host is known at " + directory_.string() + ": no sFlow agent has described one\n");
  }
  EXPECT_EQ(run({"--config", directory_ / "none.toml"}), 2);
  EXPECT_NE(err().find((directory_ / "none.toml").string()), std::string::npos) << err();
  std::ofstream(config()) << "intervall = 1\n";
  EXPECT_EQ(run({"--config", config()}), 2);
  EXPECT_NE(err().find("intervall"), std::string::npos) << err();
  EXPECT_EQ(run({"--nonsense"}), 2);
  EXPECT_EQ(err(), "vmtraffic-collect: \"--nonsense\" is no option; --help lists them\n");
  EXPECT_EQ(run({"--help"}), 0);
}

TEST_F(VmtrafficCollect, ReadsARecording) {
  const std::filesystem::path recording = std::filesystem::path(VMTRAFFIC_TEST_DATA) / "sflow/ovs.pcap";
  EXPECT_EQ(run({"--sflow-read", recording, "--json", "--config", config()}), 0) << err();
  const nlohmann::json json = nlohmann::json::parse(out());
  EXPECT_EQ(json["flows"]["samples"], 689);
  EXPECT_EQ(json["stale"], false);
  EXPECT_EQ(run({"--sflow-read", recording, "--sflow-port", "any", "--inventory", directory_ / "none", "--config", config()}), 1);
  EXPECT_EQ(err(), "vmtraffic-collect: cannot read the inventory " + (directory_ / "none").string() + ": No such file or directory\n");
  std::ofstream(directory_ / "cut.pcap", std::ios::binary) << content_of(recording).substr(0, 3000);
  EXPECT_EQ(run({"--sflow-read", directory_ / "cut.pcap", "--config", config()}), 1);
  EXPECT_EQ(err(), "vmtraffic-collect: " + (directory_ / "cut.pcap").string() + " is cut off behind packet 2\n");
  EXPECT_EQ(out().substr(0, 25), "cut.pcap: sFlow of 0.21 s");
}

// The packets of a recording of the plain format, in the other one: its section's block, its link's, and one for each packet.
std::string as_pcapng(const std::string& pcap) {
  constexpr std::size_t kFileHeader = 24, kPacketHeader = 16;
  std::string out;
  const auto number_at = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, pcap.data() + at, sizeof(value));
    return value;
  };
  const auto words = [](std::initializer_list<std::uint32_t> values) {
    return std::string(reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(std::uint32_t));
  };
  const auto block = [&](std::uint32_t type, const std::string& body) {
    const auto length = static_cast<std::uint32_t>(body.size() + 12);
    out += words({type, length}) + body + words({length});
  };
  block(0x0A0D'0D0A, words({0x1A2B'3C4D, 1, 0xFFFF'FFFF, 0xFFFF'FFFF}));
  block(1, words({number_at(20), number_at(16)}));
  for (std::size_t at = kFileHeader; at < pcap.size();) {
    const std::uint32_t kept = number_at(at + 8);
    const std::uint64_t microseconds = number_at(at) * std::uint64_t{1'000'000} + number_at(at + 4);
    std::string octets = pcap.substr(at + kPacketHeader, kept);
    octets.resize((kept + 3) / 4 * 4);
    block(6,
          words({0, static_cast<std::uint32_t>(microseconds >> 32), static_cast<std::uint32_t>(microseconds), kept, number_at(at + 12)}) +
              octets);
    at += kPacketHeader + kept;
  }
  return out;
}

TEST_F(VmtrafficCollect, ReadsPackets) {
  const std::filesystem::path recordings = std::filesystem::path(VMTRAFFIC_TEST_DATA) / "capture", golden = GOLDEN_DIRECTORY;
  const std::filesystem::path recording = recordings / "tcp-loss-after.pcap", other = directory_ / "tcp-loss-after.pcapng";
  std::ofstream(config()) << "";
  std::ofstream(other, std::ios::binary) << as_pcapng(content_of(recording));
  const std::vector<std::string> of_server{"--inventory", recordings / "server.toml", "--config", config()};
  EXPECT_EQ(run({"--read", recording, "--json", "--config", config()}), 0) << err();
  EXPECT_EQ(out(), content_of(golden / "capture-of-all.json"));
  std::vector<std::string> json;
  for (const auto& file : {recording, other}) {
    const std::string name = file.filename();
    const auto shown = [&](std::vector<std::string> arguments, const std::vector<std::string>& more) {
      arguments.insert(arguments.end(), more.begin(), more.end());
      EXPECT_EQ(run(arguments), 0) << err();
      EXPECT_EQ(err(), "");
      std::string text = out();
      return text.replace(text.find(name), name.size(), "tcp-loss-after.pcap");
    };
    EXPECT_EQ(shown({"--read", file}, {"--config", config()}), content_of(golden / "capture-of-all.txt"));
    EXPECT_EQ(shown({"--read", file}, of_server), content_of(golden / "capture-tcp-loss-after.txt"));
    json.push_back(shown({"--read", file, "--json"}, of_server));
  }
  EXPECT_TRUE(nlohmann::json::accept(json[0]));
  EXPECT_EQ(json[1], json[0]);
}

TEST_F(VmtrafficCollect, SaysWhatIsWrongWithARecordingOrItsInventory) {
  const std::filesystem::path recording = std::filesystem::path(VMTRAFFIC_TEST_DATA) / "capture/tcp-loss-after.pcap";
  const std::string rubbish = directory_ / "rubbish", empty = directory_ / "empty", none = directory_ / "none";
  std::ofstream(rubbish) << "[[domain]\nThis is neither.\n";
  std::ofstream(empty) << "";
  // One sentence, and nothing that looks like a result. What a library says of it stands behind.
  const auto refuses = [&](std::vector<std::string> arguments, const std::string& what) {
    const std::string sentence = "vmtraffic-collect: " + what;
    arguments.insert(arguments.end(), {"--config", config()});
    EXPECT_EQ(run(arguments), 1);
    const std::string said = err();
    EXPECT_EQ(said.substr(0, sentence.size()), sentence);
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    EXPECT_EQ(out(), "");
  };
  refuses({"--read", none}, "cannot read the recording " + none + ": No such file or directory\n");
  refuses({"--read", directory_}, directory_.string() + " is a directory, not a recording\n");
  refuses({"--read", empty}, empty + " ends before its first packet: this is no whole recording\n");
  refuses({"--read", rubbish}, rubbish + " is no recording of packets, neither pcap nor pcapng: ");
  refuses({"--read", recording, "--inventory", none}, "cannot read the inventory " + none + ": No such file or directory\n");
  refuses({"--read", recording, "--inventory", rubbish}, rubbish + ":1: neither a snapshot nor valid TOML: ");
  refuses({"--read", recording, "--inventory", recording}, recording.string() + ":1: neither a snapshot nor valid TOML: ");
}

TEST_F(VmtrafficCollect, RefusesADirectoryThatOthersMayWrite) {
  std::filesystem::create_directory(runtime());
  ASSERT_EQ(chmod(runtime().c_str(), 0777), 0);
  EXPECT_EQ(run({"--config", config()}), 1);
  EXPECT_NE(err().find("may be written by others"), std::string::npos) << err();
}

}  // namespace
}  // namespace vmtraffic::standalone
