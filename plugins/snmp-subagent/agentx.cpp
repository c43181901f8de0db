#include "plugins/snmp-subagent/agentx.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

// net-snmp's own order: its configuration first.
// clang-format off
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include <net-snmp/agent/agent_callbacks.h>
// clang-format on

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <string_view>
#include <system_error>

#include "core/text.hpp"
#include "plugins/snmp-subagent/tables.hpp"

namespace vmtraffic::snmp {
namespace {

constexpr const char* kProgram = "vmtraffic-agentx";
constexpr int kPingInterval_s = 2;
constexpr Nanoseconds kRepeat = 600 * kSecond;  // between equal lines of net-snmp's log
constexpr std::size_t kRememberedLines = 100;

static_assert(std::is_same_v<SubId, oid>);

// One registered subtree; net-snmp's handler carries a pointer to it.
struct Served {
  const char* name;
  Oid root;
  Subtree subtree;
  const Agent::Options* options;
};

// net-snmp's log and the state of the connection.
struct Session {
  const Agent::Options* options;
  bool connected{false};
  std::map<std::string, Nanoseconds, std::less<>> said{};
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

struct Put {
  netsnmp_variable_list* variable;
  void set(unsigned char type, const void* value, std::size_t size) const { snmp_set_var_typed_value(variable, type, value, size); }
  void operator()(Integer32 v) const { set(ASN_INTEGER, &v.value, sizeof v.value); }
  void operator()(Unsigned32 v) const { set(ASN_GAUGE, &v.value, sizeof v.value); }
  void operator()(TimeTicks v) const { set(ASN_TIMETICKS, &v.value, sizeof v.value); }
  void operator()(Counter64 v) const {
    const counter64 halves{v.value >> 32, v.value & 0xFFFF'FFFF};
    set(ASN_COUNTER64, &halves, sizeof halves);
  }
  void operator()(const OctetString& v) const { set(ASN_OCTET_STR, v.octets.data(), v.octets.size()); }
};

void answer_get(const Served& served, const View& view, OidView name, netsnmp_agent_request_info* info, netsnmp_request_info* request) {
  const Subtree::Answer answer = served.subtree.get(view, name);
  if (answer.cell) {
    std::visit(Put{request->requestvb}, *answer.cell);
  } else {
    netsnmp_set_request_error(info, request, answer.absent == Subtree::Absent::kNoSuchObject ? SNMP_NOSUCHOBJECT : SNMP_NOSUCHINSTANCE);
  }
}

// At the subtree's end the variable is left as it is: the master then goes on to its next subtree.
void answer_next(const Served& served, const View& view, OidView name, netsnmp_request_info* request) {
  if (request->inclusive != 0) {  // AgentX: the start itself counts
    const Subtree::Answer exact = served.subtree.get(view, name);
    if (exact.cell) return std::visit(Put{request->requestvb}, *exact.cell);
  }
  auto next = served.subtree.next(view, name);
  if (!next) return;
  next->name.insert(next->name.begin(), served.root.begin(), served.root.end());
  snmp_set_var_objid(request->requestvb, next->name.data(), next->name.size());
  std::visit(Put{request->requestvb}, next->cell);
}

void answer(const Served& served, const View& view, netsnmp_agent_request_info* info, netsnmp_request_info* request) {
  const OidView name(request->requestvb->name, request->requestvb->name_length);
  const OidView root(served.root);
  const std::size_t common = std::min(name.size(), root.size());
  const bool within = name.size() >= root.size() && std::equal(root.begin(), root.end(), name.begin());
  if (info->mode == MODE_GET) {
    if (within) return answer_get(served, view, name.subspan(root.size()), info, request);
    netsnmp_set_request_error(info, request, SNMP_NOSUCHOBJECT);
  } else if (info->mode == MODE_GETNEXT) {
    if (within) return answer_next(served, view, name.subspan(root.size()), request);
    const OidView head = name.first(common);
    const bool before = std::lexicographical_compare(head.begin(), head.end(), root.begin(), root.end());
    if (before) answer_next(served, view, {}, request);
  } else {
    netsnmp_set_request_error(info, request, SNMP_ERR_NOTWRITABLE);
  }
}

LogLevel level_of(int priority) {
  if (priority <= LOG_ERR) return LogLevel::kError;
  if (priority == LOG_WARNING) return LogLevel::kWarning;
  return LogLevel::kInfo;
}

// net-snmp says the same at each attempt to connect, so equal lines are said once in ten minutes.
void say(Session& session, const snmp_log_message& message) {
  std::string_view text = message.msg == nullptr ? "" : message.msg;
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return;
  const Nanoseconds now = session.options->clock.boottime();
  std::erase_if(session.said, [&](const auto& line) { return now - line.second >= kRepeat; });
  if (session.said.size() >= kRememberedLines || !session.said.try_emplace(std::string(text), now).second) return;
  session.options->log(level_of(message.priority), "net-snmp: " + printable(text));
}

std::string socket_name(const Agent::Options& options) {
  return options.socket.empty() ? "its default address" : printable(options.socket);
}

void session_changed(Session& session, bool connected) {
  if (connected == session.connected) return;
  session.connected = connected;
  session.options->log(LogLevel::kNotice, connected ? fmt::format("connected to the master agent at {}", socket_name(*session.options))
                                                    : "the master agent went away; looking for it every two seconds");
}

extern "C" int vmtraffic_snmp_request(netsnmp_mib_handler* handler, netsnmp_handler_registration* /*registration*/,
                                      netsnmp_agent_request_info* info, netsnmp_request_info* requests) noexcept {
  const Served& served = *static_cast<const Served*>(handler->myvoid);
  return guard(served.options->log, SNMP_ERR_GENERR, [&] {
    const std::shared_ptr<const Model> model = served.options->model();
    const View view(*model, served.options->clock);
    for (netsnmp_request_info* request = requests; request != nullptr; request = request->next) {
      if (request->processed == 0) answer(served, view, info, request);
    }
    return SNMP_ERR_NOERROR;
  });
}

extern "C" int vmtraffic_snmp_log(int /*major*/, int /*minor*/, void* message, void* session) noexcept {
  Session& ours = *static_cast<Session*>(session);
  return guard(ours.options->log, 0, [&] { return say(ours, *static_cast<const snmp_log_message*>(message)), 0; });
}

extern "C" int vmtraffic_snmp_session(int /*major*/, int minor, void* /*session*/, void* session) noexcept {
  Session& ours = *static_cast<Session*>(session);
  return guard(ours.options->log, 0, [&] { return session_changed(ours, minor == SNMPD_CALLBACK_INDEX_START), 0; });
}

struct Callback {
  int major, minor;
  SNMPCallback* function;
};
constexpr Callback kCallbacks[] = {
    {SNMP_CALLBACK_LIBRARY, SNMP_CALLBACK_LOGGING, vmtraffic_snmp_log},
    {SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_START, vmtraffic_snmp_session},
    {SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_STOP, vmtraffic_snmp_session},
};

void serve(Served& served) {
  netsnmp_handler_registration* const registration =
      netsnmp_create_handler_registration(served.name, vmtraffic_snmp_request, served.root.data(), served.root.size(), HANDLER_CAN_RONLY);
  if (registration == nullptr) throw std::bad_alloc();
  registration->handler->myvoid = &served;
  if (netsnmp_register_handler(registration) != MIB_REGISTERED_OK)
    throw std::runtime_error(fmt::format("net-snmp refuses to register {}", served.name));
}

void set_options(const Agent::Options& options) {
  for (const int option : {NETSNMP_DS_LIB_DONT_READ_CONFIGS, NETSNMP_DS_LIB_DONT_PERSIST_STATE, NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD,
                           NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE, NETSNMP_DS_LIB_ALARM_DONT_USE_SIG}) {
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, option, 1);
  }
  netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_NO_CONNECTION_WARNINGS, 1);  // session_changed() says it better
  netsnmp_ds_set_string(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_PERSISTENT_DIR, "/dev/null");  // or it makes a directory for certificates
  if (!options.socket.empty()) netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, options.socket.c_str());
}

// What net-snmp wants to be waited for.
struct Descriptors {
  int count{0}, block{1};
  fd_set readable{};
  timeval timeout{};
  Descriptors() { snmp_select_info(&count, &readable, &timeout, &block); }
};

// net-snmp hands each request from its AgentX session to its agent and back through two pipes to itself, and wants select() called for
// both: a third of what a request costs. We read the pipes after each turn instead, without waiting; what should be left is found by the
// next select().
std::vector<int> internal_pipes() {
  std::vector<int> pipes;
  const Descriptors all;
  for (int fd = 0; fd < all.count; ++fd) {
    struct stat status {};
    if (!FD_ISSET(fd, &all.readable) || ::fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode)) continue;
    if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0) pipes.push_back(fd);
  }
  return pipes;
}

void read_one(int fd) {
  fd_set readable{};
  FD_SET(fd, &readable);
  snmp_read(&readable);
}

}  // namespace

struct Agent::Impl {
  explicit Impl(Options given) : options(std::move(given)), wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wakeup < 0) throw std::system_error(errno, std::system_category(), "eventfd");
  }
  ~Impl() { ::close(wakeup); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start();
  void loop() const;
  void end();

  const Options options;
  const int wakeup;
  std::atomic<bool> stopping{false};
  Session session{&options};
  Served vm{"VM-MIB", *parse_oid(kVmMibRoot), Subtree(vm_mib()), &options};
  Served vmtraffic{"VMTRAFFIC-MIB", options.vmtraffic_root, Subtree(vmtraffic_mib()), &options};
};

void Agent::Impl::start() {
  snmp_disable_log();
  snmp_enable_calllog();
  for (const Callback& callback : kCallbacks) snmp_register_callback(callback.major, callback.minor, callback.function, &session);
  netsnmp_enable_subagent();
  set_options(options);
  init_agent(kProgram);
  netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_PING_INTERVAL, kPingInterval_s);  // init_agent() sets 15
  serve(vm);
  serve(vmtraffic);
  init_snmp(kProgram);  // connects
  if (!session.connected) {
    options.log(LogLevel::kWarning,
                fmt::format("no master agent answers at {} yet (snmpd needs `master agentx`, and agentXPerms for users other than its "
                            "own); looking for it every two seconds",
                            socket_name(options)));
  }
}

void Agent::Impl::loop() const {
  const std::vector<int> pipes = internal_pipes();
  while (!stopping) {
    Descriptors waited;
    FD_SET(wakeup, &waited.readable);
    const int ready =
        ::select(std::max(waited.count, wakeup + 1), &waited.readable, nullptr, nullptr, waited.block != 0 ? nullptr : &waited.timeout);
    if (ready > 0) {
      FD_CLR(wakeup, &waited.readable);
      snmp_read(&waited.readable);
      for (const int pipe : pipes) read_one(pipe);
    } else if (ready == 0) {
      snmp_timeout();
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::system_category(), "select");
    }
    run_alarms();
    netsnmp_check_outstanding_agent_requests();
  }
}

void Agent::Impl::end() {
  // net-snmp's shutdown would call free() on what its callbacks carry.
  for (const Callback& callback : kCallbacks) snmp_unregister_callback(callback.major, callback.minor, callback.function, &session, 1);
  snmp_shutdown(kProgram);
  shutdown_agent();
}

Agent::Agent(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {
  ::setenv("MIBS", "", 1);
  ::setenv("MIBDIRS", "", 1);
}

Agent::~Agent() = default;

void Agent::run() {
  impl_->start();
  impl_->loop();
  impl_->end();
}

void Agent::stop() noexcept {
  impl_->stopping = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(impl_->wakeup, &one, sizeof one);  // fails only when it is readable already
}

}  // namespace vmtraffic::snmp
