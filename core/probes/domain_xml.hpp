// libvirt's domain XML into an inventory Domain. Pure; the XML and every name in it are untrusted (a tenant chooses titles and metadata).
#pragma once

#include <string_view>

#include "core/result.hpp"
#include "core/traffic/inventory.hpp"

namespace vmtraffic {

// Reads uuid, name, title, os type, vcpus, memory (any of libvirt's units), Nova's metadata (1.1, then 1.0) as tags, and every <interface>.
// Leaves connection, hypervisor, state, persistent, autostart and addresses to the caller. vNICs come sorted by (mac, ordinal).
// Error kInvalid: not XML, not a <domain>, no uuid. Broken interfaces (no MAC) are skipped.
Result<Domain> parse_domain_xml(std::string_view xml);

}  // namespace vmtraffic
