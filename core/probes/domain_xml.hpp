// libvirt's domain XML into an inventory Domain. Pure; the XML and every name in it are untrusted (a tenant chooses titles and metadata):
// strings come out as the octets that stand there, and making them fit to print is the outputs' job.
//
// Format: https://libvirt.org/formatdomain.html. Nova's metadata: http://openstack.org/xmlns/libvirt/nova/1.1, then 1.0.
//
//   Domain               from
//   vcpus, vcpus_max     vcpu@current (else the text), vcpu's text
//   memory, memory_max   currentMemory (else memory), memory; KiB, rounded up, from any of libvirt's units
//   tags                 nova.instance, nova.flavor, nova.project, nova.project_id, nova.user, nova.user_id: those that are stated
//   Vnic
//   number               place among all <interface>, broken ones included, as in domstats' "net.N."
//   type                 @type, which in the XML of a running domain is what a network resolved to (a bridge, a macvtap pool, a VF pool)
//   source               the network's name wherever one is stated: it is what the operator configured, running or not. Else bridge,
//   device,
//                        name, path, or address:port, whichever <source> has
//   link                 link@state. libvirt documents up as the default; hostdev without it is unknown, as the card knows alone
//   bandwidth_rx, _tx    <inbound> and <outbound>: the domain's view. libvirt hands average and peak to tc in "kbps", which are 1,000
//   octets a
//                        second (seen: average='1000' makes a class of 8 Mbit/s), and burst in "kb", which are 1,024 octets
//   pci                  source/address of type pci
//
// A plain <hostdev> is no vNIC: the XML says no MAC for it.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/result.hpp"
#include "core/traffic/inventory.hpp"

namespace vmtraffic {

inline constexpr std::size_t kLargestDomainXml = 4 << 20;  // libvirt's protocol carries no longer string
inline constexpr std::size_t kMostInterfaces = 4096;       // of one domain; the rest is left out

// Leaves connection, hypervisor, state, persistent, autostart and addresses to the caller. vNICs come sorted by (mac, ordinal).
// Error kInvalid: longer than kLargestDomainXml, not XML, not a <domain>, no uuid. Broken interfaces (no MAC) are skipped. Of a doubled
// element the first counts.
Result<Domain> parse_domain_xml(std::string_view xml);

}  // namespace vmtraffic
