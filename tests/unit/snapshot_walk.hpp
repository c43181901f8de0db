#pragma once

#include "core/snapshot.hpp"

namespace vmtraffic {

// Touches every row, so that a reader that trusts too much is caught by the sanitizers.
inline std::uint64_t walk(const Snapshot& s) {
  std::uint64_t sum = s.info().host.size() + s.last_event_sequence() + (s.flows() ? s.flows()->samples : 0);
  for (std::size_t i = 0; i < s.domain_count(); ++i) {
    const DomainRow d = s.domain(i);
    (void)s.find_domain(d.uuid);
    sum += d.name.size() + d.title.size() + d.tags.size() + d.cpu_time_ns.value_or(0);
    for (const TagView& t : d.tags) sum += t.key.size() + t.value.size();
  }
  for (std::size_t i = 0; i < s.vnic_count(); ++i) {
    const VnicRow v = s.vnic(i);
    sum += v.tap.size() + v.rx.octets.value_or(0) + v.addresses.size();
    for (const Window w : {Window::kInterval, Window::kMinute, Window::kFiveMinutes}) sum += s.rates(i, w).covered_s > 0 ? 1U : 0U;
  }
  for (std::size_t i = 0; i < s.health_count(); ++i) sum += s.health(i).name.size() + s.health(i).counters.size();
  for (std::size_t i = 0; i < s.event_count(); ++i) sum += s.event(i).domain.size();
  for (std::size_t i = 0; i < s.vnic_count(); ++i) {
    const VnicFlowsRow flows = s.vnic_flows(i).value_or(VnicFlowsRow{});
    sum += flows.all.rx.total.samples + flows.peers.value_or(0);
  }
  for (std::size_t i = 0; i < s.protocol_count(); ++i) sum += s.protocol(i).flows.rx.total.samples;
  for (std::size_t i = 0; i < s.service_count(); ++i) sum += s.service(i).service.port;
  for (std::size_t i = 0; i < s.application_count(); ++i) sum += s.application(i).name.size() + s.application(i).category.size();
  for (std::size_t i = 0; i < s.conversation_count(); ++i)
    sum += s.conversation(i).application.size() + s.conversation(i).server_name.size() + s.conversation(i).network.size() +
           s.conversation(i).peer_vnic;
  for (std::size_t i = 0; i < s.network_name_count(); ++i) sum += s.network_name(i).size();
  for (std::size_t i = 0; i < s.network_count(); ++i) sum += s.network(i).name.size() + s.network(i).network.prefix_length;
  for (std::size_t i = 0; i < s.drop_count(); ++i) sum += s.drop(i).reason.size();
  for (std::size_t i = 0; i < s.agent_count(); ++i) sum += s.agent(i).address.size() + s.agent(i).sender.size() + s.agent(i).host.size();
  for (std::size_t i = 0; i < s.host_count(); ++i) sum += s.host(i).name.size();
  return sum;
}

}  // namespace vmtraffic
