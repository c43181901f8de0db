// Requests as net-snmp hands them over, answered from a Model. Private to the glue: it shows net-snmp's types.
#pragma once

// net-snmp's own order: its configuration first.
// clang-format off
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include <net-snmp/agent/agent_callbacks.h>
// clang-format on

#include <fmt/format.h>

#include <exception>
#include <span>

#include "plugins/snmp-subagent/agentx.hpp"
#include "plugins/snmp-subagent/subtree.hpp"

namespace vmtraffic::snmp {

static_assert(std::is_same_v<SubId, oid>);

// One registered subtree; net-snmp's handler carries a pointer to it.
struct Served {
  const char* name;
  Oid root;
  Subtree subtree;
  const Agent::Options* options;
  bool refused{false};  // by the master: somebody else has registered it
};

// Every call from C goes through here: no exception leaves it.
template <class Function>
int guard(const Log& log, int failure, Function&& function) noexcept {
  try {
    return function();
  } catch (const std::exception& error) {
    try {
      log(LogLevel::kError, fmt::format("internal error in a callback of net-snmp: {}", error.what()));
    } catch (...) {  // not even that
    }
  } catch (...) {
  }
  return failure;
}

// Registers the subtree, which must outlive net-snmp's use of it. Throws when net-snmp refuses.
void serve(Served& served);

// Asks the master again after a refusal. Not by unregistering: the master would take the subtree away from whoever has it.
void serve_again(Served& served);

// Answers a master's Get or GetNext at once, on the session on which it came. False, and nothing done, for all other messages: net-snmp's
// own way serves those, and would serve these too. But it sends each request through two pipes to itself and copies it four times on the
// way, which is most of what a value costs.
bool answer_directly(std::span<const Served> all, netsnmp_session* session, netsnmp_pdu* pdu);

}  // namespace vmtraffic::snmp
