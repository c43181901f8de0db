#include "plugins/standalone/json.hpp"

#include <fmt/format.h>

#include <optional>

#include "plugins/standalone/flow_json.hpp"
#include "plugins/standalone/json_object.hpp"
#include "plugins/standalone/performance_json.hpp"

namespace vmtraffic::standalone {
namespace {

// Counters or Rates: the same four names.
template <class Four>
std::string json_of(const Four& four) {
  JsonObject object;
  object.add("octets", four.octets);
  object.add("packets", four.packets);
  object.add("errors", four.errors);
  object.add("drops", four.drops);
  return object.text();
}

std::string json_of(const std::optional<Bandwidth>& bandwidth) {
  if (!bandwidth) return "null";
  JsonObject object;
  object.add("average", bandwidth->average);
  object.add("peak", bandwidth->peak);
  object.add("burst", bandwidth->burst);
  return object.text();
}

std::string json_of(const WindowRates& rates) {
  JsonObject object;
  object.add("covered_s", rates.covered_s);
  object.add_json("rx", json_of(rates.rx));
  object.add_json("tx", json_of(rates.tx));
  object.add_json("rx_highest", json_of(rates.rx_highest));
  object.add_json("tx_highest", json_of(rates.tx_highest));
  return object.text();
}

std::string json_of(const DomainRow& domain) {
  JsonObject object;
  object.add("uuid", domain.uuid.text());
  object.add("name", domain.name);
  object.add("title", domain.title);
  object.add("connection", domain.connection);
  object.add("hypervisor", domain.hypervisor);
  object.add("os_type", domain.os_type);
  object.add("state", name_of(domain.state));
  object.add("state_reason", domain.state_reason);
  object.add("persistent", domain.persistent);
  object.add("autostart", domain.autostart);
  object.add("vcpus", domain.vcpus);
  object.add("vcpus_max", domain.vcpus_max);
  object.add("memory_kib", domain.memory_kib);
  object.add("memory_max_kib", domain.memory_max_kib);
  object.add("cpu_time_ns", domain.cpu_time_ns);
  object.add("confirmed_boottime_ns", domain.confirmed_boottime);
  JsonObject tags;
  for (const TagView& tag : domain.tags) tags.add(tag.key, tag.value);
  object.add_json("tags", tags.text());
  return object.text();
}

std::string json_of(const Snapshot& snapshot, const VnicRow& vnic, const FlowJson& flows, const PerformanceJson& performance) {
  JsonObject object;
  object.add("domain_uuid", vnic.key.domain.text());
  object.add("mac", vnic.key.mac.text());
  object.add("ordinal", vnic.key.ordinal);
  object.add("number", vnic.number);
  object.add("type", name_of(vnic.type));
  object.add("source", vnic.source);
  object.add("tap", vnic.tap);
  object.add("model", vnic.model);
  object.add("port_id", vnic.port_id);
  object.add("teaming", vnic.teaming);
  object.add("alias", vnic.alias);
  object.add("pci", vnic.pci);
  object.add("link", name_of(vnic.link));
  object.add_json("bandwidth_rx", json_of(vnic.bandwidth_rx));
  object.add_json("bandwidth_tx", json_of(vnic.bandwidth_tx));
  object.add_json("addresses", json_list(vnic.addresses, json_string));
  object.add("if_index", vnic.if_index);
  object.add_json("rx", json_of(vnic.rx));
  object.add_json("tx", json_of(vnic.tx));
  object.add("discontinuity_boottime_ns", vnic.discontinuity_boottime);
  JsonObject rates;
  for (const Window window : {Window::kInterval, Window::kMinute, Window::kFiveMinutes}) {
    rates.add_json(name_of(window), json_of(snapshot.rates(vnic.index, window)));
  }
  object.add_json("rates", rates.text());
  object.add_json("flows", flows.vnic(vnic.index));
  object.add_json("latency", performance.latency(vnic.index));
  object.add_json("loss", performance.loss(vnic.index));
  return object.text();
}

std::string json_of(const ProbeHealthRow& probe) {
  JsonObject object;
  object.add("name", probe.name);
  object.add("state", name_of(probe.state));
  object.add("message", probe.message);
  object.add("since_boottime_ns", probe.since_boottime);
  object.add("last_ok_boottime_ns", probe.last_ok_boottime);
  JsonObject counters;
  for (const HealthCounter& counter : probe.counters) counters.add(counter.name, counter.value);
  object.add_json("counters", counters.text());
  return object.text();
}

std::string json_of(const EventRow& event) {
  JsonObject object;
  object.add("sequence", event.sequence);
  object.add("boottime_ns", event.boottime);
  object.add("walltime_ns", event.walltime);
  object.add("kind", name_of(event.kind));
  object.add("domain_uuid", event.uuid.text());
  object.add("domain", event.domain);
  object.add("detail", event.detail);
  return object.text();
}

std::string json_of(const AgentRow& agent) {
  JsonObject object;
  object.add("address", agent.address);
  object.add("sub_agent", agent.sub_agent);
  object.add("sender", agent.sender);
  object.add("host", agent.host);
  object.add("local", agent.local);
  object.add("first_boottime_ns", agent.first_boottime);
  object.add("last_boottime_ns", agent.last_boottime);
  object.add("uptime_ms", agent.uptime_ms);
  object.add("datagrams", agent.datagrams);
  object.add("lost", agent.lost);
  object.add("late", agent.late);
  object.add("duplicates", agent.duplicates);
  object.add("restarts", agent.restarts);
  object.add("samples", agent.samples);
  object.add("samples_lost", agent.samples_lost);
  object.add("counter_samples", agent.counter_samples);
  object.add("discarded_packets", agent.discarded_packets);
  object.add("agent_drops", agent.agent_drops);
  object.add("discard_drops", agent.discard_drops);
  object.add("data_sources", agent.data_sources);
  object.add("sampling_rate", agent.sampling_rate > 0 ? std::optional(agent.sampling_rate) : std::nullopt);
  object.add("stated_rate", agent.stated_rate);
  return object.text();
}

std::string writer_of(const SnapshotInfo& info) {
  JsonObject object;
  object.add("program", info.writer_program);
  object.add("version", info.writer_version);
  object.add("pid", info.writer_pid);
  return object.text();
}

}  // namespace

std::string render_json(const Snapshot& snapshot, const Clock& clock) {
  const SnapshotInfo info = snapshot.info();
  const FlowJson flows(snapshot);
  const PerformanceJson performance(snapshot);
  JsonObject object;
  object.add("format", 1);
  object.add("host", info.host);
  object.add("boot_id", info.boot_id);
  object.add("sequence", info.sequence);
  object.add("sampled_boottime_ns", info.sampled_boottime);
  object.add("sampled_walltime_ns", info.sampled_walltime);
  object.add("interval_ns", info.interval);
  object.add("inventory_generation", info.inventory_generation);
  object.add_json("writer", writer_of(info));
  object.add("age_ns", snapshot.age(clock));
  object.add("stale", snapshot.stale(clock));
  object.add_json("domains", array_of(snapshot.domain_count(), [&](std::size_t index) { return json_of(snapshot.domain(index)); }));
  object.add_json("vnics", array_of(snapshot.vnic_count(),
                                    [&](std::size_t index) { return json_of(snapshot, snapshot.vnic(index), flows, performance); }));
  object.add_json("health", array_of(snapshot.health_count(), [&](std::size_t index) { return json_of(snapshot.health(index)); }));
  object.add_json("events", array_of(snapshot.event_count(), [&](std::size_t index) { return json_of(snapshot.event(index)); }));
  object.add("last_event_sequence", snapshot.last_event_sequence());
  object.add_json("flows", flows.whole());
  object.add_json("performance", performance.whole());
  object.add_json("agents", array_of(snapshot.agent_count(), [&](std::size_t index) { return json_of(snapshot.agent(index)); }));
  return object.text() + "\n";
}

std::string render_hosts_json(const Snapshot& index, const Clock& clock) {
  JsonObject object;
  object.add("format", 1);
  object.add("age_ns", index.age(clock));
  object.add("stale", index.stale(clock));
  object.add_json("hosts", array_of(index.host_count(), [&](std::size_t i) {
                    const HostRow host = index.host(i);
                    JsonObject row;
                    row.add("name", host.name);
                    row.add("address", host.address);
                    row.add("last_boottime_ns", host.last_boottime);
                    row.add("domains", host.domains);
                    row.add("vnics", host.vnics);
                    return row.text();
                  }));
  return object.text() + "\n";
}

}  // namespace vmtraffic::standalone
