// VMTRAFFIC-MIB's objects. Units, directions and sources are in VMTRAFFIC-MIB.txt; a test holds the two together.
#include <vector>

#include "plugins/snmp-subagent/flow_tables.hpp"
#include "plugins/snmp-subagent/tables.hpp"

namespace vmtraffic::snmp {
namespace {

// ---- the collector: also while there is no fresh snapshot

Value collector_state(const View& view, std::size_t) { return Integer32{static_cast<std::int32_t>(view.state())}; }
Value collector_message(const View& view, std::size_t) { return admin_string(view.model().trouble); }
Value collector_here(const View& view, std::size_t) { return truth_value(view.model().collecting); }

Value holder_pid(const View& view, std::size_t) {
  if (!view.model().holder) return std::nullopt;
  return unsigned32(static_cast<std::uint32_t>(view.model().holder->pid));
}
Value holder_program(const View& view, std::size_t) {
  return view.model().holder ? text_if_any(view.model().holder->command) : std::nullopt;
}
Value holder_stopped(const View& view, std::size_t) {
  if (!view.model().holder) return std::nullopt;
  return truth_value(view.model().holder->stopped);
}

Value snapshot_age(const View& view, std::size_t) {
  if (!view.age()) return std::nullopt;
  return duration(*view.age());
}

// Of the snapshot's header, as long as there is one, stale or not.
template <Value (*value)(const SnapshotInfo&)>
Value of_header(const View& view, std::size_t) {
  return view.model().snapshot ? value(view.snapshot().info()) : std::nullopt;
}
Value sequence(const SnapshotInfo& info) { return Counter64{info.sequence}; }
Value interval(const SnapshotInfo& info) { return duration(info.interval); }
Value sampled(const SnapshotInfo& info) { return date_and_time(info.sampled_walltime); }
Value host(const SnapshotInfo& info) { return text_if_any(info.host); }
Value writer_pid(const SnapshotInfo& info) { return unsigned32(info.writer_pid); }
Value writer_program(const SnapshotInfo& info) { return text_if_any(info.writer_program); }
Value writer_version(const SnapshotInfo& info) { return text_if_any(info.writer_version); }

Value vnic_number(const View& view, std::size_t) {
  if (view.state() != View::State::kFresh) return std::nullopt;
  return unsigned32(view.snapshot().vnic_count());
}

// ---- vtVnicTable

template <Value (*value)(const VnicRow&)>
Value of_vnic(const View& view, std::size_t row) {
  return value(view.snapshot().vnic(row));
}
Value mac(const VnicRow& vnic) { return mac_address(vnic.key.mac); }
Value ordinal(const VnicRow& vnic) { return unsigned32(vnic.key.ordinal); }
Value host_link(const VnicRow& vnic) { return text_if_any(vnic.tap); }
Value source(const VnicRow& vnic) { return text_if_any(vnic.source); }
Value type(const VnicRow& vnic) { return Integer32{static_cast<std::int32_t>(vnic.type) + 1}; }
Value if_index(const VnicRow& vnic) {
  const std::int32_t link = host_interfaces(vnic).link;
  if (link == 0) return std::nullopt;  // InterfaceIndex has no zero
  return Integer32{link};
}
// Zero where there never was a discontinuity, as in the IF-MIB.
Value discontinuity(const VnicRow& vnic) { return uptime(vnic.discontinuity_boottime.value_or(0)); }

template <Counters VnicRow::*direction, std::optional<std::uint64_t> Counters::*metric>
Value total(const View& view, std::size_t row) {
  return counter(view.snapshot().vnic(row).*direction.*metric);
}

template <Value (*value)(const DomainRow&)>
Value of_vnic_domain(const View& view, std::size_t row) {
  return value(view.snapshot().domain(view.snapshot().vnic(row).domain));
}
Value domain_name(const DomainRow& domain) { return admin_string(domain.name); }
Value domain_uuid(const DomainRow& domain) { return admin_string(domain.uuid.text()); }

Value names_age(const View& view, std::size_t row) {
  return view.since(view.snapshot().domain(view.snapshot().vnic(row).domain).confirmed_boottime);
}

template <Window window, Rates WindowRates::*direction, std::optional<double> Rates::*metric, int factor>
Value rate(const View& view, std::size_t row) {
  const std::optional<double> per_second = view.snapshot().rates(row, window).*direction.*metric;
  return per_second ? counter_of(*per_second, factor) : std::nullopt;
}

template <Window window>
Value covered(const View& view, std::size_t row) {
  return covered_time(view.snapshot().rates(row, window).covered_s);
}

// ---- vtProbeTable, vtProbeCounterTable

Value probe_name(const View& view, std::size_t row) { return admin_string(view.snapshot().health(row).name); }
Value probe_state(const View& view, std::size_t row) { return Integer32{static_cast<std::int32_t>(view.snapshot().health(row).state) + 1}; }
Value probe_message(const View& view, std::size_t row) { return admin_string(view.snapshot().health(row).message); }
Value probe_state_age(const View& view, std::size_t row) { return view.since(view.snapshot().health(row).since_boottime); }
Value probe_last_ok_age(const View& view, std::size_t row) { return view.since(view.snapshot().health(row).last_ok_boottime); }

Value probe_counter(const View& view, std::size_t row) {
  const auto [probe, number] = view.rows().counters[row];
  return Counter64{view.snapshot().health(probe).counters[number].value};
}

constexpr Column kCollector[] = {
    {1, "vtCollectorState", Syntax::kInteger, collector_state},
    {2, "vtCollectorMessage", Syntax::kOctetString, collector_message},
    {3, "vtCollectorHere", Syntax::kInteger, collector_here},
    {4, "vtLeaseHolderPid", Syntax::kUnsigned32, holder_pid},
    {5, "vtLeaseHolderProgram", Syntax::kOctetString, holder_program},
    {6, "vtLeaseHolderStopped", Syntax::kInteger, holder_stopped},
    {7, "vtSnapshotAge", Syntax::kTimeTicks, snapshot_age},
    {8, "vtSnapshotSequence", Syntax::kCounter64, of_header<sequence>},
    {9, "vtSnapshotInterval", Syntax::kTimeTicks, of_header<interval>},
    {10, "vtSnapshotTime", Syntax::kOctetString, of_header<sampled>},
    {11, "vtSnapshotHost", Syntax::kOctetString, of_header<host>},
    {12, "vtWriterPid", Syntax::kUnsigned32, of_header<writer_pid>},
    {13, "vtWriterProgram", Syntax::kOctetString, of_header<writer_program>},
    {14, "vtWriterVersion", Syntax::kOctetString, of_header<writer_version>},
    {15, "vtVnicNumber", Syntax::kUnsigned32, vnic_number},
};

using enum Window;
constexpr auto kOctets = &Rates::octets;
constexpr auto kPackets = &Rates::packets;

constexpr Column kVnicTable[] = {
    {3, "vtVnicDomainName", Syntax::kOctetString, of_vnic_domain<domain_name>},
    {4, "vtVnicDomainUuid", Syntax::kOctetString, of_vnic_domain<domain_uuid>},
    {5, "vtVnicMacAddress", Syntax::kOctetString, of_vnic<mac>},
    {6, "vtVnicOrdinal", Syntax::kUnsigned32, of_vnic<ordinal>},
    {7, "vtVnicType", Syntax::kInteger, of_vnic<type>},
    {8, "vtVnicSource", Syntax::kOctetString, of_vnic<source>},
    {9, "vtVnicHostLink", Syntax::kOctetString, of_vnic<host_link>},
    {10, "vtVnicIfIndex", Syntax::kInteger, of_vnic<if_index>},
    {11, "vtVnicNamesAge", Syntax::kTimeTicks, names_age},
    {12, "vtVnicRxOctets", Syntax::kCounter64, total<&VnicRow::rx, &Counters::octets>},
    {13, "vtVnicRxPackets", Syntax::kCounter64, total<&VnicRow::rx, &Counters::packets>},
    {14, "vtVnicRxErrors", Syntax::kCounter64, total<&VnicRow::rx, &Counters::errors>},
    {15, "vtVnicRxDrops", Syntax::kCounter64, total<&VnicRow::rx, &Counters::drops>},
    {16, "vtVnicTxOctets", Syntax::kCounter64, total<&VnicRow::tx, &Counters::octets>},
    {17, "vtVnicTxPackets", Syntax::kCounter64, total<&VnicRow::tx, &Counters::packets>},
    {18, "vtVnicTxErrors", Syntax::kCounter64, total<&VnicRow::tx, &Counters::errors>},
    {19, "vtVnicTxDrops", Syntax::kCounter64, total<&VnicRow::tx, &Counters::drops>},
    {20, "vtVnicDiscontinuityTime", Syntax::kTimeTicks, of_vnic<discontinuity>},
    {21, "vtVnicCovered", Syntax::kTimeTicks, covered<kInterval>},
    {22, "vtVnicRxBitRate", Syntax::kCounter64, rate<kInterval, &WindowRates::rx, kOctets, 8>},
    {23, "vtVnicRxPacketRate", Syntax::kCounter64, rate<kInterval, &WindowRates::rx, kPackets, 1>},
    {24, "vtVnicTxBitRate", Syntax::kCounter64, rate<kInterval, &WindowRates::tx, kOctets, 8>},
    {25, "vtVnicTxPacketRate", Syntax::kCounter64, rate<kInterval, &WindowRates::tx, kPackets, 1>},
    {26, "vtVnicCovered1m", Syntax::kTimeTicks, covered<kMinute>},
    {27, "vtVnicRxBitRate1m", Syntax::kCounter64, rate<kMinute, &WindowRates::rx, kOctets, 8>},
    {28, "vtVnicRxPacketRate1m", Syntax::kCounter64, rate<kMinute, &WindowRates::rx, kPackets, 1>},
    {29, "vtVnicTxBitRate1m", Syntax::kCounter64, rate<kMinute, &WindowRates::tx, kOctets, 8>},
    {30, "vtVnicTxPacketRate1m", Syntax::kCounter64, rate<kMinute, &WindowRates::tx, kPackets, 1>},
    {31, "vtVnicRxBitRateMax1m", Syntax::kCounter64, rate<kMinute, &WindowRates::rx_highest, kOctets, 8>},
    {32, "vtVnicRxPacketRateMax1m", Syntax::kCounter64, rate<kMinute, &WindowRates::rx_highest, kPackets, 1>},
    {33, "vtVnicTxBitRateMax1m", Syntax::kCounter64, rate<kMinute, &WindowRates::tx_highest, kOctets, 8>},
    {34, "vtVnicTxPacketRateMax1m", Syntax::kCounter64, rate<kMinute, &WindowRates::tx_highest, kPackets, 1>},
    {35, "vtVnicCovered5m", Syntax::kTimeTicks, covered<kFiveMinutes>},
    {36, "vtVnicRxBitRate5m", Syntax::kCounter64, rate<kFiveMinutes, &WindowRates::rx, kOctets, 8>},
    {37, "vtVnicRxPacketRate5m", Syntax::kCounter64, rate<kFiveMinutes, &WindowRates::rx, kPackets, 1>},
    {38, "vtVnicTxBitRate5m", Syntax::kCounter64, rate<kFiveMinutes, &WindowRates::tx, kOctets, 8>},
    {39, "vtVnicTxPacketRate5m", Syntax::kCounter64, rate<kFiveMinutes, &WindowRates::tx, kPackets, 1>},
    {40, "vtVnicRxBitRateMax5m", Syntax::kCounter64, rate<kFiveMinutes, &WindowRates::rx_highest, kOctets, 8>},
    {41, "vtVnicRxPacketRateMax5m", Syntax::kCounter64, rate<kFiveMinutes, &WindowRates::rx_highest, kPackets, 1>},
    {42, "vtVnicTxBitRateMax5m", Syntax::kCounter64, rate<kFiveMinutes, &WindowRates::tx_highest, kOctets, 8>},
    {43, "vtVnicTxPacketRateMax5m", Syntax::kCounter64, rate<kFiveMinutes, &WindowRates::tx_highest, kPackets, 1>},
};

constexpr Column kProbeTable[] = {
    {2, "vtProbeName", Syntax::kOctetString, probe_name},           {3, "vtProbeState", Syntax::kInteger, probe_state},
    {4, "vtProbeMessage", Syntax::kOctetString, probe_message},     {5, "vtProbeStateAge", Syntax::kTimeTicks, probe_state_age},
    {6, "vtProbeLastOkAge", Syntax::kTimeTicks, probe_last_ok_age},
};
constexpr Column kProbeCounterTable[] = {
    {2, "vtProbeCounterValue", Syntax::kCounter64, probe_counter},
};

}  // namespace

std::span<const Table> vmtraffic_mib() {
  static const std::vector<Table> tables = [] {
    std::vector<Table> all = {
        {{1, 1}, RowSet::kScalars, kCollector},
        {{1, 2, 1}, RowSet::kVnics, kVnicTable},
        {{1, 3, 1}, RowSet::kProbes, kProbeTable},
        {{1, 4, 1}, RowSet::kProbeCounters, kProbeCounterTable},
    };
    for (const std::span<const Table> more : {flow_tables(), agent_tables(), host_tables(), performance_tables()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return tables;
}

}  // namespace vmtraffic::snmp
