// The sFlow agents that the collector hears of.
#include "plugins/snmp-subagent/flow_tables.hpp"

namespace vmtraffic::snmp {
namespace {

constexpr double kHundredths = 100;
constexpr std::uint32_t kMillisecondsPerTick = 10;

template <Value (*value)(const AgentRow&)>
Value of_agent(const View& view, std::size_t row) {
  return value(view.snapshot().agent(row));
}
template <std::string_view AgentRow::*text>
Value address_type(const AgentRow& agent) {
  return inet_address_type(IpAddress::parse(agent.*text).value_or(IpAddress{}));
}
template <std::string_view AgentRow::*text>
Value address(const AgentRow& agent) {
  return inet_address(IpAddress::parse(agent.*text).value_or(IpAddress{}));
}
Value sub_agent(const AgentRow& agent) { return unsigned32(agent.sub_agent); }
Value host(const AgentRow& agent) { return text_if_any(agent.host); }
Value local(const AgentRow& agent) { return truth_value(agent.local); }
Value start(const AgentRow& agent) { return uptime(agent.first_boottime); }
Value last_age(const View& view, std::size_t row) { return view.since(view.snapshot().agent(row).last_boottime); }
Value agent_uptime(const AgentRow& agent) { return TimeTicks{agent.uptime_ms / kMillisecondsPerTick}; }
template <std::uint64_t AgentRow::*count>
Value count_of(const AgentRow& agent) {
  return Counter64{agent.*count};
}
Value data_sources(const AgentRow& agent) { return unsigned32(agent.data_sources); }
Value sampling_rate(const AgentRow& agent) {
  return agent.sampling_rate > 0 ? unsigned32_of(agent.sampling_rate, kHundredths) : std::nullopt;
}
Value stated_rate(const AgentRow& agent) {
  if (agent.stated_rate == 0) return std::nullopt;
  return unsigned32(agent.stated_rate);
}

constexpr Column kAgentTable[] = {
    {2, "vtAgentAddressType", Syntax::kInteger, of_agent<address_type<&AgentRow::address>>},
    {3, "vtAgentAddress", Syntax::kOctetString, of_agent<address<&AgentRow::address>>},
    {4, "vtAgentSubAgent", Syntax::kUnsigned32, of_agent<sub_agent>},
    {5, "vtAgentSenderType", Syntax::kInteger, of_agent<address_type<&AgentRow::sender>>},
    {6, "vtAgentSender", Syntax::kOctetString, of_agent<address<&AgentRow::sender>>},
    {7, "vtAgentHostName", Syntax::kOctetString, of_agent<host>},
    {8, "vtAgentLocal", Syntax::kInteger, of_agent<local>},
    {9, "vtAgentStartTime", Syntax::kTimeTicks, of_agent<start>},
    {10, "vtAgentLastAge", Syntax::kTimeTicks, last_age},
    {11, "vtAgentUpTime", Syntax::kTimeTicks, of_agent<agent_uptime>},
    {12, "vtAgentDatagrams", Syntax::kCounter64, of_agent<count_of<&AgentRow::datagrams>>},
    {13, "vtAgentLost", Syntax::kCounter64, of_agent<count_of<&AgentRow::lost>>},
    {14, "vtAgentLate", Syntax::kCounter64, of_agent<count_of<&AgentRow::late>>},
    {15, "vtAgentDuplicates", Syntax::kCounter64, of_agent<count_of<&AgentRow::duplicates>>},
    {16, "vtAgentRestarts", Syntax::kCounter64, of_agent<count_of<&AgentRow::restarts>>},
    {17, "vtAgentSamples", Syntax::kCounter64, of_agent<count_of<&AgentRow::samples>>},
    {18, "vtAgentSamplesLost", Syntax::kCounter64, of_agent<count_of<&AgentRow::samples_lost>>},
    {19, "vtAgentCounterSamples", Syntax::kCounter64, of_agent<count_of<&AgentRow::counter_samples>>},
    {20, "vtAgentDiscardedPackets", Syntax::kCounter64, of_agent<count_of<&AgentRow::discarded_packets>>},
    {21, "vtAgentSamplingDrops", Syntax::kCounter64, of_agent<count_of<&AgentRow::agent_drops>>},
    {22, "vtAgentDiscardDrops", Syntax::kCounter64, of_agent<count_of<&AgentRow::discard_drops>>},
    {23, "vtAgentDataSources", Syntax::kUnsigned32, of_agent<data_sources>},
    {24, "vtAgentSamplingRate", Syntax::kUnsigned32, of_agent<sampling_rate>},
    {25, "vtAgentStatedRate", Syntax::kUnsigned32, of_agent<stated_rate>},
};

}  // namespace

std::span<const Table> agent_tables() {
  static const Table tables[] = {{{1, 11, 1}, RowSet::kAgents, kAgentTable}};
  return tables;
}

}  // namespace vmtraffic::snmp
