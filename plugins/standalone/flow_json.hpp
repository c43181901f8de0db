// What packet samples say of one snapshot, as JSON; json.hpp has the form.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/snapshot.hpp"

namespace vmtraffic::standalone {

class FlowJson {
 public:
  explicit FlowJson(const Snapshot& snapshot);
  std::string whole() const;                  // "null" without flows
  std::string vnic(std::size_t index) const;  // "null" where no packet of its was sampled

 private:
  struct OfVnic {
    std::vector<ProtocolRow> protocols;
    std::vector<ServiceRow> services;
    std::vector<ApplicationRow> applications;
    std::vector<ConversationRow> conversations;
  };
  std::string peer(const ConversationRow& row) const;
  std::string agent(const std::optional<std::size_t>& index) const;

  const Snapshot& snapshot_;
  std::vector<OfVnic> rows_;  // by vNIC
};

}  // namespace vmtraffic::standalone
