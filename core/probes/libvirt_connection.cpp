#include "core/probes/libvirt_connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

#include "core/probes/libvirt_library.hpp"
#include "core/text.hpp"

namespace vmtraffic {
namespace {

template <auto Close>  // a function of libvirt's
struct CloseWith {
  template <class T>
  void operator()(T* p) const noexcept {
    (libvirt().*Close)(p);
  }
};
struct Free {
  void operator()(char* p) const noexcept { std::free(p); }
};
using Connection = std::unique_ptr<virConnect, CloseWith<&LibvirtLibrary::virConnectClose>>;
using DomainHandle = std::unique_ptr<virDomain, CloseWith<&LibvirtLibrary::virDomainFree>>;
using NetworkHandle = std::unique_ptr<virNetwork, CloseWith<&LibvirtLibrary::virNetworkFree>>;
using CString = std::unique_ptr<char, Free>;

// libvirt's lists: an array of pointers ended by a null pointer, in one allocation.
template <class T, auto Close>
class HandleList {
 public:
  HandleList() = default;
  HandleList(const HandleList&) = delete;
  HandleList& operator=(const HandleList&) = delete;
  ~HandleList() {
    if (items == nullptr) return;
    for (T** p = items; *p != nullptr; ++p) (libvirt().*Close)(*p);
    std::free(items);
  }
  T** items{nullptr};
};

Error last_error(std::string_view doing) {
  const virError* e = libvirt().virGetLastError();
  const std::string_view text = e == nullptr || e->message == nullptr ? "unknown error" : e->message;
  return {ErrorCode::kUnavailable, fmt::format("cannot {}: {}", doing, printable(text))};
}

bool domain_is_gone() {
  const virError* e = libvirt().virGetLastError();
  return e != nullptr && e->code == VIR_ERR_NO_DOMAIN;
}

bool is_unsupported() {
  const virError* e = libvirt().virGetLastError();
  return e != nullptr && (e->code == VIR_ERR_NO_SUPPORT || e->code == VIR_ERR_OPERATION_UNSUPPORTED);
}

DomainUuid uuid_of(virDomainPtr domain) {
  DomainUuid uuid;
  libvirt().virDomainGetUUID(domain, uuid.octets.data());
  return uuid;
}

std::string name_of(virDomainPtr domain) {
  const char* name = libvirt().virDomainGetName(domain);
  return name == nullptr ? std::string() : std::string(name);
}

DomainState state_of(int state) {
  return state >= 0 && state <= VIR_DOMAIN_PMSUSPENDED ? static_cast<DomainState>(state) : DomainState::kNoState;
}

template <std::size_t N>
std::string_view at(const std::array<std::string_view, N>& names, int index) {
  return index >= 0 && static_cast<std::size_t>(index) < N ? names[static_cast<std::size_t>(index)] : std::string_view{};
}

EventKind kind_of(int event, int detail) {
  switch (event) {
    case VIR_DOMAIN_EVENT_DEFINED:
      return detail == VIR_DOMAIN_EVENT_DEFINED_RENAMED ? EventKind::kRenamed : EventKind::kDefined;
    case VIR_DOMAIN_EVENT_UNDEFINED:
      return EventKind::kUndefined;
    case VIR_DOMAIN_EVENT_STARTED:
      return EventKind::kStarted;
    case VIR_DOMAIN_EVENT_SUSPENDED:
      return EventKind::kSuspended;
    case VIR_DOMAIN_EVENT_RESUMED:
      return EventKind::kResumed;
    case VIR_DOMAIN_EVENT_STOPPED:
      return EventKind::kStopped;
    case VIR_DOMAIN_EVENT_SHUTDOWN:
      return EventKind::kShutdown;
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
      return EventKind::kPmSuspended;
    case VIR_DOMAIN_EVENT_CRASHED:
      return EventKind::kCrashed;
    default:
      return EventKind::kOther;
  }
}

// libvirt's virDomainEvent*DetailType, by their documented meaning.
std::string_view detail_of(int event, int detail) {
  constexpr std::array<std::string_view, 4> kDefined{"added", "updated", "renamed", "from snapshot"};
  constexpr std::array<std::string_view, 2> kUndefined{"removed", "renamed"};
  constexpr std::array<std::string_view, 5> kStarted{"booted", "migrated", "restored", "from snapshot", "wakeup"};
  constexpr std::array<std::string_view, 9> kSuspended{"paused",        "migrated",  "I/O error",           "watchdog",        "restored",
                                                       "from snapshot", "API error", "post-copy migration", "post-copy failed"};
  constexpr std::array<std::string_view, 5> kResumed{"unpaused", "migrated", "from snapshot", "post-copy migration", "post-copy failed"};
  constexpr std::array<std::string_view, 8> kStopped{"shut down", "destroyed", "crashed",       "migrated",
                                                     "saved",     "failed",    "from snapshot", "daemon"};
  constexpr std::array<std::string_view, 3> kShutdown{"finished", "by guest", "by host"};
  constexpr std::array<std::string_view, 2> kPmSuspended{"memory", "disk"};
  constexpr std::array<std::string_view, 2> kCrashed{"panicked", "crash loaded"};
  switch (event) {
    case VIR_DOMAIN_EVENT_DEFINED:
      return at(kDefined, detail);
    case VIR_DOMAIN_EVENT_UNDEFINED:
      return at(kUndefined, detail);
    case VIR_DOMAIN_EVENT_STARTED:
      return at(kStarted, detail);
    case VIR_DOMAIN_EVENT_SUSPENDED:
      return at(kSuspended, detail);
    case VIR_DOMAIN_EVENT_RESUMED:
      return at(kResumed, detail);
    case VIR_DOMAIN_EVENT_STOPPED:
      return at(kStopped, detail);
    case VIR_DOMAIN_EVENT_SHUTDOWN:
      return at(kShutdown, detail);
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
      return at(kPmSuspended, detail);
    case VIR_DOMAIN_EVENT_CRASHED:
      return at(kCrashed, detail);
    default:
      return {};
  }
}

std::string_view close_reason(int reason) {
  switch (reason) {
    case VIR_CONNECT_CLOSE_REASON_ERROR:
      return "the connection broke";
    case VIR_CONNECT_CLOSE_REASON_EOF:
      return "libvirtd ended";
    case VIR_CONNECT_CLOSE_REASON_KEEPALIVE:
      return "libvirtd does not answer";
    default:
      return "the connection was closed";
  }
}

// What libvirt's callbacks point to. It owns what they call, so they stay valid until libvirt frees it.
struct Callbacks {
  LibvirtConnection::OnEvent on_event;
  LibvirtConnection::OnClose on_close;
};

void free_callbacks(void* opaque) noexcept { delete static_cast<std::shared_ptr<Callbacks>*>(opaque); }

// Nothing may cross the C boundary; a lost event is caught by the next full refresh.
template <class F>
void guard(F&& f) noexcept {
  try {
    f();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

int on_lifecycle(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) noexcept {
  guard([&] {
    const auto& callbacks = *static_cast<std::shared_ptr<Callbacks>*>(opaque);
    callbacks->on_event({uuid_of(domain), name_of(domain), kind_of(event, detail), std::string(detail_of(event, detail))});
  });
  return 0;
}

void changed(virDomainPtr domain, void* opaque) noexcept {
  guard([&] {
    const auto& callbacks = *static_cast<std::shared_ptr<Callbacks>*>(opaque);
    callbacks->on_event({uuid_of(domain), name_of(domain), std::nullopt, {}});
  });
}

void on_device(virConnectPtr, virDomainPtr domain, const char*, void* opaque) noexcept { changed(domain, opaque); }
void on_metadata(virConnectPtr, virDomainPtr domain, int, const char*, void* opaque) noexcept { changed(domain, opaque); }

void on_closed(virConnectPtr, int reason, void* opaque) noexcept {
  guard([&] {
    const auto& callbacks = *static_cast<std::shared_ptr<Callbacks>*>(opaque);
    callbacks->on_close(std::string(close_reason(reason)));
  });
}

std::string version_text(unsigned long v) { return fmt::format("{}.{}.{}", v / 1'000'000, v / 1'000 % 1'000, v % 1'000); }

}  // namespace

struct LibvirtConnection::Impl {
  Connection connection;  // before the handles, which need it
  std::shared_ptr<Callbacks> callbacks;
  std::vector<int> registered;
  std::string hypervisor, version;
  std::uint64_t version_number{0};
  std::atomic<std::uint64_t> calls{0};
  bool bulk{true};
  bool networks{true};

  void subscribe(int id, virConnectDomainEventGenericCallback callback) {
    auto* opaque = new std::shared_ptr<Callbacks>(callbacks);
    const int handle = libvirt().virConnectDomainEventRegisterAny(connection.get(), nullptr, id, callback, opaque, free_callbacks);
    ++calls;
    if (handle >= 0) {
      registered.push_back(handle);
    } else {
      delete opaque;  // the driver has no such event: the full refresh sees what it would have told
    }
  }

  // Handles stay good for a domain's whole life, so each is asked for once: a call less whenever the domain is read.
  std::map<DomainUuid, DomainHandle> handles;

  // A null pointer: no such domain.
  Result<virDomainPtr> find(const DomainUuid& uuid) {
    DomainHandle& known = handles[uuid];
    if (known != nullptr) return known.get();
    ++calls;
    known.reset(libvirt().virDomainLookupByUUID(connection.get(), uuid.octets.data()));
    if (known != nullptr) return known.get();
    handles.erase(uuid);
    if (!domain_is_gone()) return last_error("look up a domain");
    return static_cast<virDomainPtr>(nullptr);
  }

  // True if the last call failed because the domain is no more; forgets its handle then.
  bool forget_if_gone(const DomainUuid& uuid) {
    if (!domain_is_gone()) return false;
    handles.erase(uuid);
    return true;
  }

  // Sorted.
  Result<std::vector<DomainUuid>> uuids(unsigned flags) {
    HandleList<virDomain, &LibvirtLibrary::virDomainFree> list;
    ++calls;
    const int n = libvirt().virConnectListAllDomains(connection.get(), &list.items, flags);
    if (n < 0) return last_error("list domains");
    std::vector<DomainUuid> out;
    for (int i = 0; i < n; ++i) out.push_back(uuid_of(list.items[i]));
    std::sort(out.begin(), out.end());
    return out;
  }

  Result<std::vector<DomainStats>> bulk_stats(bool cpu_time);
};

LibvirtConnection::LibvirtConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<LibvirtConnection>> LibvirtConnection::open(const std::string& uri, OnEvent on_event, OnClose on_close) {
  if (auto missing = load_libvirt()) return *missing;
  ensure_libvirt_event_loop();
  auto impl = std::make_unique<Impl>();
  impl->connection.reset(libvirt().virConnectOpenReadOnly(uri.c_str()));
  ++impl->calls;
  if (impl->connection == nullptr) return last_error(fmt::format("connect to {}", printable(uri)));
  virConnectPtr c = impl->connection.get();
  // A blocked call then returns after fifteen seconds at most; nobody waits for it, and each probe costs both sides a wake-up.
  // Drivers inside the library (test:///) have no keepalive and no need of it.
  libvirt().virConnectSetKeepAlive(c, 5, 2);
  impl->callbacks = std::make_shared<Callbacks>(Callbacks{std::move(on_event), std::move(on_close)});
  // The test driver inside the library accepts the callback, but never calls nor frees it: there is nothing that could close.
  if (!uri.starts_with("test:")) {
    auto* opaque = new std::shared_ptr<Callbacks>(impl->callbacks);
    if (libvirt().virConnectRegisterCloseCallback(c, on_closed, opaque, free_callbacks) != 0) delete opaque;
  }
  impl->subscribe(VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle));
  impl->subscribe(VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device));
  impl->subscribe(VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device));
  impl->subscribe(VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata));
  const char* type = libvirt().virConnectGetType(c);
  impl->hypervisor = type == nullptr ? "unknown" : type;
  unsigned long version = 0;
  if (libvirt().virConnectGetVersion(c, &version) == 0) {
    impl->version = version_text(version);
    impl->version_number = version;
  }
  impl->calls += 2;
  return std::unique_ptr<LibvirtConnection>(new LibvirtConnection(std::move(impl)));
}

LibvirtConnection::~LibvirtConnection() {
  virConnectPtr c = impl_->connection.get();
  for (const int handle : impl_->registered) libvirt().virConnectDomainEventDeregisterAny(c, handle);
  libvirt().virConnectUnregisterCloseCallback(c, on_closed);
}

const std::string& LibvirtConnection::hypervisor() const { return impl_->hypervisor; }
const std::string& LibvirtConnection::hypervisor_version() const { return impl_->version; }
std::uint64_t LibvirtConnection::hypervisor_version_number() const { return impl_->version_number; }
bool LibvirtConnection::alive() const { return libvirt().virConnectIsAlive(impl_->connection.get()) == 1; }
std::uint64_t LibvirtConnection::calls() const { return impl_->calls; }
bool LibvirtConnection::bulk_stats() const { return impl_->bulk; }

Result<std::vector<ListedDomain>> LibvirtConnection::list() {
  HandleList<virDomain, &LibvirtLibrary::virDomainFree> list;
  ++impl_->calls;
  const int n = libvirt().virConnectListAllDomains(impl_->connection.get(), &list.items, 0);
  if (n < 0) return last_error("list domains");
  std::vector<ListedDomain> out;
  impl_->handles.clear();
  for (int i = 0; i < n; ++i) {
    virDomainPtr d = list.items[i];
    out.push_back({uuid_of(d), name_of(d), libvirt().virDomainGetID(d) != static_cast<unsigned>(-1), false, false});
    libvirt().virDomainRef(d);
    impl_->handles[out.back().uuid].reset(d);
  }
  // Two filtered listings instead of two calls a domain.
  const auto persistent = impl_->uuids(VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
  const auto autostart = impl_->uuids(VIR_CONNECT_LIST_DOMAINS_AUTOSTART);
  if (!persistent) return persistent.error();
  if (!autostart) return autostart.error();
  for (ListedDomain& d : out) {
    d.persistent = std::binary_search(persistent->begin(), persistent->end(), d.uuid);
    d.autostart = std::binary_search(autostart->begin(), autostart->end(), d.uuid);
  }
  return out;
}

Result<std::vector<DomainStats>> LibvirtConnection::Impl::bulk_stats(bool cpu_time) {
  virDomainStatsRecordPtr* records = nullptr;
  ++calls;
  const unsigned groups = VIR_DOMAIN_STATS_STATE | (cpu_time ? static_cast<unsigned>(VIR_DOMAIN_STATS_CPU_TOTAL) : 0u);
  const int n = libvirt().virConnectGetAllDomainStats(connection.get(), groups, &records,
                                                      VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
  if (n < 0) return last_error("read domain statistics");
  const std::unique_ptr<virDomainStatsRecordPtr, CloseWith<&LibvirtLibrary::virDomainStatsRecordListFree>> owner(records);
  std::vector<DomainStats> out;
  for (int i = 0; i < n; ++i) {
    DomainStats s;
    s.uuid = uuid_of(records[i]->dom);
    for (int p = 0; p < records[i]->nparams; ++p) {
      const virTypedParameter& param = records[i]->params[p];
      const std::string_view field = param.field;
      if (field == "state.state" && param.type == VIR_TYPED_PARAM_INT) s.state = state_of(param.value.i);
      if (field == "state.reason" && param.type == VIR_TYPED_PARAM_INT) s.reason = param.value.i;
      if (field == "cpu.time" && param.type == VIR_TYPED_PARAM_ULLONG) s.cpu_time_ns = param.value.ul;
    }
    out.push_back(s);
  }
  return out;
}

Result<std::vector<DomainStats>> LibvirtConnection::stats(const std::vector<DomainUuid>& active, bool cpu_time) {
  if (impl_->bulk) {
    auto stats = impl_->bulk_stats(cpu_time);
    if (stats.ok() || !is_unsupported()) return stats;
    impl_->bulk = false;  // decided once a connection
  }
  std::vector<DomainStats> out;
  for (const DomainUuid& uuid : active) {
    const auto s = state(uuid);
    if (!s && !alive()) return s.error();
    if (s.ok() && s.value()) out.push_back(*s.value());
  }
  return out;
}

Result<std::optional<DomainStats>> LibvirtConnection::state(const DomainUuid& uuid) {
  const auto domain = impl_->find(uuid);
  if (!domain) return domain.error();
  if (*domain == nullptr) return std::optional<DomainStats>{};
  DomainStats s;
  s.uuid = uuid;
  int state = 0;
  int reason = 0;
  ++impl_->calls;
  if (libvirt().virDomainGetState(*domain, &state, &reason, 0) < 0) {
    if (impl_->forget_if_gone(uuid)) return std::optional<DomainStats>{};
    return last_error("read a domain's state");
  }
  s.state = state_of(state);
  s.reason = reason;
  virDomainInfo info{};
  ++impl_->calls;
  if (is_active(s.state) && libvirt().virDomainGetInfo(*domain, &info) == 0) s.cpu_time_ns = info.cpuTime;
  return std::optional(s);
}

Result<std::optional<std::string>> LibvirtConnection::xml(const DomainUuid& uuid) {
  const auto domain = impl_->find(uuid);
  if (!domain) return domain.error();
  if (*domain == nullptr) return std::optional<std::string>{};
  ++impl_->calls;
  const CString xml(libvirt().virDomainGetXMLDesc(*domain, 0));
  if (xml == nullptr) {
    if (impl_->forget_if_gone(uuid)) return std::optional<std::string>{};
    return last_error("read a domain's XML");
  }
  return std::optional<std::string>(xml.get());
}

Result<std::optional<ListedDomain>> LibvirtConnection::look_up(const DomainUuid& uuid) {
  const auto domain = impl_->find(uuid);
  if (!domain) return domain.error();
  if (*domain == nullptr) return std::optional<ListedDomain>{};
  impl_->calls += 3;
  int autostart = 0;
  const int active = libvirt().virDomainIsActive(*domain);
  const int persistent = libvirt().virDomainIsPersistent(*domain);
  if (active < 0 || persistent < 0) {
    if (impl_->forget_if_gone(uuid)) return std::optional<ListedDomain>{};
    return last_error("look up a domain");
  }
  if (libvirt().virDomainGetAutostart(*domain, &autostart) < 0) autostart = 0;  // transient domains have none
  return std::optional(ListedDomain{uuid, name_of(*domain), active == 1, persistent == 1, autostart != 0});
}

Result<std::vector<DhcpLease>> LibvirtConnection::dhcp_leases() {
  std::vector<DhcpLease> out;
  if (!impl_->networks) return out;
  HandleList<virNetwork, &LibvirtLibrary::virNetworkFree> list;
  ++impl_->calls;
  if (libvirt().virConnectListAllNetworks(impl_->connection.get(), &list.items, VIR_CONNECT_LIST_NETWORKS_ACTIVE) < 0) {
    if (!is_unsupported()) return last_error("list networks");
    impl_->networks = false;
    return out;
  }
  for (virNetworkPtr* network = list.items; *network != nullptr; ++network) {
    HandleList<virNetworkDHCPLease, &LibvirtLibrary::virNetworkDHCPLeaseFree> leases;
    ++impl_->calls;
    const int n = libvirt().virNetworkGetDHCPLeases(*network, nullptr, &leases.items, 0);
    for (int i = 0; i < n; ++i) {
      const virNetworkDHCPLease& lease = *leases.items[i];
      const auto mac = lease.mac == nullptr ? std::nullopt : MacAddress::parse(lease.mac);
      if (mac && lease.ipaddr != nullptr) out.push_back({*mac, lease.ipaddr});
    }
  }
  return out;
}

Result<InterfaceStats> LibvirtConnection::interface_stats(const DomainUuid& uuid, const std::string& device) {
  const auto domain = impl_->find(uuid);
  if (!domain) return domain.error();
  if (*domain == nullptr) return Error{ErrorCode::kMissing, "the domain is gone"};
  virDomainInterfaceStatsStruct s{};
  ++impl_->calls;
  if (libvirt().virDomainInterfaceStats(*domain, device.c_str(), &s, sizeof(s)) != 0) {
    const Error error = last_error("read a vNIC's statistics");
    impl_->forget_if_gone(uuid);
    return error;
  }
  InterfaceStats out;
  const auto put = [&out](Metric metric, long long value) {
    if (value < 0) return;
    out.values[metric] = static_cast<std::uint64_t>(value);
    out.present |= static_cast<MetricSet>(1u << metric);
  };
  put(kRxOctets, s.rx_bytes), put(kRxPackets, s.rx_packets), put(kRxErrors, s.rx_errs), put(kRxDrops, s.rx_drop);
  put(kTxOctets, s.tx_bytes), put(kTxPackets, s.tx_packets), put(kTxErrors, s.tx_errs), put(kTxDrops, s.tx_drop);
  return out;
}

}  // namespace vmtraffic
