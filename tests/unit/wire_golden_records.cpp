// One record for each sFlow structure, written down from its specification, field by field: numbers count up so that an exchange of two
// fields shows, and none is all ones except where "unknown" is meant.
#include "tests/unit/wire_golden.hpp"
#include "tests/unit/wire_packet_builder.hpp"
#include "tests/unit/wire_sflow_builder.hpp"

namespace vmtraffic::wire_test {
namespace {

constexpr std::uint32_t kUnknown = 0xFFFFFFFF;
constexpr std::uint64_t kUnknown64 = 0xFFFFFFFFFFFFFFFF;

// Numbers of 4 octets that count up from `first`.
Bytes count_up(std::uint32_t first, std::uint32_t count) {
  Bytes made;
  for (std::uint32_t i = 0; i < count; ++i) made.u32(first + i);
  return made;
}

Bytes sampled_ethernet() { return Bytes().u32(1514).add(xdr_mac(kMacA)).add(xdr_mac(kMacB)).u32(0x0800); }
Bytes sampled_ipv4() { return Bytes().words({1500, 6, kIpA, kIpB, 40000, 443, 0x18, 0xB8}); }
Bytes sampled_ipv6() { return Bytes().words({1500, 17}).u64(kIp6Net).u64(1).u64(kIp6Net).u64(2).words({1000, 2000, 0, 7}); }
Bytes socket4() { return Bytes().words({6, kIpA, kIpB, 8080, 50000}); }
Bytes socket6() { return Bytes().u32(17).u64(kIp6Net).u64(1).u64(kIp6Net).u64(2).words({53, 5353}); }

Bytes header(std::uint32_t protocol, const Bytes& octets) {
  return Bytes().words({protocol, static_cast<std::uint32_t>(octets.size() + 4), 4}).add(xdr_opaque(octets));
}

void add_packet_records(std::vector<GoldenRecord>& all) {
  const auto add = [&](std::uint32_t format, const Bytes& body, std::string variant = "") {
    all.push_back({RecordKind::kFlow, format, std::move(variant), body});
  };
  const Bytes packet = ipv4(6, tcp(Bytes().fill(11, 0xDA)));
  add(1, header(1, ethernet(0x0800, packet)), "ethernet");
  add(1, header(11, packet), "ipv4");
  add(1, header(12, ipv6(17, udp(1, 2, {}))), "ipv6");
  add(1, header(13, mpls(99, true, packet)), "mpls");
  add(1, header(7, Bytes().fill(9, 0x77)), "ppp");
  add(2, sampled_ethernet());
  add(3, sampled_ipv4());
  add(4, sampled_ipv6());
  add(1001, Bytes().words({10, 1, 20, 2}));
  add(1002, Bytes().add(xdr_ipv4(0xC0A80002)).words({24, 16}), "ipv4");
  add(1002, Bytes().add(xdr_ipv6(kIp6Net, 9)).words({64, 48}), "ipv6");
  const Bytes path = Bytes().u32(2).u32(2).add(xdr_numbers({64496, 64497})).u32(1).add(xdr_numbers({64498}));
  add(1003, Bytes().add(xdr_ipv4(0xC0A80003)).words({64500, 64501, 64502}).add(path).add(xdr_numbers({70001, 70002})).u32(100));
  add(1006, Bytes().add(xdr_ipv4(0xC0A80004)).add(xdr_numbers({0x3E8040, 0x7D0140})).add(xdr_numbers({0xBB8140})));
  add(1007, Bytes().add(xdr_ipv4(0xCB007101)).add(xdr_ipv4(0xCB007102)), "ipv4");
  add(1007, Bytes().add(xdr_ipv6(kIp6Net, 5)).u32(0), "unknown");
  add(1008, Bytes().add(xdr_text("tunnel-a")).words({31, 3}));
  add(1009, Bytes().add(xdr_text("vc-a")).words({41, 4}));
  add(1010, Bytes().add(xdr_text("ftn")).u32(0xFF));
  add(1011, Bytes().u32(24));
  add(1012, xdr_numbers({0x88A80063, 0x81000064}));
}

void add_extended_records(std::vector<GoldenRecord>& all) {
  const auto add = [&](std::uint32_t format, const Bytes& body) { all.push_back({RecordKind::kFlow, format, "", body}); };
  for (const std::uint32_t format : {1021u, 1022u}) add(format, sampled_ethernet());
  for (const std::uint32_t format : {1023u, 1024u}) add(format, sampled_ipv4());
  for (const std::uint32_t format : {1025u, 1026u}) add(format, sampled_ipv6());
  for (const std::uint32_t format : {1027u, 1028u}) add(format, Bytes().u32(50));
  add(1029, Bytes().u32(5001));
  add(1030, Bytes().u32(5002));
  add(1036, Bytes().u32(7));
  add(1037, Bytes().u32(12).add(xdr_text("deny-all")).u32(2));
  add(1038, xdr_text("nf_hook_slow"));
  add(1039, Bytes().u32(kUnknown));
  add(1040, Bytes().u32(11354112));
  add(1041, Bytes().add(xdr_text("l3_drops")).add(xdr_text("blackhole_route")));
  add(1042, xdr_text("NO_SOCKET"));
  add(1043, Bytes().u64(1700000000123456789));
  add(2100, socket4());
  add(2101, socket6());
  add(2102, socket4());
  add(2103, socket6());
  add(2209, Bytes().u32(2).add(count_up(101, 11)));
}

void add_port_records(std::vector<GoldenRecord>& all) {
  const auto add = [&](std::uint32_t format, const Bytes& body, std::string variant = "") {
    all.push_back({RecordKind::kCounter, format, std::move(variant), body});
  };
  Bytes interface;
  interface.words({6, 6}).u64(10'000'000'000).words({1, 3}).u64(1ull << 40).add(count_up(1, 6)).u64(1ull << 41).add(count_up(7, 5)).u32(0);
  add(1, interface);
  Bytes unknown;
  unknown.words({6, 6}).u64(0).words({0, 0}).u64(kUnknown64);
  for (int i = 0; i < 6; ++i) unknown.u32(kUnknown);
  unknown.u64(5).u32(8);
  for (int i = 0; i < 4; ++i) unknown.u32(kUnknown);
  add(1, unknown.u32(1), "unknown");
  add(2, count_up(1, 13));
  add(5, Bytes().u32(100).u64(1ull << 33).add(count_up(1, 4)));
  add(1004, Bytes().u64(0x0000525400000099).u32(3));
  add(1005, xdr_text("tap0"));
  add(2203, Bytes().words({1, 2}).u64(3).u64(4).words({5, 6, 7, kUnknown}));
  add(2207, count_up(1, 6));
}

void add_host_records(std::vector<GoldenRecord>& all) {
  const auto add = [&](std::uint32_t format, const Bytes& body, std::string variant = "") {
    all.push_back({RecordKind::kCounter, format, std::move(variant), body});
  };
  add(2000, Bytes().add(xdr_text("vm1")).u64(0x0123456789ABCDEF).u64(0x1122334455667788).words({3, 2}).add(xdr_text("6.1.0")));
  add(2001, Bytes().u32(2).u32(0).u32(2).add(xdr_mac(kMacA)).add(xdr_mac(kMacB)).u32(4).u32(0));
  add(2002, Bytes().words({2, 1}));
  const Bytes load = Bytes().f32(0.5F).f32(1.25F).f32(-1.0F);
  add(2003, Bytes().add(load).add(count_up(1, 17)), "with later fields");
  add(2003, Bytes().add(load).add(count_up(1, 14)), "without later fields");
  add(2004, Bytes().u64(1).u64(2).u64(kUnknown64).u64(4).u64(5).u64(6).u64(7).add(count_up(8, 4)));
  add(2005, Bytes().u64(1).u64(2).words({3, 4}).u64(5).words({6, 7}).u64(8).u32(9));
  add(2006, Bytes().u64(1).add(count_up(2, 3)).u64(5).add(count_up(6, 3)));
  add(2007, count_up(1, 19));
  add(2008, count_up(1, 25));
  add(2009, count_up(1, 15));
  add(2010, count_up(1, 7));
  add(2100, Bytes().words({2400, 8}).u64(3).u64(4).u32(5));
  add(2101, Bytes().words({1, 2, 3}));
  add(2102, Bytes().u64(1).u64(2));
  add(2103, Bytes().u64(1).u64(2).u64(3).u32(4).u64(5).u32(6).u64(7).u32(8));
  add(2104, Bytes().u64(1).add(count_up(2, 3)).u64(5).add(count_up(6, 3)));
}

std::vector<Bytes> records_of(RecordKind kind) {
  std::vector<Bytes> records;
  for (const GoldenRecord& record : golden_records()) {
    if (record.kind == kind) records.push_back(tagged(record.format, record.body));
  }
  return records;
}

}  // namespace

std::vector<GoldenRecord> golden_records() {
  std::vector<GoldenRecord> all;
  add_packet_records(all);
  add_extended_records(all);
  add_port_records(all);
  add_host_records(all);
  return all;
}

std::vector<GoldenDatagram> golden_datagrams() {
  std::vector<GoldenDatagram> all;
  for (const GoldenRecord& record : golden_records()) {
    const std::vector<Bytes> records{tagged(record.format, record.body)};
    const bool flow = record.kind == RecordKind::kFlow;
    const std::string name =
        (flow ? "flow-" : "counter-") + std::to_string(record.format) + (record.variant.empty() ? "" : " " + record.variant);
    all.push_back({name, datagram({flow ? flow_sample({}, records) : counter_sample(31, 0, 6, records)})});
  }
  const std::vector<Bytes> flow = records_of(RecordKind::kFlow), counters = records_of(RecordKind::kCounter);
  const std::vector<Bytes> one{tagged(1001, Bytes().words({10, 1, 20, 2}))};
  DatagramHead v6;
  v6.agent = xdr_ipv6(kIp6Net, 0xA1);
  all.push_back({"no samples", datagram({})});
  all.push_back({"agent over IPv6", datagram({flow_sample({}, one)}, v6)});
  all.push_back(
      {"expanded", datagram({expanded_flow_sample({.source_index = 0x1000001, .input = 0x40000001}, one),
                             expanded_counter_sample(32, 3, 0x1000002, {tagged(5, Bytes().u32(1).u64(2).words({3, 4, 5, 6}))})})});
  all.push_back({"ports", datagram({flow_sample({.input = 0, .output_format = 2, .output = 3}, one),
                                    flow_sample({.input = 0x3FFFFFFF, .output_format = 1, .output = 260}, one),
                                    flow_sample({.output_format = 3, .output = 5}, one),
                                    expanded_flow_sample({.input = 0xFFFFFFFF, .output_format = 2, .output = 0}, one)})});
  all.push_back({"discarded", datagram({discarded_packet(281, {tagged(1038, xdr_text("ip_rcv")), one[0]})})});
  all.push_back({"everything", datagram({flow_sample({}, flow), counter_sample(33, 0, 7, counters), discarded_packet(0, flow)})});
  all.push_back({"unknown", datagram({tagged(9, Bytes().fill(12)), tagged(1, Bytes().fill(12), 4300),
                                      flow_sample({}, {tagged(999, Bytes().fill(8)), tagged(1, Bytes().fill(4), 8800), one[0]})})});
  all.push_back({"broken record", datagram({flow_sample({}, {tagged(1001, Bytes().words({1, 2, 3})), one[0]})})});
  all.push_back({"record past its sample", datagram({flow_sample({}, {one[0], Bytes().u32(1001).u32(64).u32(1)}), flow_sample({}, one)})});
  all.push_back({"broken sample", datagram({tagged(1, Bytes().fill(20)), flow_sample({}, one)})});
  all.push_back({"sample past the datagram", datagram({flow_sample({}, one), Bytes().u32(1).u32(4096).fill(32)})});
  all.push_back({"records missing", datagram({tagged(1, Bytes().words({1, 6, 400, 400, 0, 6, 7, 9}).add(one[0]))})});
  all.push_back({"huge counts", datagram({flow_sample({}, {tagged(1012, Bytes().u32(0x40000001).u32(1)), one[0]}),
                                          counter_sample(1, 0, 1, {tagged(2001, Bytes().u32(0xFFFFFFFF).fill(64))})})});
  all.push_back({"version 4", datagram({flow_sample({}, one)}, {.version = 4})});
  all.push_back({"unknown agent", datagram({flow_sample({}, one)}, {.agent = Bytes().u32(0)})});
  all.push_back({"bad agent", datagram({flow_sample({}, one)}, {.agent = Bytes().u32(3).u32(1)})});
  all.push_back({"empty", Bytes()});
  return all;
}

}  // namespace vmtraffic::wire_test
