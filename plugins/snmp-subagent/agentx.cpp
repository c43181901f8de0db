#include "plugins/snmp-subagent/agentx.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <string_view>
#include <system_error>

#include "core/text.hpp"
#include "plugins/snmp-subagent/requests.hpp"
#include "plugins/snmp-subagent/tables.hpp"

namespace vmtraffic::snmp {
namespace {

constexpr const char* kProgram = "vmtraffic-agentx";
constexpr int kPingInterval_s = 2;
constexpr Nanoseconds kRefusedRetry = 5 * kSecond;
constexpr Nanoseconds kRepeat = 600 * kSecond;  // between equal lines of net-snmp's log
constexpr std::size_t kRememberedLines = 100;

// The connection to the master, and net-snmp's log.
struct Session {
  const Agent::Options* options;
  std::array<Served, 2> served;
  bool connected{false};
  Served* registering{nullptr};       // whom a refusal would concern; nobody: it may be any
  Nanoseconds next_try{0};            // of what was refused
  netsnmp_callback receive{nullptr};  // net-snmp's own receiver of the session's messages
  std::map<std::string, Nanoseconds, std::less<>> said{};
};

LogLevel level_of(int priority) {
  if (priority <= LOG_ERR) return LogLevel::kError;
  if (priority == LOG_WARNING) return LogLevel::kWarning;
  return LogLevel::kInfo;
}

// Of a refused registration net-snmp tells nobody but its log: "registering pdu failed: 263!".
bool note_refusal(Session& session, std::string_view text) {
  if (!text.starts_with("registering pdu failed")) return text.starts_with("unregistering pdu failed");
  for (Served& served : session.served) {
    if (session.registering == nullptr || session.registering == &served) served.refused = true;
  }
  if (session.next_try == 0) session.next_try = session.options->clock.boottime() + kRefusedRetry;
  return true;
}

// net-snmp says the same at each attempt to connect, so equal lines are said once in ten minutes.
void say(Session& session, const snmp_log_message& message) {
  std::string_view text = message.msg == nullptr ? "" : message.msg;
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty() || note_refusal(session, text)) return;
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
  if (!connected) {
    for (Served& served : session.served) served.refused = false;  // the next connection registers all anew
    session.next_try = 0;
  }
  session.options->log(LogLevel::kNotice, connected ? fmt::format("connected to the master agent at {}", socket_name(*session.options))
                                                    : "the master agent went away; looking for it every two seconds");
}

extern "C" int vmtraffic_snmp_log(int /*major*/, int /*minor*/, void* message, void* session) noexcept {
  Session& ours = *static_cast<Session*>(session);
  return guard(ours.options->log, 0, [&] { return say(ours, *static_cast<const snmp_log_message*>(message)), 0; });
}

// net-snmp gives no argument to this one that would be ours.
Session* the_session = nullptr;

extern "C" int vmtraffic_snmp_receive(int operation, netsnmp_session* session, int request, netsnmp_pdu* pdu, void* magic) noexcept {
  const bool answered =
      operation == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE &&
      guard(the_session->options->log, 0, [&] { return answer_directly(the_session->served, session, pdu) ? 1 : 0; }) != 0;
  return answered ? 1 : the_session->receive(operation, session, request, pdu, magic);
}

extern "C" int vmtraffic_snmp_session(int /*major*/, int minor, void* changed, void* session) noexcept {
  Session& ours = *static_cast<Session*>(session);
  return guard(ours.options->log, 0, [&] {
    const bool connected = minor == SNMPD_CALLBACK_INDEX_START;
    if (connected) ours.receive = std::exchange(static_cast<netsnmp_session*>(changed)->callback, vmtraffic_snmp_receive);
    session_changed(ours, connected);
    return 0;
  });
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

void set_options(const Agent::Options& options) {
  for (const int option : {NETSNMP_DS_LIB_DONT_READ_CONFIGS, NETSNMP_DS_LIB_DONT_PERSIST_STATE, NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD,
                           NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE, NETSNMP_DS_LIB_ALARM_DONT_USE_SIG}) {
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, option, 1);
  }
  netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_NO_CONNECTION_WARNINGS, 1);  // session_changed() says it better
  netsnmp_ds_set_string(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_PERSISTENT_DIR, "/dev/null");  // or it makes a directory for certificates
  if (!options.socket.empty()) netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, options.socket.c_str());
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
  void loop();
  void retry_refused();
  void end();

  const Options options;
  const int wakeup;
  std::atomic<bool> stopping{false};
  Complaints complaints;
  Session session{&options,
                  {Served{"VM-MIB", *parse_oid(kVmMibRoot), Subtree(vm_mib()), &options},
                   Served{"VMTRAFFIC-MIB", options.vmtraffic_root, Subtree(vmtraffic_mib()), &options}}};
};

void Agent::Impl::start() {
  the_session = &session;
  snmp_disable_log();
  snmp_enable_calllog();
  for (const Callback& callback : kCallbacks) snmp_register_callback(callback.major, callback.minor, callback.function, &session);
  netsnmp_enable_subagent();
  set_options(options);
  init_agent(kProgram);
  netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_PING_INTERVAL, kPingInterval_s);  // init_agent() sets 15
  for (Served& served : session.served) serve(served);
  init_snmp(kProgram);  // connects
  if (!session.connected) {
    options.log(LogLevel::kWarning,
                fmt::format("no master agent answers at {} yet (snmpd needs `master agentx`, and agentXPerms for users other than its "
                            "own); looking for it every two seconds",
                            socket_name(options)));
  }
}

// The master keeps a subtree for whoever came first until he goes.
void Agent::Impl::retry_refused() {
  const Nanoseconds now = options.clock.boottime();
  if (session.next_try == 0 || now < session.next_try) return;
  session.next_try = 0;
  for (Served& served : session.served) {
    if (!std::exchange(served.refused, false)) continue;
    session.registering = &served;
    serve_again(served);
    session.registering = nullptr;
    if (served.refused && complaints.due(served.name, "refused", now)) {
      options.log(LogLevel::kWarning,
                  fmt::format("the master agent refuses {}: another subagent serves it (does vmtraffic-agentx run twice?); "
                              "trying again every {} s",
                              served.name, kRefusedRetry / kSecond));
    } else if (!served.refused && complaints.over(served.name)) {
      options.log(LogLevel::kNotice, fmt::format("the master agent takes {} now", served.name));
    }
  }
}

void Agent::Impl::loop() {
  while (!stopping) {
    int descriptors = 0;
    int block = 1;
    fd_set readable{};
    timeval timeout{};
    snmp_select_info(&descriptors, &readable, &timeout, &block);
    FD_SET(wakeup, &readable);
    const int ready = ::select(std::max(descriptors, wakeup + 1), &readable, nullptr, nullptr, block != 0 ? nullptr : &timeout);
    if (ready > 0) {
      FD_CLR(wakeup, &readable);
      snmp_read(&readable);
    } else if (ready == 0) {
      snmp_timeout();
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::system_category(), "select");
    }
    run_alarms();
    retry_refused();
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
