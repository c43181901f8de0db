// Sequences of sFlow datagrams into two intakes of one inventory, with ticks and changes of the inventory in between; the view that is made
// of them at each tick is encoded and parsed again: whatever agents send, the snapshot is valid and its sums are sums.
//
// The input: pieces of | what 1 | length 2 | octets |, the length cut to what is there. Of `what`:
//   0x01 sent on this host   0x02 to the second intake   0x04 a tick follows   0x08 the inventory changes before it
//   0xF0 the time that passes before it, in 30 s
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <tuple>
#include <vector>

#include "core/snapshot.hpp"
#include "core/snapshot/writer.hpp"
#include "core/traffic/flow_view.hpp"
#include "core/traffic/sflow_intake.hpp"
#include "core/wire/byte_reader.hpp"
#include "tests/unit/snapshot_walk.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace vmtraffic;

void require(bool holds) {
  if (!holds) std::abort();
}

// VMs with the MACs 52:54:00:00:00:`first` and on, of which the last two have the same.
Inventory machines(std::uint8_t first) {
  Inventory out;
  for (std::uint8_t i = 0; i < 5; ++i) {
    Domain d;
    d.uuid.octets[0] = static_cast<std::uint8_t>(first + i);
    d.state = DomainState::kRunning;
    Vnic v;
    v.mac = {{0x52, 0x54, 0, 0, 0, static_cast<std::uint8_t>(first + std::min<std::uint8_t>(i, 3))}};
    d.vnics.push_back(v);
    out.domains.push_back(d);
  }
  return out;
}

SflowIntakeOptions small() {
  SflowIntakeOptions o;
  o.networks = {{"backup", *IpNetwork::parse("192.0.2.0/24")}, {"all", *IpNetwork::parse("2001:db8::/32")}};
  o.limits.conversations = 64;
  o.limits.services_per_vnic = 4;
  o.max_agents = 4;
  o.max_data_sources = 16;
  return o;
}

void check(const FlowSums& s) {
  for (const double d : {s.total_octets, s.total_packets, static_cast<double>(s.octets), static_cast<double>(s.packets)})
    require(d >= 0 && std::isfinite(d));
  require(s.samples <= s.total_samples && s.total_packets >= static_cast<double>(s.total_samples));
  for (const float error : {s.octets_error, s.packets_error, s.total_octets_error, s.total_packets_error}) require(error >= 0);
}

class Host {
 public:
  Host() { set_inventory(); }

  void take(std::uint8_t what, Octets datagram) {
    const IpAddress sender = *IpAddress::parse((what & 1) != 0 ? "127.0.0.1" : "2001:db8::9");
    intakes_[what >> 1 & 1]->take(datagram, sender, (what & 1) != 0, now_ += kSecond / 1000);
  }
  void tick(std::uint8_t what) {
    now_ += (what >> 4) * 30 * kSecond;
    if ((what & 8) != 0) {
      first_ = static_cast<std::uint8_t>(first_ % 3 + 1);
      set_inventory();
    }
    for (VnicTotals& t : content_.numbers.totals) {
      t.total[kRxOctets] += 50'000;
      t.total[kTxOctets] += 5'000;
      t.present = t.seen = 1U << kRxOctets | 1U << kTxOctets;
    }
    for (const auto& intake : intakes_) intake->tick(now_, content_.numbers.totals);
    publish();
  }

 private:
  void set_inventory() {
    content_.inventory = machines(first_);
    const std::size_t count = content_.inventory.vnic_count();
    content_.numbers.domains.resize(content_.inventory.domains.size());
    content_.numbers.totals.assign(count, {});
    for (auto& rates : content_.numbers.rates) rates.resize(count);
    for (const auto& intake : intakes_) intake->set_inventory(content_.inventory, std::vector<std::uint32_t>{6, 7, 11, 12, 0});
  }

  void publish() {
    std::vector<const FlowLedger*> ledgers;
    std::vector<std::vector<AgentStatus>> heard;
    content_.agents.clear();
    for (const auto& intake : intakes_) {
      ledgers.push_back(&intake->ledger());
      heard.push_back(intake->agents());
      for (const AgentStatus& agent : heard.back()) {
        if (!agent.address.empty()) content_.agents.push_back(agent);
      }
    }
    const auto less = [](const AgentStatus& a, const AgentStatus& b) {
      return std::tie(a.address, a.sub_agent) < std::tie(b.address, b.sub_agent);
    };
    std::sort(content_.agents.begin(), content_.agents.end(), less);
    const auto place = [&](std::size_t ledger, std::uint32_t agent) {
      require(agent >= 1 && agent <= heard[ledger].size() && !heard[ledger][agent - 1].address.empty());
      const auto at = std::lower_bound(content_.agents.begin(), content_.agents.end(), heard[ledger][agent - 1], less);
      return static_cast<std::uint32_t>(at - content_.agents.begin() + 1);
    };
    content_.flows = flow_rows(ledgers, content_.numbers.totals, now_, {3, place});
    const FlowRows& rows = *content_.flows;
    const auto both = [](const auto& all) {
      for (const auto& row : all) check(row.rx), check(row.tx);
    };
    both(rows.vnics), both(rows.protocols), both(rows.services), both(rows.conversations);
    for (const auto& intake : intakes_) require(intake->ledger().conversations().size() <= 64 && intake->agent_count() <= 4);
    const auto parsed = Snapshot::parse(encode(content_));
    require(parsed.ok());
    require(parsed->vnic_count() == rows.vnics.size() && parsed->conversation_count() == rows.conversations.size() &&
            parsed->agent_count() == content_.agents.size() && parsed->drop_count() == rows.drops.size());
    require(walk(*parsed) != 0xFFFF'FFFF'FFFF'FFFF);  // so that nothing of the walk is left out
  }

  std::array<std::unique_ptr<SflowIntake>, 2> intakes_{std::make_unique<SflowIntake>(small()), std::make_unique<SflowIntake>(small())};
  SnapshotContent content_;
  std::uint8_t first_{1};
  Nanoseconds now_{1000 * kSecond};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader reader(Octets(reinterpret_cast<const std::byte*>(data), size));
  Host host;
  while (reader.remaining() >= 3) {
    const std::uint8_t what = reader.u8();
    const std::size_t length = reader.u16();
    host.take(what, reader.take(std::min(length, reader.remaining())));
    if ((what & 4) != 0) host.tick(what);
  }
  host.tick(0);
  return 0;
}
