// libvirt's event loop is one per process, and collectd's virt plugin may run it as well: we register the default implementation (again,
// which is harmless) and run it from one thread of ours, which a timer wakes when it is to end.

#include <mutex>
#include <thread>
#include <utility>

#include "core/bounded_thread.hpp"
#include "core/probes/libvirt_connection.hpp"
#include "core/probes/libvirt_library.hpp"

namespace vmtraffic {
namespace {

struct Loop {
  std::mutex mutex;
  BoundedThread thread;
  bool running{false};
  bool stop{false};
  int timer{-1};  // fires only to end the loop
};

// Never destroyed: libvirt may call back while the process ends.
Loop& loop() {
  static auto* const instance = new Loop;
  return *instance;
}

void wake(int, void*) noexcept {}
void silent(void*, virErrorPtr) noexcept {}

void run(Loop& l) {
  while (true) {
    {
      const std::lock_guard lock(l.mutex);
      if (l.stop) break;
    }
    if (libvirt().virEventRunDefaultImpl() < 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const std::lock_guard lock(l.mutex);
  if (l.timer >= 0) libvirt().virEventRemoveTimeout(l.timer);
  l.timer = -1;
  l.running = false;
}

}  // namespace

void ensure_libvirt_event_loop() {
  Loop& l = loop();
  const std::lock_guard lock(l.mutex);
  l.stop = false;
  if (l.running) {
    if (l.timer >= 0) libvirt().virEventUpdateTimeout(l.timer, -1);
    return;
  }
  libvirt().virInitialize();
  libvirt().virSetErrorFunc(nullptr, silent);  // libvirt prints on standard error unless told otherwise; we report each error ourselves
  libvirt().virEventRegisterDefaultImpl();
  l.timer = libvirt().virEventAddTimeout(-1, wake, nullptr, nullptr);
  l.thread = BoundedThread([&l] { run(l); });
  l.running = true;
}

void stop_libvirt_event_loop() {
  Loop& l = loop();
  BoundedThread thread;
  {
    const std::lock_guard lock(l.mutex);
    l.stop = true;
    if (l.timer >= 0) libvirt().virEventUpdateTimeout(l.timer, 0);
    thread = std::move(l.thread);
  }
  thread.join_for(std::chrono::seconds(1));
}

}  // namespace vmtraffic
