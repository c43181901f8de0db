#include "plugins/standalone/json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "core/text.hpp"

namespace vmtraffic::standalone {
namespace {

// One JSON object as it grows. Values that are objects or arrays themselves come as finished text.
class JsonObject {
 public:
  void add_json(std::string_view key, std::string_view json) {
    text_ += text_.empty() ? "" : ", ";
    text_ += json_string(key);
    text_ += ": ";
    text_ += json;
  }
  void add(std::string_view key, std::string_view value) { add_json(key, json_string(value)); }
  void add(std::string_view key, std::integral auto value) { add_json(key, fmt::format("{}", value)); }  // true and false as well
  void add(std::string_view key, double value) { add_json(key, std::isfinite(value) ? fmt::format("{}", value) : "null"); }
  template <class T>
  void add(std::string_view key, const std::optional<T>& value) {
    if (value) {
      add(key, *value);
    } else {
      add_json(key, "null");
    }
  }
  std::string text() const { return fmt::format("{{{}}}", text_); }

 private:
  std::string text_;
};

// "[" rows "]" with a row a line.
template <class Row>
std::string array_of(std::size_t count, const Row& row) {
  std::string text = "[";
  for (std::size_t index = 0; index < count; ++index) {
    text += index == 0 ? "\n" : ",\n";
    text += row(index);
  }
  text += count == 0 ? "]" : "\n]";
  return text;
}

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

std::string json_of(const Snapshot& snapshot, const VnicRow& vnic) {
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
  std::string addresses;
  for (const std::string_view address : vnic.addresses)
    addresses += fmt::format("{}{}", addresses.empty() ? "" : ", ", json_string(address));
  object.add_json("addresses", fmt::format("[{}]", addresses));
  object.add("if_index", vnic.if_index);
  object.add_json("rx", json_of(vnic.rx));
  object.add_json("tx", json_of(vnic.tx));
  object.add("discontinuity_boottime_ns", vnic.discontinuity_boottime);
  JsonObject rates;
  for (const Window window : {Window::kInterval, Window::kMinute, Window::kFiveMinutes}) {
    rates.add_json(name_of(window), json_of(snapshot.rates(vnic.index, window)));
  }
  object.add_json("rates", rates.text());
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
  object.add_json("vnics", array_of(snapshot.vnic_count(), [&](std::size_t index) { return json_of(snapshot, snapshot.vnic(index)); }));
  object.add_json("health", array_of(snapshot.health_count(), [&](std::size_t index) { return json_of(snapshot.health(index)); }));
  object.add_json("events", array_of(snapshot.event_count(), [&](std::size_t index) { return json_of(snapshot.event(index)); }));
  object.add("last_event_sequence", snapshot.last_event_sequence());
  return object.text() + "\n";
}

}  // namespace vmtraffic::standalone
