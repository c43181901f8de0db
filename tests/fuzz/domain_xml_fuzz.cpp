// parse_domain_xml() on any octets: it answers, and an answer is a domain in order.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <tuple>

#include "core/probes/domain_xml.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = vmtraffic::parse_domain_xml({reinterpret_cast<const char*>(data), size});
  if (!parsed) return parsed.error().code == vmtraffic::ErrorCode::kInvalid ? 0 : (std::abort(), 0);
  vmtraffic::Inventory inventory{{*parsed}};
  vmtraffic::normalize(inventory);
  if (inventory.domains.front() != *parsed) std::abort();  // sorted and numbered already
  const auto& vnics = parsed->vnics;
  for (std::size_t i = 1; i < vnics.size(); ++i) {
    if (!(std::tie(vnics[i - 1].mac, vnics[i - 1].ordinal) < std::tie(vnics[i].mac, vnics[i].ordinal))) std::abort();
  }
  return 0;
}
