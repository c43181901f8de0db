// The whole of what VMTRAFFIC-MIB has of sampled flows, dropped packets and sFlow agents, against one table.
#include <gmock/gmock.h>

#include <limits>

#include "core/text.hpp"
#include "plugins/snmp-subagent/flow_tables.hpp"
#include "plugins/snmp-subagent/tables.hpp"
#include "tests/unit/snmp_fixture.hpp"

namespace vmtraffic::snmp {
namespace {

using testing::IsEmpty;

constexpr Nanoseconds kNow = 1004 * kSecond;

// What snapshot_with_flows() makes of it.
const std::vector<std::string> kFlows = {
    "1.5.1.0 = Timeticks: 8000",
    "1.5.2.0 = Counter64: 5000",
    "1.5.3.0 = Counter64: 400000000",
    "1.5.4.0 = Counter64: 500000",
    "1.5.5.0 = Counter64: 10000000",
    "1.5.6.0 = Counter64: 25000",
    "1.5.7.0 = Gauge32: 250",
    "1.5.8.0 = Gauge32: 500",
    "1.6.1.1.1.1 = Timeticks: 10000",
    "1.6.1.1.2.1 = Timeticks: 20000",
    "1.6.1.2.1.1 = Counter64: 20000000",
    "1.6.1.2.2.1 = Counter64: 64000",
    "1.6.1.3.1.1 = Counter64: 100000",
    "1.6.1.3.2.1 = Counter64: 1000",
    "1.6.1.4.1.1 = Counter64: 1000",
    "1.6.1.4.2.1 = Counter64: 10",
    "1.6.1.5.1.1 = Gauge32: 1250",
    "1.6.1.5.2.1 = Gauge32: 1250",
    "1.6.1.6.1.1 = Gauge32: 1250",
    "1.6.1.6.2.1 = Gauge32: 1250",
    "1.6.1.7.1.1 = Counter64: 1000000",
    "1.6.1.7.2.1 = Counter64: 3200",
    "1.6.1.8.1.1 = Counter64: 625",
    "1.6.1.8.2.1 = Counter64: 6",
    "1.6.1.9.1.1 = Gauge32: 500",
    "1.6.1.9.2.1 = Gauge32: 5",
    "1.6.1.10.1.1 = Gauge32: 2500",
    "1.6.1.10.2.1 = Gauge32: 2500",
    "1.6.1.11.1.1 = Gauge32: 2500",
    "1.6.1.11.2.1 = Gauge32: 2500",
    "1.6.1.12.1.1 = Counter64: 200000000",
    "1.6.1.13.1.1 = Counter64: 200000",
    "1.6.1.14.1.1 = Counter64: 2000",
    "1.6.1.15.1.1 = Gauge32: 1250",
    "1.6.1.16.1.1 = Gauge32: 1250",
    "1.6.1.17.1.1 = Counter64: 10000000",
    "1.6.1.18.1.1 = Counter64: 1250",
    "1.6.1.19.1.1 = Gauge32: 1000",
    "1.6.1.20.1.1 = Gauge32: 2500",
    "1.6.1.21.1.1 = Gauge32: 2500",
    "1.6.1.22.1.1 = Gauge32: 9800",
    "1.6.1.23.1.1 = Gauge32: 10100",
    "1.6.1.24.1.1 = INTEGER: 4",
    "1.6.1.24.1.2 = INTEGER: 1",
    "1.6.1.24.2.1 = INTEGER: 3",
    "1.6.1.25.1.1 = INTEGER: 4",
    "1.6.1.25.1.2 = INTEGER: 1",
    "1.6.1.25.2.1 = INTEGER: 1",
    "1.6.1.26.1.1 = INTEGER: 1",
    "1.6.1.26.2.1 = INTEGER: 2",
    "1.6.1.27.1.1 = INTEGER: 1",
    "1.6.1.28.1.1 = Counter64: 3",
    "1.6.1.28.1.2 = Counter64: 0",
    "1.6.1.28.2.1 = Counter64: 0",
    "1.6.1.29.1.1 = Gauge32: 40",
    "1.6.1.30.1.1 = Gauge32: 1500",
    "1.6.1.31.1.1 = Gauge32: 250",
    "1.6.1.32.1.1 = Gauge32: 900",
    "1.6.1.33.1.1 = Gauge32: 2",
    "1.6.1.34.1.1 = Gauge32: 1",
    "1.6.1.35.1.1 = Gauge32: 3",
    "1.6.1.35.1.2 = Gauge32: 0",
    "1.6.1.35.2.1 = Gauge32: 1",
    "1.7.1.2.1.1.1 = Timeticks: 10000",
    "1.7.1.2.1.1.2 = Timeticks: 15000",
    "1.7.1.2.2.1.3 = Timeticks: 20000",
    "1.7.1.3.1.1.1 = Counter64: 18000000",
    "1.7.1.3.1.1.2 = Counter64: 2000000",
    "1.7.1.3.2.1.3 = Counter64: 64000",
    "1.7.1.4.1.1.1 = Counter64: 90000",
    "1.7.1.4.1.1.2 = Counter64: 10000",
    "1.7.1.4.2.1.3 = Counter64: 1000",
    "1.7.1.5.1.1.1 = Counter64: 900",
    "1.7.1.5.1.1.2 = Counter64: 100",
    "1.7.1.5.2.1.3 = Counter64: 10",
    "1.7.1.6.1.1.1 = Gauge32: 1250",
    "1.7.1.6.1.1.2 = Gauge32: 1250",
    "1.7.1.6.2.1.3 = Gauge32: 1250",
    "1.7.1.7.1.1.1 = Gauge32: 1250",
    "1.7.1.7.1.1.2 = Gauge32: 1250",
    "1.7.1.7.2.1.3 = Gauge32: 1250",
    "1.7.1.8.1.1.1 = Counter64: 900000",
    "1.7.1.8.1.1.2 = Counter64: 100000",
    "1.7.1.8.2.1.3 = Counter64: 3200",
    "1.7.1.9.1.1.1 = Counter64: 563",
    "1.7.1.9.1.1.2 = Counter64: 63",
    "1.7.1.9.2.1.3 = Counter64: 6",
    "1.7.1.10.1.1.1 = Gauge32: 450",
    "1.7.1.10.1.1.2 = Gauge32: 50",
    "1.7.1.10.2.1.3 = Gauge32: 5",
    "1.7.1.11.1.1.1 = Gauge32: 2500",
    "1.7.1.11.1.1.2 = Gauge32: 2500",
    "1.7.1.11.2.1.3 = Gauge32: 2500",
    "1.7.1.12.1.1.1 = Gauge32: 2500",
    "1.7.1.12.1.1.2 = Gauge32: 2500",
    "1.7.1.12.2.1.3 = Gauge32: 2500",
    "1.7.1.13.1.1.1 = Counter64: 190000000",
    "1.7.1.13.1.1.2 = Counter64: 10000000",
    "1.7.1.14.1.1.1 = Counter64: 190000",
    "1.7.1.14.1.1.2 = Counter64: 10000",
    "1.7.1.15.1.1.1 = Counter64: 1900",
    "1.7.1.15.1.1.2 = Counter64: 100",
    "1.7.1.16.1.1.1 = Gauge32: 1250",
    "1.7.1.16.1.1.2 = Gauge32: 1250",
    "1.7.1.17.1.1.1 = Gauge32: 1250",
    "1.7.1.17.1.1.2 = Gauge32: 1250",
    "1.7.1.18.1.1.1 = Counter64: 9500000",
    "1.7.1.18.1.1.2 = Counter64: 500000",
    "1.7.1.19.1.1.1 = Counter64: 1188",
    "1.7.1.19.1.1.2 = Counter64: 63",
    "1.7.1.20.1.1.1 = Gauge32: 950",
    "1.7.1.20.1.1.2 = Gauge32: 50",
    "1.7.1.21.1.1.1 = Gauge32: 2500",
    "1.7.1.21.1.1.2 = Gauge32: 2500",
    "1.7.1.22.1.1.1 = Gauge32: 2500",
    "1.7.1.22.1.1.2 = Gauge32: 2500",
    "1.8.1.3.1.1.6.443 = Timeticks: 10000",
    "1.8.1.3.1.1.17.53 = Timeticks: 15000",
    "1.8.1.4.1.1.6.443 = Counter64: 18000000",
    "1.8.1.4.1.1.17.53 = Counter64: 2000000",
    "1.8.1.5.1.1.6.443 = Counter64: 90000",
    "1.8.1.5.1.1.17.53 = Counter64: 10000",
    "1.8.1.6.1.1.6.443 = Counter64: 900",
    "1.8.1.6.1.1.17.53 = Counter64: 100",
    "1.8.1.7.1.1.6.443 = Gauge32: 1250",
    "1.8.1.7.1.1.17.53 = Gauge32: 1250",
    "1.8.1.8.1.1.6.443 = Gauge32: 1250",
    "1.8.1.8.1.1.17.53 = Gauge32: 1250",
    "1.8.1.9.1.1.6.443 = Counter64: 900000",
    "1.8.1.9.1.1.17.53 = Counter64: 100000",
    "1.8.1.10.1.1.6.443 = Counter64: 563",
    "1.8.1.10.1.1.17.53 = Counter64: 63",
    "1.8.1.11.1.1.6.443 = Gauge32: 450",
    "1.8.1.11.1.1.17.53 = Gauge32: 50",
    "1.8.1.12.1.1.6.443 = Gauge32: 2500",
    "1.8.1.12.1.1.17.53 = Gauge32: 2500",
    "1.8.1.13.1.1.6.443 = Gauge32: 2500",
    "1.8.1.13.1.1.17.53 = Gauge32: 2500",
    "1.8.1.14.1.1.6.443 = Counter64: 190000000",
    "1.8.1.14.1.1.17.53 = Counter64: 10000000",
    "1.8.1.15.1.1.6.443 = Counter64: 190000",
    "1.8.1.15.1.1.17.53 = Counter64: 10000",
    "1.8.1.16.1.1.6.443 = Counter64: 1900",
    "1.8.1.16.1.1.17.53 = Counter64: 100",
    "1.8.1.17.1.1.6.443 = Gauge32: 1250",
    "1.8.1.17.1.1.17.53 = Gauge32: 1250",
    "1.8.1.18.1.1.6.443 = Gauge32: 1250",
    "1.8.1.18.1.1.17.53 = Gauge32: 1250",
    "1.8.1.19.1.1.6.443 = Counter64: 9500000",
    "1.8.1.19.1.1.17.53 = Counter64: 500000",
    "1.8.1.20.1.1.6.443 = Counter64: 1188",
    "1.8.1.20.1.1.17.53 = Counter64: 63",
    "1.8.1.21.1.1.6.443 = Gauge32: 950",
    "1.8.1.21.1.1.17.53 = Gauge32: 50",
    "1.8.1.22.1.1.6.443 = Gauge32: 2500",
    "1.8.1.22.1.1.17.53 = Gauge32: 2500",
    "1.8.1.23.1.1.6.443 = Gauge32: 2500",
    "1.8.1.23.1.1.17.53 = Gauge32: 2500",
    "1.9.1.2.1.1.1 = INTEGER: 3",
    "1.9.1.2.1.1.2 = INTEGER: 4",
    "1.9.1.2.1.1.3 = INTEGER: 2",
    "1.9.1.2.2.1.1 = INTEGER: 3",
    "1.9.1.3.1.1.1 = INTEGER: 1",
    "1.9.1.3.2.1.1 = INTEGER: 2",
    "1.9.1.4.1.1.1 = Hex: c0 00 02 09",
    "1.9.1.4.2.1.1 = Hex: 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 05",
    "1.9.1.5.1.1.3 = INTEGER: 2",
    "1.9.1.6.1.1.3 = INTEGER: 1",
    "1.9.1.7.1.1.2 = STRING: office|=;'lan",
    "1.9.1.8.1.1.1 = Gauge32: 6",
    "1.9.1.8.1.1.2 = Gauge32: 6",
    "1.9.1.8.1.1.3 = Gauge32: 17",
    "1.9.1.9.1.1.1 = Gauge32: 443",
    "1.9.1.9.1.1.2 = Gauge32: 443",
    "1.9.1.9.1.1.3 = Gauge32: 53",
    "1.9.1.10.1.1.1 = Timeticks: 10000",
    "1.9.1.10.1.1.2 = Timeticks: 10000",
    "1.9.1.10.1.1.3 = Timeticks: 15000",
    "1.9.1.10.2.1.1 = Timeticks: 20000",
    "1.9.1.11.1.1.1 = Counter64: 12000000",
    "1.9.1.11.1.1.2 = Counter64: 4000000",
    "1.9.1.11.1.1.3 = Counter64: 2000000",
    "1.9.1.11.2.1.1 = Counter64: 64000",
    "1.9.1.12.1.1.1 = Counter64: 60000",
    "1.9.1.12.1.1.2 = Counter64: 20000",
    "1.9.1.12.1.1.3 = Counter64: 10000",
    "1.9.1.12.2.1.1 = Counter64: 1000",
    "1.9.1.13.1.1.1 = Counter64: 600",
    "1.9.1.13.1.1.2 = Counter64: 200",
    "1.9.1.13.1.1.3 = Counter64: 100",
    "1.9.1.13.2.1.1 = Counter64: 10",
    "1.9.1.14.1.1.1 = Gauge32: 1250",
    "1.9.1.14.1.1.2 = Gauge32: 1250",
    "1.9.1.14.1.1.3 = Gauge32: 1250",
    "1.9.1.14.2.1.1 = Gauge32: 1250",
    "1.9.1.15.1.1.1 = Gauge32: 1250",
    "1.9.1.15.1.1.2 = Gauge32: 1250",
    "1.9.1.15.1.1.3 = Gauge32: 1250",
    "1.9.1.15.2.1.1 = Gauge32: 1250",
    "1.9.1.16.1.1.1 = Counter64: 600000",
    "1.9.1.16.1.1.2 = Counter64: 200000",
    "1.9.1.16.1.1.3 = Counter64: 100000",
    "1.9.1.16.2.1.1 = Counter64: 3200",
    "1.9.1.17.1.1.1 = Counter64: 375",
    "1.9.1.17.1.1.2 = Counter64: 125",
    "1.9.1.17.1.1.3 = Counter64: 63",
    "1.9.1.17.2.1.1 = Counter64: 6",
    "1.9.1.18.1.1.1 = Gauge32: 300",
    "1.9.1.18.1.1.2 = Gauge32: 100",
    "1.9.1.18.1.1.3 = Gauge32: 50",
    "1.9.1.18.2.1.1 = Gauge32: 5",
    "1.9.1.19.1.1.1 = Gauge32: 2500",
    "1.9.1.19.1.1.2 = Gauge32: 2500",
    "1.9.1.19.1.1.3 = Gauge32: 2500",
    "1.9.1.19.2.1.1 = Gauge32: 2500",
    "1.9.1.20.1.1.1 = Gauge32: 2500",
    "1.9.1.20.1.1.2 = Gauge32: 2500",
    "1.9.1.20.1.1.3 = Gauge32: 2500",
    "1.9.1.20.2.1.1 = Gauge32: 2500",
    "1.9.1.21.1.1.1 = Counter64: 140000000",
    "1.9.1.21.1.1.2 = Counter64: 40000000",
    "1.9.1.21.1.1.3 = Counter64: 10000000",
    "1.9.1.22.1.1.1 = Counter64: 140000",
    "1.9.1.22.1.1.2 = Counter64: 40000",
    "1.9.1.22.1.1.3 = Counter64: 10000",
    "1.9.1.23.1.1.1 = Counter64: 1400",
    "1.9.1.23.1.1.2 = Counter64: 400",
    "1.9.1.23.1.1.3 = Counter64: 100",
    "1.9.1.24.1.1.1 = Gauge32: 1250",
    "1.9.1.24.1.1.2 = Gauge32: 1250",
    "1.9.1.24.1.1.3 = Gauge32: 1250",
    "1.9.1.25.1.1.1 = Gauge32: 1250",
    "1.9.1.25.1.1.2 = Gauge32: 1250",
    "1.9.1.25.1.1.3 = Gauge32: 1250",
    "1.9.1.26.1.1.1 = Counter64: 7000000",
    "1.9.1.26.1.1.2 = Counter64: 2000000",
    "1.9.1.26.1.1.3 = Counter64: 500000",
    "1.9.1.27.1.1.1 = Counter64: 875",
    "1.9.1.27.1.1.2 = Counter64: 250",
    "1.9.1.27.1.1.3 = Counter64: 63",
    "1.9.1.28.1.1.1 = Gauge32: 700",
    "1.9.1.28.1.1.2 = Gauge32: 200",
    "1.9.1.28.1.1.3 = Gauge32: 50",
    "1.9.1.29.1.1.1 = Gauge32: 2500",
    "1.9.1.29.1.1.2 = Gauge32: 2500",
    "1.9.1.29.1.1.3 = Gauge32: 2500",
    "1.9.1.30.1.1.1 = Gauge32: 2500",
    "1.9.1.30.1.1.2 = Gauge32: 2500",
    "1.9.1.30.1.1.3 = Gauge32: 2500",
    "1.10.1.5.0.0.1.110.111.95.98.117.102.102.101.114.95.115.112.97.99.101 = Counter64: 1",
    "1.10.1.5.1.1.2.116.116.108.95.118.97.108.117.101.95.105.115.95.116.111.111.95.115.109.97.108.108 = Counter64: 7",
    "1.10.1.6.0.0.1.110.111.95.98.117.102.102.101.114.95.115.112.97.99.101 = Counter64: 64",
    "1.10.1.6.1.1.2.116.116.108.95.118.97.108.117.101.95.105.115.95.116.111.111.95.115.109.97.108.108 = Counter64: 700",
    "1.10.1.7.0.0.1.110.111.95.98.117.102.102.101.114.95.115.112.97.99.101 = Gauge32: 0",
    "1.10.1.7.1.1.2.116.116.108.95.118.97.108.117.101.95.105.115.95.116.111.111.95.115.109.97.108.108 = Gauge32: 2",
    "1.10.1.8.0.0.1.110.111.95.98.117.102.102.101.114.95.115.112.97.99.101 = Timeticks: 40000",
    "1.10.1.8.1.1.2.116.116.108.95.118.97.108.117.101.95.105.115.95.116.111.111.95.115.109.97.108.108 = Timeticks: 30000",
};

const std::vector<std::string> kAgents = {
    "1.11.1.2.1 = INTEGER: 1",       "1.11.1.2.2 = INTEGER: 2",
    "1.11.1.3.1 = Hex: 0a 00 00 01", "1.11.1.3.2 = Hex: 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02",
    "1.11.1.4.1 = Gauge32: 0",       "1.11.1.4.2 = Gauge32: 100000",
    "1.11.1.5.1 = INTEGER: 1",       "1.11.1.5.2 = INTEGER: 2",
    "1.11.1.6.1 = Hex: 7f 00 00 01", "1.11.1.6.2 = Hex: 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02",
    "1.11.1.7.2 = STRING: tor-1",    "1.11.1.8.1 = INTEGER: 1",
    "1.11.1.8.2 = INTEGER: 2",       "1.11.1.9.1 = Timeticks: 9000",
    "1.11.1.9.2 = Timeticks: 9500",  "1.11.1.10.1 = Timeticks: 500",
    "1.11.1.10.2 = Timeticks: 600",  "1.11.1.11.1 = Timeticks: 500000",
    "1.11.1.11.2 = Timeticks: 7",    "1.11.1.12.1 = Counter64: 900",
    "1.11.1.12.2 = Counter64: 50",   "1.11.1.13.1 = Counter64: 3",
    "1.11.1.13.2 = Counter64: 0",    "1.11.1.14.1 = Counter64: 1",
    "1.11.1.14.2 = Counter64: 0",    "1.11.1.15.1 = Counter64: 2",
    "1.11.1.15.2 = Counter64: 0",    "1.11.1.16.1 = Counter64: 1",
    "1.11.1.16.2 = Counter64: 0",    "1.11.1.17.1 = Counter64: 4900",
    "1.11.1.17.2 = Counter64: 100",  "1.11.1.18.1 = Counter64: 12",
    "1.11.1.18.2 = Counter64: 0",    "1.11.1.19.1 = Counter64: 100",
    "1.11.1.19.2 = Counter64: 0",    "1.11.1.20.1 = Counter64: 8",
    "1.11.1.20.2 = Counter64: 0",    "1.11.1.21.1 = Counter64: 5",
    "1.11.1.21.2 = Counter64: 0",    "1.11.1.22.1 = Counter64: 1",
    "1.11.1.22.2 = Counter64: 0",    "1.11.1.23.1 = Gauge32: 4",
    "1.11.1.23.2 = Gauge32: 48",     "1.11.1.24.1 = Gauge32: 10050",
    "1.11.1.24.2 = Gauge32: 204800", "1.11.1.25.1 = Gauge32: 100",
    "1.11.1.25.2 = Gauge32: 2048",
};

TEST(SnmpFlowTables, Whole) {
  const Model model = model_of(snapshot_with_flows());
  expect_whole(Subtree(flow_tables()), View(model, clock_at(kNow)), kFlows);
  expect_whole(Subtree(agent_tables()), View(model, clock_at(kNow)), kAgents);
}

TEST(SnmpFlowTables, NothingWithoutSamplesOrWhileStale) {
  const Model without = model_of(small_snapshot());
  EXPECT_THAT(walk(Subtree(flow_tables()), View(without, clock_at(kNow))), IsEmpty());
  EXPECT_THAT(walk(Subtree(agent_tables()), View(without, clock_at(kNow))), IsEmpty());
  const Model model = model_of(snapshot_with_flows());
  EXPECT_THAT(walk(Subtree(flow_tables()), View(model, clock_at(2000 * kSecond))), IsEmpty());
  EXPECT_THAT(walk(Subtree(agent_tables()), View(model, clock_at(2000 * kSecond))), IsEmpty());
}

std::string cell(const SnapshotContent& content, const Oid& name) {
  const Model model = model_of(content);
  return get_line(Subtree(vmtraffic_mib()), View(model, clock_at(kNow)), name);
}

TEST(SnmpFlowTables, NoSampleYetIsZeroWhereSomebodySamples) {
  SnapshotContent content = snapshot_with_flows();
  content.flows->vnics[1].rx_by = AttributedBy::kOuterMac;
  EXPECT_EQ(cell(content, {1, 6, 1, 2, 1, 2}), "1.6.1.2.1.2 = Counter64: 0");
  EXPECT_EQ(cell(content, {1, 6, 1, 5, 1, 2}), "noSuchInstance") << "its error";
  EXPECT_EQ(cell(content, {1, 6, 1, 7, 1, 2}), "1.6.1.7.1.2 = Counter64: 0") << "its rate";
  EXPECT_EQ(cell(content, {1, 6, 1, 10, 1, 2}), "noSuchInstance") << "and the error of that";
  EXPECT_EQ(cell(content, {1, 6, 1, 12, 1, 2}), "noSuchInstance") << "nobody samples what it sends";
}

TEST(SnmpFlowTables, ApplicationsByTheirNames) {
  const SnapshotContent content = snapshot_with_applications();
  const Oid google{1, 1, 'T', 'L', 'S', '.', 'G', 'o', 'o', 'g', 'l', 'e'}, unknown{1, 1, 'U', 'n', 'k', 'n', 'o', 'w', 'n'};
  const auto of = [&](SubId column, const Oid& index) {
    Oid name{1, 19, 1, column};
    name.insert(name.end(), index.begin(), index.end());
    const std::string line = cell(content, name);
    return line.substr(line.find('=') + 2);
  };
  EXPECT_EQ(of(2, google), "STRING: Web");
  EXPECT_EQ(of(2, unknown), "STRING: Unspecified");
  EXPECT_EQ(of(3, google), "Timeticks: 10000");
  EXPECT_EQ(of(4, google), "Counter64: 18000000");
  EXPECT_EQ(of(14, google), "Counter64: 190000000");
  EXPECT_EQ(of(5, unknown), "Counter64: 10000");
  const auto of_conversation = [&](SubId column, SubId rank) {
    const std::string line = cell(content, {1, 9, 1, column, 1, 1, rank});
    return line.substr(line.find('=') + 2);
  };
  EXPECT_EQ(of_conversation(31, 1), "STRING: TLS.Google");
  EXPECT_EQ(of_conversation(32, 1), "STRING: www.google.com");
  EXPECT_EQ(of_conversation(33, 1), "INTEGER: 3");
  EXPECT_EQ(of_conversation(33, 2), "INTEGER: 1");
}

TEST(SnmpFlowTables, WhatIsNotToldOfAConversationIsAbsent) {
  const Model model = model_of(snapshot_with_applications());
  const std::vector<std::string> lines = walk(Subtree(flow_tables()), View(model, clock_at(kNow)));
  const auto count = [&](std::string_view column) {
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(column); });
  };
  EXPECT_EQ(count("1.9.1.31."), 1);
  EXPECT_EQ(count("1.9.1.32."), 1);
  EXPECT_EQ(count("1.9.1.33."), 2);
  EXPECT_EQ(count("1.9.1.2."), 4);
}

TEST(SnmpFlowTables, NumbersThatCannotBeAreAbsent) {
  SnapshotContent content = snapshot_with_flows();
  FlowRows& flows = *content.flows;
  const Oid octets{1, 6, 1, 2, 1, 1}, error{1, 6, 1, 5, 1, 1}, rate{1, 6, 1, 7, 1, 1}, share{1, 5, 7, 0}, rtt{1, 6, 1, 30, 1, 1};
  flows.vnics[0].rx.total_octets = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(cell(content, octets), "noSuchInstance");
  flows.vnics[0].rx.total_octets = -1;
  EXPECT_EQ(cell(content, octets), "noSuchInstance");
  flows.vnics[0].rx.total_octets = 1e30;
  EXPECT_EQ(cell(content, octets), "1.6.1.2.1.1 = Counter64: 18446744073709551615");
  flows.vnics[0].rx.total_octets_error = std::numeric_limits<float>::infinity();
  EXPECT_EQ(cell(content, error), "noSuchInstance");
  flows.vnics[0].rx.total_octets_error = 1e9F;
  EXPECT_EQ(cell(content, error), "1.6.1.5.1.1 = Gauge32: 4294967295");
  flows.vnics[0].rtt_us = -1;
  EXPECT_EQ(cell(content, rtt), "noSuchInstance");
  flows.covered_s = 0;
  EXPECT_EQ(cell(content, rate), "noSuchInstance");
  flows.octets = flows.unattributed_octets = 0;
  EXPECT_EQ(cell(content, share), "noSuchInstance") << "a share of nothing";
  content.agents.clear();
  EXPECT_EQ(cell(content, {1, 6, 1, 26, 1, 1}), "noSuchInstance") << "an agent that is not there";
}

TEST(SnmpFlowTables, ReasonsOfDropsAsIndexes) {
  SnapshotContent content = snapshot_with_flows();
  const auto keys = [&](const std::string& reason) {
    content.flows->drops[0].reason = reason;
    const Model model = model_of(content);
    const View view(model, clock_at(kNow));
    const OidView key = view.rows(RowSet::kDrops).key(1);
    return std::string(key.begin() + 3, key.end());
  };
  EXPECT_EQ(keys("a\nb"), R"(a\x0ab)");
  EXPECT_EQ(keys(""), "unknown");
  EXPECT_EQ(keys(std::string(70, 'x')), fitted(std::string(70, 'x'), 62));
}

}  // namespace
}  // namespace vmtraffic::snmp
