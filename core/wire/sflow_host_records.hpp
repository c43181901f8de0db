// The counter records of sFlow version 5 that tell of hosts and domains (sflow_host.txt, sflow_host_ip.txt), as hsflowd sends them.
// The shape of a structure is explained in sflow_packet_records.hpp. Counters and gauges of all ones, and averages below zero, mean that
// the agent does not know: absent here.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/wire/sflow_fields.hpp"

namespace vmtraffic::sflow {

struct HostDescription {
  static constexpr Structure kStructure{2000, "host_descr", "sFlow Host Structures", "names the host or domain that the sample is about"};
  std::string_view hostname{};
  DomainUuid uuid{};
  std::uint32_t machine_type{0}, os_name{0};
  std::string_view os_release{};
  friend bool operator==(const HostDescription&, const HostDescription&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("hostname", s.hostname);
    v("uuid", s.uuid);
    v("machine_type", s.machine_type);
    v("os_name", s.os_name);
    v("os_release", s.os_release);
  }
};

struct HostAdapters {
  static constexpr Structure kStructure{2001, "host_adapters", "sFlow Host Structures",
                                        "MAC addresses of the host or domain: ties a data source to vNICs"};
  AdapterList adapters{};
  friend bool operator==(const HostAdapters&, const HostAdapters&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("adapters", s.adapters);
  }
};

struct HostParent {
  static constexpr Structure kStructure{2002, "host_parent", "sFlow Host Structures", "which host carries the domain"};
  std::uint32_t container_type{0}, container_index{0};  // data source of the host
  friend bool operator==(const HostParent&, const HostParent&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("container_type", s.container_type);
    v("container_index", s.container_index);
  }
};

struct HostCpu {
  static constexpr Structure kStructure{2003, "host_cpu", "sFlow Host Structures", "load of the host"};
  Average load_one{}, load_five{}, load_fifteen{};
  Counter32 processes_running{}, processes_total{}, cpu_count{}, cpu_speed_mhz{}, uptime_s{}, user_ms{}, nice_ms{}, system_ms{}, idle_ms{},
      io_wait_ms{}, interrupt_ms{}, soft_interrupt_ms{}, interrupts{}, contexts{}, steal_ms{}, guest_ms{},
      guest_nice_ms{};  // later additions: absent from old agents
  friend bool operator==(const HostCpu&, const HostCpu&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("load_one", s.load_one);
    v("load_five", s.load_five);
    v("load_fifteen", s.load_fifteen);
    v("processes_running", s.processes_running);
    v("processes_total", s.processes_total);
    v("cpu_count", s.cpu_count);
    v("cpu_speed_mhz", s.cpu_speed_mhz);
    v("uptime_s", s.uptime_s);
    v("user_ms", s.user_ms);
    v("nice_ms", s.nice_ms);
    v("system_ms", s.system_ms);
    v("idle_ms", s.idle_ms);
    v("io_wait_ms", s.io_wait_ms);
    v("interrupt_ms", s.interrupt_ms);
    v("soft_interrupt_ms", s.soft_interrupt_ms);
    v("interrupts", s.interrupts);
    v("contexts", s.contexts);
    v.trailing("steal_ms", s.steal_ms);
    v.trailing("guest_ms", s.guest_ms);
    v.trailing("guest_nice_ms", s.guest_nice_ms);
  }
};

struct HostMemory {
  static constexpr Structure kStructure{2004, "host_memory", "sFlow Host Structures", "memory of the host"};
  Counter64 total{}, free{}, shared{}, buffers{}, cached{}, swap_total{}, swap_free{};  // octets
  Counter32 page_in{}, page_out{}, swap_in{}, swap_out{};
  friend bool operator==(const HostMemory&, const HostMemory&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("total", s.total);
    v("free", s.free);
    v("shared", s.shared);
    v("buffers", s.buffers);
    v("cached", s.cached);
    v("swap_total", s.swap_total);
    v("swap_free", s.swap_free);
    v("page_in", s.page_in);
    v("page_out", s.page_out);
    v("swap_in", s.swap_in);
    v("swap_out", s.swap_out);
  }
};

struct HostDiskIo {
  static constexpr Structure kStructure{2005, "host_disk_io", "sFlow Host Structures", "disks of the host"};
  Counter64 total{}, free{};  // octets
  Counter32 part_max_used{};  // hundredths of a percent
  Counter32 reads{};
  Counter64 bytes_read{};
  Counter32 read_time_ms{}, writes{};
  Counter64 bytes_written{};
  Counter32 write_time_ms{};
  friend bool operator==(const HostDiskIo&, const HostDiskIo&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("total", s.total);
    v("free", s.free);
    v("part_max_used", s.part_max_used);
    v("reads", s.reads);
    v("bytes_read", s.bytes_read);
    v("read_time_ms", s.read_time_ms);
    v("writes", s.writes);
    v("bytes_written", s.bytes_written);
    v("write_time_ms", s.write_time_ms);
  }
};

struct HostNetIo {
  static constexpr Structure kStructure{2006, "host_net_io", "sFlow Host Structures", "octets of the host, all adapters in one"};
  Counter64 bytes_in{};
  Counter32 packets_in{}, errors_in{}, drops_in{};
  Counter64 bytes_out{};
  Counter32 packets_out{}, errors_out{}, drops_out{};
  friend bool operator==(const HostNetIo&, const HostNetIo&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("bytes_in", s.bytes_in);
    v("packets_in", s.packets_in);
    v("errors_in", s.errors_in);
    v("drops_in", s.drops_in);
    v("bytes_out", s.bytes_out);
    v("packets_out", s.packets_out);
    v("errors_out", s.errors_out);
    v("drops_out", s.drops_out);
  }
};

struct Mib2Ip {
  static constexpr Structure kStructure{2007, "mib2_ip_group", "sFlow Host TCP/IP Counters", "the host's IP stack"};
  Counter32 forwarding{}, default_ttl{}, in_receives{}, in_header_errors{}, in_address_errors{}, forwarded_datagrams{},
      in_unknown_protocols{}, in_discards{}, in_delivers{}, out_requests{}, out_discards{}, out_no_routes{}, reassembly_timeout{},
      reassembly_required{}, reassembly_ok{}, reassembly_fails{}, fragment_ok{}, fragment_fails{}, fragment_creates{};
  friend bool operator==(const Mib2Ip&, const Mib2Ip&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("forwarding", s.forwarding);
    v("default_ttl", s.default_ttl);
    v("in_receives", s.in_receives);
    v("in_header_errors", s.in_header_errors);
    v("in_address_errors", s.in_address_errors);
    v("forwarded_datagrams", s.forwarded_datagrams);
    v("in_unknown_protocols", s.in_unknown_protocols);
    v("in_discards", s.in_discards);
    v("in_delivers", s.in_delivers);
    v("out_requests", s.out_requests);
    v("out_discards", s.out_discards);
    v("out_no_routes", s.out_no_routes);
    v("reassembly_timeout", s.reassembly_timeout);
    v("reassembly_required", s.reassembly_required);
    v("reassembly_ok", s.reassembly_ok);
    v("reassembly_fails", s.reassembly_fails);
    v("fragment_ok", s.fragment_ok);
    v("fragment_fails", s.fragment_fails);
    v("fragment_creates", s.fragment_creates);
  }
};

struct Mib2Icmp {
  static constexpr Structure kStructure{2008, "mib2_icmp_group", "sFlow Host TCP/IP Counters", "the host's ICMP"};
  Counter32 in_messages{}, in_errors{}, in_unreachables{}, in_time_exceeded{}, in_parameter_problems{}, in_source_quenches{},
      in_redirects{}, in_echos{}, in_echo_replies{}, in_timestamps{}, in_address_masks{}, in_address_mask_replies{}, out_messages{},
      out_errors{}, out_unreachables{}, out_time_exceeded{}, out_parameter_problems{}, out_source_quenches{}, out_redirects{}, out_echos{},
      out_echo_replies{}, out_timestamps{}, out_timestamp_replies{}, out_address_masks{}, out_address_mask_replies{};
  friend bool operator==(const Mib2Icmp&, const Mib2Icmp&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("in_messages", s.in_messages);
    v("in_errors", s.in_errors);
    v("in_unreachables", s.in_unreachables);
    v("in_time_exceeded", s.in_time_exceeded);
    v("in_parameter_problems", s.in_parameter_problems);
    v("in_source_quenches", s.in_source_quenches);
    v("in_redirects", s.in_redirects);
    v("in_echos", s.in_echos);
    v("in_echo_replies", s.in_echo_replies);
    v("in_timestamps", s.in_timestamps);
    v("in_address_masks", s.in_address_masks);
    v("in_address_mask_replies", s.in_address_mask_replies);
    v("out_messages", s.out_messages);
    v("out_errors", s.out_errors);
    v("out_unreachables", s.out_unreachables);
    v("out_time_exceeded", s.out_time_exceeded);
    v("out_parameter_problems", s.out_parameter_problems);
    v("out_source_quenches", s.out_source_quenches);
    v("out_redirects", s.out_redirects);
    v("out_echos", s.out_echos);
    v("out_echo_replies", s.out_echo_replies);
    v("out_timestamps", s.out_timestamps);
    v("out_timestamp_replies", s.out_timestamp_replies);
    v("out_address_masks", s.out_address_masks);
    v("out_address_mask_replies", s.out_address_mask_replies);
  }
};

struct Mib2Tcp {
  static constexpr Structure kStructure{2009, "mib2_tcp_group", "sFlow Host TCP/IP Counters", "the host's TCP: retransmissions and resets"};
  Counter32 rto_algorithm{}, rto_min_ms{}, rto_max_ms{}, max_connections{}, active_opens{}, passive_opens{}, attempt_fails{},
      established_resets{}, currently_established{}, in_segments{}, out_segments{}, retransmitted_segments{}, in_errors{}, out_resets{},
      in_checksum_errors{};
  friend bool operator==(const Mib2Tcp&, const Mib2Tcp&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("rto_algorithm", s.rto_algorithm);
    v("rto_min_ms", s.rto_min_ms);
    v("rto_max_ms", s.rto_max_ms);
    v("max_connections", s.max_connections);
    v("active_opens", s.active_opens);
    v("passive_opens", s.passive_opens);
    v("attempt_fails", s.attempt_fails);
    v("established_resets", s.established_resets);
    v("currently_established", s.currently_established);
    v("in_segments", s.in_segments);
    v("out_segments", s.out_segments);
    v("retransmitted_segments", s.retransmitted_segments);
    v("in_errors", s.in_errors);
    v("out_resets", s.out_resets);
    v("in_checksum_errors", s.in_checksum_errors);
  }
};

struct Mib2Udp {
  static constexpr Structure kStructure{2010, "mib2_udp_group", "sFlow Host TCP/IP Counters", "the host's UDP: what its receivers lost"};
  Counter32 in_datagrams{}, no_ports{}, in_errors{}, out_datagrams{}, receive_buffer_errors{}, send_buffer_errors{}, in_checksum_errors{};
  friend bool operator==(const Mib2Udp&, const Mib2Udp&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("in_datagrams", s.in_datagrams);
    v("no_ports", s.no_ports);
    v("in_errors", s.in_errors);
    v("out_datagrams", s.out_datagrams);
    v("receive_buffer_errors", s.receive_buffer_errors);
    v("send_buffer_errors", s.send_buffer_errors);
    v("in_checksum_errors", s.in_checksum_errors);
  }
};

struct VirtualNode {
  static constexpr Structure kStructure{2100, "virt_node", "sFlow Host Structures", "the hypervisor as a whole"};
  Counter32 cpu_mhz{}, cpus{};
  Counter64 memory{}, memory_free{};  // octets
  Counter32 domains{};
  friend bool operator==(const VirtualNode&, const VirtualNode&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("cpu_mhz", s.cpu_mhz);
    v("cpus", s.cpus);
    v("memory", s.memory);
    v("memory_free", s.memory_free);
    v("domains", s.domains);
  }
};

struct VirtualCpu {
  static constexpr Structure kStructure{2101, "virt_cpu", "sFlow Host Structures", "a domain's CPU and state"};
  std::uint32_t state{0};  // virDomainState
  Counter32 cpu_time_ms{}, cpu_count{};
  friend bool operator==(const VirtualCpu&, const VirtualCpu&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("state", s.state);
    v("cpu_time_ms", s.cpu_time_ms);
    v("cpu_count", s.cpu_count);
  }
};

struct VirtualMemory {
  static constexpr Structure kStructure{2102, "virt_memory", "sFlow Host Structures", "a domain's memory"};
  Counter64 memory{}, memory_max{};  // octets
  friend bool operator==(const VirtualMemory&, const VirtualMemory&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("memory", s.memory);
    v("memory_max", s.memory_max);
  }
};

struct VirtualDiskIo {
  static constexpr Structure kStructure{2103, "virt_disk_io", "sFlow Host Structures", "a domain's disks"};
  Counter64 capacity{}, allocation{}, available{};  // octets
  Counter32 read_requests{};
  Counter64 bytes_read{};
  Counter32 write_requests{};
  Counter64 bytes_written{};
  Counter32 errors{};
  friend bool operator==(const VirtualDiskIo&, const VirtualDiskIo&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("capacity", s.capacity);
    v("allocation", s.allocation);
    v("available", s.available);
    v("read_requests", s.read_requests);
    v("bytes_read", s.bytes_read);
    v("write_requests", s.write_requests);
    v("bytes_written", s.bytes_written);
    v("errors", s.errors);
  }
};

struct VirtualNetIo {
  static constexpr Structure kStructure{
      2104, "virt_net_io", "sFlow Host Structures",
      "a domain's octets, all vNICs in one, in a direction that agents disagree about: never added to our counters"};
  Counter64 bytes_in{};
  Counter32 packets_in{}, errors_in{}, drops_in{};
  Counter64 bytes_out{};
  Counter32 packets_out{}, errors_out{}, drops_out{};
  friend bool operator==(const VirtualNetIo&, const VirtualNetIo&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("bytes_in", s.bytes_in);
    v("packets_in", s.packets_in);
    v("errors_in", s.errors_in);
    v("drops_in", s.drops_in);
    v("bytes_out", s.bytes_out);
    v("packets_out", s.packets_out);
    v("errors_out", s.errors_out);
    v("drops_out", s.drops_out);
  }
};

}  // namespace vmtraffic::sflow
