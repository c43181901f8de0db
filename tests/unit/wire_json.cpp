#include "tests/unit/wire_json.hpp"

namespace vmtraffic::wire_test {
namespace {

template <class Record>
std::string json_of_record(const Record& record) {
  return std::visit(
      [](const auto& one) {
        using One = std::decay_t<decltype(one)>;
        JsonObject object;
        object("format", One::kStructure.format);
        object("structure", One::kStructure.name);
        One::fields(one, object);
        return object.text();
      },
      record);
}

template <class Reader>
std::string json_of_records(const sflow::Records& records, sflow::DecodeCounters& counters) {
  std::string items;
  for (Reader reader(records, counters); const auto record = reader.next();) items += (items.empty() ? "" : ",") + json_of(*record);
  return "[" + items + "]";
}

std::string json_of(const sflow::Port& port) {
  constexpr std::array<std::string_view, 6> names{"unknown", "ifIndex", "internal", "discarded", "multiple", "other"};
  return fmt::format("[\"{}\",{}]", names[static_cast<std::size_t>(port.kind)], port.value);
}

template <class Sample>
JsonObject head_of(std::string_view name, const Sample& sample) {
  JsonObject object;
  object("sample", name);
  object("sequence", sample.sequence);
  object("source_class", sample.source.source_class);
  object("source_index", sample.source.index);
  return object;
}

std::string json_of(const sflow::Sample& sample, sflow::DecodeCounters& counters) {
  if (const auto* flow = std::get_if<sflow::FlowSample>(&sample)) {
    JsonObject object = head_of("flow", *flow);
    object("sampling_rate", flow->sampling_rate);
    object("sample_pool", flow->sample_pool);
    object("drops", flow->drops);
    object.raw("input", json_of(flow->input));
    object.raw("output", json_of(flow->output));
    object("record_count", flow->records.count);
    object.raw("records", json_of_records<sflow::FlowRecordReader>(flow->records, counters));
    return object.text();
  }
  if (const auto* discarded = std::get_if<sflow::DiscardedPacket>(&sample)) {
    JsonObject object = head_of("discarded", *discarded);
    object("drops", discarded->drops);
    object.raw("input", json_of(discarded->input));
    object.raw("output", json_of(discarded->output));
    object("reason", discarded->reason);
    object("record_count", discarded->records.count);
    object.raw("records", json_of_records<sflow::FlowRecordReader>(discarded->records, counters));
    return object.text();
  }
  const auto& counter = std::get<sflow::CounterSample>(sample);
  JsonObject object = head_of("counters", counter);
  object("record_count", counter.records.count);
  object.raw("records", json_of_records<sflow::CounterRecordReader>(counter.records, counters));
  return object.text();
}

std::string json_of(const Ip& ip) {
  JsonObject object;
  object("src", ip.src);
  object("dst", ip.dst);
  object("protocol", std::uint32_t{ip.protocol});
  object("ttl", std::uint32_t{ip.ttl});
  object("dscp", std::uint32_t{ip.dscp});
  object("ecn", std::uint32_t{ip.ecn});
  object("header_length", std::uint32_t{ip.header_length});
  object("total_length", ip.total_length);
  if (ip.version() == 4) {
    object("id", std::uint32_t{ip.id});
    object("dont_fragment", ip.dont_fragment);
  } else {
    object("flow_label", ip.flow_label);
  }
  if (ip.fragment) {
    object("fragment_id", ip.fragment->id);
    object("fragment_offset", ip.fragment->offset);
    object("fragment_more", ip.fragment->more);
  }
  return object.text();
}

std::string json_of(const Tcp& tcp, Octets snapshot) {
  JsonObject object;
  object("src_port", std::uint32_t{tcp.src_port});
  object("dst_port", std::uint32_t{tcp.dst_port});
  object("seq", tcp.seq);
  object("ack", tcp.ack);
  object("flags", std::uint32_t{tcp.flags});
  object("window", std::uint32_t{tcp.window});
  object("header_length", std::uint32_t{tcp.header_length});
  const TcpOptions options = tcp_options(snapshot, tcp);
  if (options.mss) object("mss", std::uint32_t{*options.mss});
  if (options.window_scale) object("window_scale", std::uint32_t{*options.window_scale});
  if (options.sack_permitted) object("sack_permitted", true);
  std::string blocks;
  for (const SackBlock& block : options.sack) blocks += fmt::format("{}[{},{}]", blocks.empty() ? "" : ",", block.left, block.right);
  if (!blocks.empty()) object.raw("sack", "[" + blocks + "]");
  if (options.timestamps) object.raw("timestamps", fmt::format("[{},{}]", options.timestamps->value, options.timestamps->echo_reply));
  if (!options.complete) object("options_complete", false);
  return object.text();
}

}  // namespace

std::string json_of(const sflow::FlowRecord& record) { return json_of_record(record); }
std::string json_of(const sflow::CounterRecord& record) { return json_of_record(record); }

std::string json_of(const sflow::DecodeCounters& counters) {
  JsonObject object;
  sflow::DecodeCounters::fields(counters, [&](std::string_view name, std::uint64_t value) {
    if (value != 0) object(name, value);
  });
  return object.text();
}

std::string json_of_datagram(Octets octets) {
  sflow::DecodeCounters counters;
  JsonObject object;
  if (const auto datagram = sflow::read_datagram(octets, counters)) {
    object("agent", datagram->agent);
    object("sub_agent", datagram->sub_agent);
    object("sequence", datagram->sequence);
    object("uptime_ms", datagram->uptime_ms);
    object("sample_count", datagram->sample_count);
    std::string samples;
    for (sflow::SampleReader reader(*datagram, counters); const auto sample = reader.next();) {
      samples += (samples.empty() ? "" : ",") + json_of(*sample, counters);
    }
    object.raw("samples", "[" + samples + "]");
  }
  object.raw("counters", json_of(counters));
  return object.text();
}

std::string json_of(const Frame& frame, Octets snapshot) {
  JsonObject object;
  object("offset", frame.extent.offset);
  object("length", frame.length);
  if (frame.ethernet) {
    object("src", frame.ethernet->src);
    object("dst", frame.ethernet->dst);
  }
  object("ether_type", std::uint32_t{frame.ether_type});
  std::string items;
  for (const VlanTag& one : frame.vlans) {
    items += fmt::format("{}[{},{},{}]", items.empty() ? "" : ",", one.tpid, one.id(), one.priority());
  }
  if (!items.empty()) object.raw("vlans", "[" + items + "]");
  items.clear();
  for (const MplsLabel& one : frame.mpls) items += fmt::format("{}[{},{}]", items.empty() ? "" : ",", one.label(), one.ttl());
  if (!items.empty()) object.raw("mpls", "[" + items + "]");
  if (frame.arp) {
    JsonObject arp;
    arp("operation", std::uint32_t{frame.arp->operation});
    arp("sender_mac", frame.arp->sender_mac);
    arp("sender_ip", frame.arp->sender_ip);
    arp("target_mac", frame.arp->target_mac);
    arp("target_ip", frame.arp->target_ip);
    object.raw("arp", arp.text());
  }
  if (frame.ip) object.raw("ip", json_of(*frame.ip));
  if (frame.tcp) object.raw("tcp", json_of(*frame.tcp, snapshot));
  if (frame.udp) {
    object.raw("udp", fmt::format("{{\"src_port\":{},\"dst_port\":{},\"length\":{}}}", frame.udp->src_port, frame.udp->dst_port,
                                  frame.udp->length));
  }
  if (frame.icmp) {
    JsonObject icmp;
    icmp("type", std::uint32_t{frame.icmp->type});
    icmp("code", std::uint32_t{frame.icmp->code});
    if (frame.icmp->echo) icmp.raw("echo", fmt::format("[{},{}]", frame.icmp->echo->id, frame.icmp->echo->sequence));
    object.raw("icmp", icmp.text());
  }
  object.raw("payload", fmt::format("[{},{}]", frame.payload.offset, frame.payload.length));
  object("payload_length", frame.payload_length);
  return object.text();
}

std::string json_of(const Packet& packet, Octets snapshot) {
  JsonObject object;
  object.raw("outer", json_of(packet.outer, snapshot));
  if (packet.tunnel.kind != TunnelKind::kNone) {
    JsonObject tunnel;
    tunnel("kind", name_of(packet.tunnel.kind));
    tunnel("protocol", std::uint32_t{packet.tunnel.protocol});
    if (packet.tunnel.vni) tunnel("vni", *packet.tunnel.vni);
    if (packet.tunnel.key) tunnel("key", *packet.tunnel.key);
    if (packet.tunnel.sequence) tunnel("sequence", *packet.tunnel.sequence);
    if (packet.tunnel.checksum) tunnel("checksum", std::uint32_t{*packet.tunnel.checksum});
    if (packet.tunnel.options.length > 0) tunnel("options", hex(packet.tunnel.options.of(snapshot)));
    object.raw("tunnel", tunnel.text());
  }
  object("depth", std::uint32_t{packet.depth});
  if (packet.depth > 0) object.raw("inner", json_of(packet.inner, snapshot));
  object("fault", name_of(packet.fault));
  object("fault_at", name_of(packet.fault_at));
  return object.text();
}

}  // namespace vmtraffic::wire_test
