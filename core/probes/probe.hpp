// What all probes with a thread of their own have in common: they are started and stopped together, and none can hold up the others.
#pragma once

#include <chrono>

#include "core/snapshot/writer.hpp"

namespace vmtraffic {

class Probe {
 public:
  Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  virtual ~Probe() = default;

  virtual void start() = 0;
  // Asks the threads to end. Then join() waits at most so long: a thread that hangs is left behind and holds nothing but its own state.
  virtual void request_stop() noexcept = 0;
  virtual void join(std::chrono::milliseconds limit) noexcept = 0;

  // True once it knows what there is, or that it cannot.
  virtual bool settled() const = 0;
  // What the snapshot says of it. Never blocks.
  virtual ProbeHealth health() const = 0;
};

}  // namespace vmtraffic
