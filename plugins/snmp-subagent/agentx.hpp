// The AgentX subagent: our two MIBs behind net-snmp's agent library. Everything of net-snmp happens within run(), on the thread that calls
// it.
//
// Each subtree is registered once, at its root, read-only; a request is answered from the Model at hand and waits for nothing. A master
// that is not there yet, or goes away, is asked for again every two seconds. net-snmp reads no configuration, loads no MIBs and keeps no
// state; its log goes to ours. net-snmp is global to a process, so there is one Agent in it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "plugins/snmp-subagent/cell.hpp"
#include "plugins/snmp-subagent/model.hpp"

namespace vmtraffic::snmp {

class Agent {
 public:
  struct Options {
    std::string socket;  // "/var/agentx/master", "tcp:localhost:705"; empty: net-snmp's default
    Oid vmtraffic_root;
    Log log;
    Clock clock;
    std::function<std::shared_ptr<const Model>()> model;  // called on run()'s thread, once for each request
  };
  // Sets MIBS and MIBDIRS in the environment, so call it before threads start.
  explicit Agent(Options options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Until stop(). Can be late by several seconds when the master accepts connections and answers nothing: net-snmp then waits for it.
  void run();
  // From any thread.
  void stop() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vmtraffic::snmp
