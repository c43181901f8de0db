// The names of the reasons for which sFlow agents report discarded packets (sflow_drops.txt on sFlow.org). Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace vmtraffic {

// "ttl_exceeded", "acl", …; "other" for a number without a name. Below 256: the code of ICMP's "destination unreachable".
std::string_view drop_reason_name(std::uint32_t reason);

}  // namespace vmtraffic
