// A snapshot as JSON: every field of it, one row a line, valid JSON whatever names hold.
//
// {
//   "format": 1,                            raised when a field changes its meaning or goes; new fields may come at any time
//   "host": "…", "boot_id": "…", "sequence": N, "sampled_boottime_ns": N, "sampled_walltime_ns": N, "interval_ns": N,
//   "inventory_generation": N, "writer": {"program": "…", "version": "…", "pid": N},
//   "age_ns": N, "stale": true|false,       now, by boot time; age null when the sample is of another boot or lies in the future
//   "domains": [{"uuid", "name", "title", "connection", "hypervisor", "os_type", "state": "running", "state_reason": N,
//                "persistent": true|false, "autostart": true|false, "vcpus", "vcpus_max", "memory_kib", "memory_max_kib", "cpu_time_ns",
//                "confirmed_boottime_ns", "tags": {"nova.project": "…"}}],
//   "vnics": [{"domain_uuid", "mac", "ordinal", "number", "type", "source", "tap", "model", "port_id", "link": "up",
//              "bandwidth_rx": {"average", "peak", "burst"}, "bandwidth_tx", "addresses": ["…"], "if_index",
//              "rx": {"octets", "packets", "errors", "drops"}, "tx": {…}, "discontinuity_boottime_ns",
//              "rates": {"interval": {"covered_s", "rx": {…}, "tx": {…}, "rx_highest": {…}, "tx_highest": {…}}, "1m": {…}, "5m": {…}},
//              "flows": null or {ESTIMATES, "coverage_rx", "coverage_tx", "rx_by": "port", "tx_by", "rx_agent": {"address", "sub_agent"},
//              "tx_agent",
//                        "foreign_mac": N, "tcp": {"samples", "rtt_us", "rtt_variance_us", "min_rtt_us", "samples_lossy",
//                        "samples_retransmitting"}, "peers": N, "protocols": [{"protocol": "tcp", ESTIMATES}], "services": [{"service":
//                        "tcp/443", ESTIMATES}], "applications": [{"application": "TLS.Google", "category": "Web", ESTIMATES}],
//                        "conversations": [{"peer": {"kind": "address", "address": "…"}, "service", "application", "server_name",
//                        "source": "capture", ESTIMATES}]},
//              "latency": null or [{"kind": "guest_rtt", "service": null or "tcp/443", "peer": null or "10.0.0.9", "interval": LATENCIES,
//                                   "five_minutes": LATENCIES}],
//              "loss": null or {"since_boottime_ns", "rx": {"total": LOSSES, "recent": LOSSES}, "tx": {…}}}],
//   "health": [{"name", "state": "up", "message", "since_boottime_ns", "last_ok_boottime_ns", "counters": {"…": N}}],
//   "events": [{"sequence", "boottime_ns", "walltime_ns", "kind": "started", "domain_uuid", "domain", "detail"}], "last_event_sequence": N,
//   "flows": null or {"covered_s", "samples", "packets", "octets", "unattributed_packets", "unattributed_octets",
//             "drops": [{"vnic": {"domain_uuid", "mac", "ordinal"}, "direction": "rx", "reason", "packets", "octets", "recent_packets",
//                        "since_boottime_ns"}]},
//   "performance": null or {"covered_s", "kept_share"},
//   "agents": [{"address", "sub_agent", "sender", "host", "local", "first_boottime_ns", "last_boottime_ns", "uptime_ms", "datagrams",
//   "lost", …}]
// }
//
// ESTIMATES: "since_boottime_ns", "rx": {"total": {"octets", "packets", "samples", "octets_error_95", "packets_error_95"}, "recent": {…}},
// "tx". What packet samples say, never to be added to the exact counters. An error is a share of its estimate, null where nothing was
// sampled. "peers" counts all conversations with recent samples; "conversations" are the top. A peer's kind is "vnic" (with "vnic":
// {"domain_uuid", "mac", "ordinal"}), "address" or "network" (with "network": its name). A source is "capture" (each packet was counted),
// "capture_scaled" (those of a share of the flows), "sflow" or "unknown" (an older collector does not tell). Applications are nDPI's,
// "Unknown" where it was asked and did not know; none were looked for where the list is empty and "application" null.
//
// LATENCIES: "count", "minimum_us", "mean_us", "median_us", "p95_us", "p99_us", of what a capture measured; count 0: the others are null. A
// row has a service, a peer or neither, and then is the vNIC's as a whole. The kinds are those of core/latency.hpp.
//
// LOSSES: "segments", "lost_before", "lost_after", "spurious", "reordered", "unseen", "duplicate_acks", "zero_windows", "resets",
// "connections", "refused", "unanswered", "dns_queries", "dns_unanswered", "unreachable", as in core/latency.hpp; "recent" are those of the
// last performance.covered_s. Of all flows, or all control traffic, the capture counted performance.kept_share: the lesser of the two.
//
// Directions are the guest's; rates are per second; bandwidths are octets per second (burst: octets). What is not known is null, never 0.
// Totals are whole numbers up to 2^64 - 1: more than a double holds. Strings are those of core/text.hpp's json_string(): a backslash stands
// doubled, and an octet that is not UTF-8 as \xHH, so that different names stay different.
#pragma once

#include <string>

#include "core/clock.hpp"
#include "core/snapshot.hpp"

namespace vmtraffic::standalone {

std::string render_json(const Snapshot& snapshot, const Clock& clock);

// The index of other hosts: {"format": 1, "age_ns", "stale", "hosts": [{"name", "address", "last_boottime_ns", "domains", "vnics"}]}.
std::string render_hosts_json(const Snapshot& index, const Clock& clock);

}  // namespace vmtraffic::standalone
