// libvirt's event loop is one per process, and collectd's virt plugin may run it as well: we register the default implementation (again, which is
// harmless) and run it from one thread of ours, which a timer wakes so that it can end.
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "core/probes/libvirt_connection.hpp"

namespace vmtraffic {
namespace {

struct Loop {
  std::mutex mutex;
  std::condition_variable ended;
  bool running{false};
  bool stop{false};
};

// Never destroyed: libvirt may call back while the process ends.
Loop& loop() {
  static auto* const instance = new Loop;
  return *instance;
}

void wake(int, void*) noexcept {}
void silent(void*, virErrorPtr) noexcept {}

void run(Loop& l) {
  const int timer = virEventAddTimeout(300, wake, nullptr, nullptr);
  while (true) {
    {
      const std::lock_guard lock(l.mutex);
      if (l.stop) break;
    }
    if (virEventRunDefaultImpl() < 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (timer >= 0) virEventRemoveTimeout(timer);
  const std::lock_guard lock(l.mutex);
  l.running = false;
  l.ended.notify_all();
}

}  // namespace

void ensure_libvirt_event_loop() {
  Loop& l = loop();
  const std::lock_guard lock(l.mutex);
  l.stop = false;
  if (l.running) return;
  virInitialize();
  virSetErrorFunc(nullptr, silent);  // libvirt prints on standard error unless told otherwise; we report each error ourselves
  virEventRegisterDefaultImpl();
  l.running = true;
  std::thread([&l] { run(l); }).detach();
}

void stop_libvirt_event_loop() {
  Loop& l = loop();
  std::unique_lock lock(l.mutex);
  l.stop = true;
  l.ended.wait_for(lock, std::chrono::seconds(1), [&] { return !l.running; });
}

}  // namespace vmtraffic
