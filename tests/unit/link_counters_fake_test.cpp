// LinkCounters on a kernel made here: silence, refusals, broken and interrupted answers, and an SR-IOV card, which was not at hand
// (its messages are laid out as the kernel's rtnl_fill_vfinfo does).
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <thread>

#include "core/probes/link_counters.hpp"
#include "core/probes/netlink.hpp"
#include "tests/unit/fake_kernel.hpp"
#include "tests/unit/netlink_messages.hpp"

namespace vmtraffic {

void PrintTo(const LinkReading& reading, std::ostream* out) {
  *out << "{if_index=" << reading.if_index << " present=" << static_cast<int>(reading.present);
  for (const std::uint64_t value : reading.values) *out << ' ' << value;
  *out << '}';
}
void PrintTo(const Error& error, std::ostream* out) { *out << static_cast<int>(error.code) << " " << error.text; }

namespace {

namespace fs = std::filesystem;
using namespace netlink_test;

rtnl_link_stats64 packets(std::uint64_t rx, std::uint64_t tx) {
  rtnl_link_stats64 stats{};
  stats.rx_packets = rx;
  stats.tx_packets = tx;
  return stats;
}

LinkReading reading(std::uint32_t if_index, const MetricTotals& values, MetricSet present = kAllMetrics, std::uint32_t function = 0) {
  LinkReading made;
  made.function = function;
  made.if_index = if_index;
  made.values = values;
  made.present = present;
  return made;
}

const Bytes kTap = joined({link_header(5), name_attribute("tap5"), kind_attribute("tun")});

Answers list_tap(std::uint32_t sequence) { return {joined({message(RTM_NEWLINK, NLM_F_MULTI, sequence, kTap), done(sequence)})}; }
Answers stats_of_tap(std::uint32_t sequence, std::uint16_t flags = 0) {
  return {message(RTM_NEWSTATS, static_cast<std::uint16_t>(NLM_F_MULTI | flags), sequence, stats_row(5, packets(1, 2))),
          done(sequence, flags)};
}
Answers healthy(const netlink::Message& m) { return m.type == RTM_GETLINK ? list_tap(m.sequence) : stats_of_tap(m.sequence); }
const LinkReading kTapReading = reading(5, {0, 2, 0, 0, 0, 1});

class FakeLinks : public testing::Test {
 protected:
  void open(FakeKernel::Serve serve, LinkCountersOptions options = {}) {
    counters_.reset();
    kernel_ = std::make_unique<FakeKernel>(std::move(serve));
    options.open_socket = kernel_->opener();
    auto opened = LinkCounters::open(std::move(options));
    ASSERT_TRUE(opened) << opened.error().text;
    counters_ = std::move(*opened);
    counters_->watch({{"tap5", std::nullopt}});
  }
  void TearDown() override { counters_.reset(); }

  std::vector<LinkReading> sample() {
    const Status status = counters_->sample(readings_);
    EXPECT_TRUE(status) << status.error().text;
    return readings_;
  }
  Error failure() {
    const std::vector<LinkReading> before = readings_;
    const Status status = counters_->sample(readings_);
    EXPECT_FALSE(status);
    EXPECT_EQ(readings_, before);  // left as they were
    return status ? Error{} : status.error();
  }
  std::uint64_t count(std::string_view name) const {
    for (const auto& [counter, value] : counters_->counters()) {
      if (counter == name) return value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  std::unique_ptr<FakeKernel> kernel_;
  std::unique_ptr<LinkCounters> counters_;  // goes first
  std::vector<LinkReading> readings_;
};

TEST_F(FakeLinks, AreReadFromAnyDivisionIntoDatagrams) {
  open([](const netlink::Message& m) -> Answers {
    if (m.type == RTM_GETLINK) return {message(RTM_NEWLINK, NLM_F_MULTI, m.sequence, kTap), done(m.sequence)};
    Answers split = stats_of_tap(m.sequence);
    return {joined({split[0], split[1]})};
  });
  EXPECT_EQ(sample(), std::vector{kTapReading});
}

TEST_F(FakeLinks, AreDumpedAgainAfterAnInterruption) {
  int dumps = 0;
  open([&dumps](const netlink::Message& m) -> Answers {
    if (m.type == RTM_GETLINK) return list_tap(m.sequence);
    return ++dumps == 1 ? Answers{done(m.sequence, NLM_F_DUMP_INTR)} : stats_of_tap(m.sequence);
  });
  EXPECT_EQ(sample(), std::vector{kTapReading});
  EXPECT_EQ(count("dumps"), 2u);
  EXPECT_EQ(count("dumps_interrupted"), 1u);
}

TEST_F(FakeLinks, AreTakenAsSeenWhenInterruptionsDoNotEnd) {
  int dumps = 0;
  open([&dumps](const netlink::Message& m) -> Answers {
    if (m.type == RTM_GETLINK) return list_tap(m.sequence);
    return ++dumps == 2 ? stats_of_tap(m.sequence, NLM_F_DUMP_INTR) : Answers{done(m.sequence, NLM_F_DUMP_INTR)};
  });
  EXPECT_EQ(sample(), std::vector{kTapReading});
  EXPECT_EQ(count("dumps"), 4u);
  EXPECT_EQ(count("dumps_interrupted"), 4u);
}

TEST_F(FakeLinks, AreListedAgainAfterAnInterruptedListing) {
  int listings = 0;
  open([&listings](const netlink::Message& m) -> Answers {
    if (m.type == RTM_GETSTATS) return stats_of_tap(m.sequence);
    return ++listings < 3 ? Answers{done(m.sequence, NLM_F_DUMP_INTR)} : list_tap(m.sequence);
  });
  EXPECT_EQ(sample(), std::vector{kTapReading});
  EXPECT_EQ(count("listings"), 3u);
}

TEST_F(FakeLinks, DoNotWaitForASilentKernel) {
  open(healthy);
  sample();
  kernel_->set([](const netlink::Message&) { return Answers{}; });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(failure(), (Error{ErrorCode::kUnavailable, "rtnetlink: no answer in time: Connection timed out"}));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  kernel_->set(healthy);
  EXPECT_EQ(sample(), std::vector{kTapReading});
  EXPECT_EQ(kernel_->sockets_opened, 3);  // an answer that comes late answers nobody
  EXPECT_EQ(count("failures"), 1u);
}

TEST_F(FakeLinks, DoNotWaitForAnEndlessAnswer) {
  open(healthy);
  kernel_->set([](const netlink::Message& m) -> Answers {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return Answers(1, message(RTM_NEWLINK, NLM_F_MULTI, m.sequence, kTap));
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(failure(), (Error{ErrorCode::kUnavailable, "rtnetlink: no answer in time: Connection timed out"}));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

TEST_F(FakeLinks, SayWhatTheKernelRefused) {
  open([](const netlink::Message& m) -> Answers { return {refused(m.sequence, EOPNOTSUPP)}; });
  EXPECT_EQ(failure(), (Error{ErrorCode::kUnavailable, "rtnetlink: a request was refused: Operation not supported"}));
  kernel_->set([](const netlink::Message& m) -> Answers {
    return m.type == RTM_GETLINK ? list_tap(m.sequence) : Answers{done(m.sequence, 0, -EINVAL)};
  });
  EXPECT_EQ(failure(), (Error{ErrorCode::kUnavailable, "rtnetlink: a request was refused: Invalid argument"}));
  kernel_->set(healthy);
  EXPECT_EQ(sample(), std::vector{kTapReading});
}

TEST_F(FakeLinks, SurviveBrokenAnswers) {
  open(healthy);
  Bytes answer;
  kernel_->set([&answer](const netlink::Message&) { return Answers{answer}; });
  answer = octets_of(nlmsghdr{1000, RTM_NEWLINK, 0, 1, 0});
  EXPECT_EQ(failure(), (Error{ErrorCode::kUnavailable, "rtnetlink: an answer is malformed: Bad message"}));
  answer = Bytes(7);
  EXPECT_EQ(failure(), (Error{ErrorCode::kUnavailable, "rtnetlink: an answer is malformed: Bad message"}));
  answer = Bytes((128 << 10) + 1);
  EXPECT_EQ(failure(), (Error{ErrorCode::kUnavailable, "rtnetlink: an answer was lost: Message too long"}));
  EXPECT_EQ(count("malformed"), 2u);
  kernel_->set(healthy);
  EXPECT_EQ(sample(), std::vector{kTapReading});
  // Whole messages with something broken inside cost that row alone.
  kernel_->set([](const netlink::Message& m) -> Answers {
    return {joined({message(RTM_NEWSTATS, NLM_F_MULTI, m.sequence, {}), stats_of_tap(m.sequence)[0]}), done(m.sequence)};
  });
  EXPECT_EQ(sample(), std::vector{kTapReading});
  EXPECT_EQ(count("malformed"), 3u);
}

TEST_F(FakeLinks, TakeNoAnswerToAnotherRequest) {
  open([](const netlink::Message& m) -> Answers {
    if (m.type == RTM_GETLINK) return list_tap(m.sequence);
    return {message(RTM_NEWSTATS, NLM_F_MULTI, m.sequence + 1, stats_row(5, packets(7, 7))), done(m.sequence - 1),
            stats_of_tap(m.sequence)[0], done(m.sequence), message(RTM_NEWSTATS, NLM_F_MULTI, m.sequence, stats_row(5, packets(8, 8)))};
  });
  EXPECT_EQ(sample(), std::vector{kTapReading});
  EXPECT_EQ(sample(), std::vector{kTapReading});
}

TEST_F(FakeLinks, AreAbsentWithoutCounters) {
  open([](const netlink::Message& m) -> Answers {
    if (m.type == RTM_GETLINK) return list_tap(m.sequence);
    if_stats_msg header{};
    header.ifindex = 5;
    return {message(RTM_NEWSTATS, NLM_F_MULTI, m.sequence, octets_of(header)), done(m.sequence)};
  });
  EXPECT_EQ(sample(), std::vector{reading(5, {}, 0)});
}

TEST_F(FakeLinks, AreListedAgainWhenTheSubscriptionBreaks) {
  open(healthy);
  EXPECT_EQ(sample(), std::vector{kTapReading});
  kernel_->notify(message(RTM_DELLINK, 0, 0, link_header(5)));
  EXPECT_EQ(sample(), std::vector{LinkReading{}});
  kernel_->hang_up();
  EXPECT_EQ(sample(), std::vector{kTapReading});
  EXPECT_EQ(count("notifications"), 1u);
  EXPECT_EQ(count("notifications_lost"), 1u);
  EXPECT_EQ(count("listings"), 2u);
  kernel_->notify(Bytes(3));
  EXPECT_EQ(sample(), std::vector{kTapReading});
  EXPECT_EQ(count("malformed"), 1u);
}

TEST_F(FakeLinks, NeedASocket) {
  LinkCountersOptions options;
  options.open_socket = [](unsigned) -> Result<int> { return Error{ErrorCode::kUnavailable, "no more files"}; };
  const auto opened = LinkCounters::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), (Error{ErrorCode::kUnavailable, "no more files"}));
}

// ---- SR-IOV

class FakeCard : public FakeLinks {
 protected:
  FakeCard() {
    std::string name = fs::temp_directory_path() / "vmtraffic-sysfs-XXXXXX";
    root_ = ::mkdtemp(name.data());
    const fs::path devices = root_ / "bus/pci/devices";
    fs::create_directories(devices / "0000:03:00.0/net/ens1f0");
    for (int i = 0; i < 3; ++i) {
      const std::string function = "0000:03:10." + std::to_string(i);
      fs::create_directories(devices / function);
      fs::create_symlink("../0000:03:00.0", devices / function / "physfn");
      fs::create_symlink("../" + function, devices / "0000:03:00.0" / ("virtfn" + std::to_string(i)));
    }
  }
  ~FakeCard() override { fs::remove_all(root_); }

  // The card's link, the tap, and what else is given; the functions' statistics on request for the card alone.
  static FakeKernel::Serve serve(Bytes functions, Answers more_links = {}, rtnl_link_stats64 representor = {}) {
    return [=](const netlink::Message& m) -> Answers {
      if (m.type == RTM_GETSTATS) {
        Answers rows = stats_of_tap(m.sequence);
        rows.insert(rows.begin(), message(RTM_NEWSTATS, NLM_F_MULTI, m.sequence, stats_row(9, representor)));
        return rows;
      }
      if ((m.flags & NLM_F_DUMP) == 0) {
        EXPECT_EQ(netlink::value_at<ifinfomsg>(m.payload)->ifi_index, 7);
        if (functions.empty()) return {refused(m.sequence, EMSGSIZE)};
        return {message(RTM_NEWLINK, 0, m.sequence,
                        joined({link_header(7), name_attribute("ens1f0"), attribute(IFLA_VFINFO_LIST, functions)}))};
      }
      Answers links = list_tap(m.sequence);
      if (more_links.empty())
        links.insert(links.begin(), message(RTM_NEWLINK, NLM_F_MULTI, m.sequence, joined({link_header(7), name_attribute("ens1f0")})));
      for (const Bytes& link : more_links) links.insert(links.begin(), message(RTM_NEWLINK, NLM_F_MULTI, m.sequence, link));
      return links;
    };
  }
  void open_card(FakeKernel::Serve kernel) {
    open(std::move(kernel), {.sysfs = root_});
    counters_->watch(
        {{"", PciAddress{0, 3, 0x10, 1}}, {"tap5", std::nullopt}, {"", PciAddress{0, 3, 0x10, 0}}, {"", PciAddress{0, 9, 0, 0}}});
  }
  fs::path root_;
};

constexpr MetricSet kFunctionMetrics = 0xFF & ~(1u << kRxErrors | 1u << kTxErrors);

TEST_F(FakeCard, CountsItsFunctions) {
  open_card(serve(joined({virtual_function(0, all_stats(10)), virtual_function(1, all_stats(20))})));
  EXPECT_EQ(sample(), (std::vector{reading(7, {23, 21, 0, 27, 24, 22, 0, 28}, kFunctionMetrics, 2), kTapReading,
                                   reading(7, {13, 11, 0, 17, 14, 12, 0, 18}, kFunctionMetrics, 1), LinkReading{}}));
  EXPECT_EQ(count("function_requests"), 1u);  // one for the card, however many functions
  EXPECT_EQ(own_link(readings_[0]), OwnLink{}) << "the card's link passes everybody's packets";
  EXPECT_EQ(own_link(readings_[1]), OwnLink{.if_index = 5});
}

// A driver that does not count answers zeros, and zero is not absent.
TEST_F(FakeCard, IsNotBelievedBeforeItCounts) {
  const std::vector<std::pair<unsigned, std::uint64_t>> zeros{{IFLA_VF_STATS_RX_PACKETS, 0}, {IFLA_VF_STATS_TX_PACKETS, 0}};
  open_card(serve(joined({virtual_function(0, zeros), virtual_function(1, zeros)})));
  EXPECT_EQ(sample(), (std::vector{reading(7, {}, 0), kTapReading, reading(7, {}, 0), LinkReading{}}));
  kernel_->set(serve(joined({virtual_function(0, all_stats(10)), virtual_function(1, zeros)})));
  constexpr MetricSet kPackets = 1u << kRxPackets | 1u << kTxPackets;
  const auto counting = sample();
  EXPECT_EQ(counting[0], reading(7, {}, kPackets, 2));
  EXPECT_EQ(counting[2], reading(7, {13, 11, 0, 17, 14, 12, 0, 18}, kFunctionMetrics, 1));
  kernel_->set(serve(joined({virtual_function(0, zeros), virtual_function(1, zeros)})));
  EXPECT_EQ(sample()[2], reading(7, {}, kPackets, 1));  // reset, and known to count
}

TEST_F(FakeCard, LosesItsOwnCountersAlone) {
  open_card(serve({}));
  EXPECT_EQ(sample(), (std::vector{LinkReading{}, kTapReading, LinkReading{}, LinkReading{}}));
  EXPECT_EQ(count("function_failures"), 1u);
  EXPECT_EQ(count("failures"), 0u);
}

TEST_F(FakeCard, AsASwitchIsReadAtTheRepresentors) {
  const auto port = [](int if_index, std::string_view name, std::string_view port_name) {
    return joined({link_header(if_index), name_attribute(name), attribute(IFLA_PHYS_PORT_NAME, text_octets(port_name)),
                   attribute(IFLA_PHYS_SWITCH_ID, Bytes(8))});
  };
  open_card(serve(virtual_function(0, all_stats(10)), {port(7, "ens1f0", "p0"), port(9, "ens1f0npf0vf1", "pf0vf1")}, packets(30, 40)));
  EXPECT_EQ(own_link(sample()[0]), OwnLink{.if_index = 9});
  // The representor is the host's end: turned. Function 0 has none, and the card answers for it.
  EXPECT_EQ(sample(), (std::vector{reading(9, {0, 40, 0, 0, 0, 30}), kTapReading,
                                   reading(7, {13, 11, 0, 17, 14, 12, 0, 18}, kFunctionMetrics, 1), LinkReading{}}));
}

}  // namespace
}  // namespace vmtraffic
