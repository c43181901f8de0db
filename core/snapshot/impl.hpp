// What a Snapshot holds: FlatBuffers' tables and where their rows stand. Private to core/snapshot.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/snapshot.hpp"
#include "core/snapshot/format.hpp"
#include "snapshot.fbs.h"

namespace vmtraffic {

// Whether a reader that asks for `parts` opens this one.
inline bool is_wanted(PartKind kind, unsigned parts) {
  const auto asked = [parts](unsigned which) { return (parts & which) != 0; };
  switch (kind) {
    case PartKind::kHeader:
      return true;
    case PartKind::kInventory:
      return asked(kPartInventory | kPartFlows | kPartPerformance);  // whose rows these name
    case PartKind::kNumbers:
      return asked(kPartNumbers);
    case PartKind::kHealth:
      return asked(kPartHealth);
    case PartKind::kEvents:
      return asked(kPartEvents);
    case PartKind::kTags:
      return asked(kPartTags);
    case PartKind::kFlows:
      return asked(kPartFlows);
    case PartKind::kAgents:
      return asked(kPartAgents);
    case PartKind::kHosts:
      return asked(kPartHosts);
    case PartKind::kPerformance:
      return asked(kPartPerformance);
  }
  return false;
}

struct Snapshot::Impl {
  std::shared_ptr<const void> keep_alive;
  const fbs::Header* header{nullptr};
  const fbs::Inventory* inventory{nullptr};
  const fbs::Numbers* numbers{nullptr};
  const fbs::Health* health{nullptr};
  const fbs::Events* events{nullptr};
  const fbs::Tags* domain_tags{nullptr};
  const fbs::Flows* flows{nullptr};
  const fbs::Agents* agents{nullptr};
  const fbs::Hosts* hosts{nullptr};
  const fbs::Performance* performance{nullptr};
  // vNIC rows by their place: which table, in which domain. Built once, since the file nests vNICs in domains.
  std::vector<std::uint32_t> first_vnic;  // per domain, and the total at the end
  std::vector<std::uint32_t> domain_of;   // per vNIC
  // Rows hand out spans; what they point at is laid out once.
  std::vector<TagView> tags;
  std::vector<std::uint32_t> first_tag;  // per domain, and the total at the end
  std::vector<std::string_view> addresses;
  std::vector<std::uint32_t> first_address;  // per vNIC, and the total at the end

  const fbs::Vnic* vnic(std::size_t index) const {
    const std::uint32_t d = domain_of[index];
    return inventory->domains()->Get(d)->vnics()->Get(static_cast<flatbuffers::uoffset_t>(index - first_vnic[d]));
  }
  Result<Done> lay_out();
  bool flows_fit() const;  // after lay_out(): their rows name vNICs and networks that are there
  bool performance_fits() const;
};

}  // namespace vmtraffic
