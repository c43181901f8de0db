#include "plugins/snmp-subagent/requests.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

namespace vmtraffic::snmp {
namespace {

// RFC 2741, 6.1: the messages of AgentX that we tell apart. No installed header of net-snmp has them.
constexpr int kAgentxGet = 5, kAgentxGetNext = 6, kAgentxResponse = 18;

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

OidView name_of(const netsnmp_variable_list& variable) { return {variable.name, variable.name_length}; }

bool within(OidView name, OidView root) { return name.size() >= root.size() && std::equal(root.begin(), root.end(), name.begin()); }

bool before(OidView a, OidView b) { return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end()); }

// Sets the value, or says which exception takes its place.
std::optional<unsigned char> get(const Served& served, const View& view, netsnmp_variable_list* variable) {
  const Subtree::Answer answer = served.subtree.get(view, name_of(*variable).subspan(served.root.size()));
  if (!answer.cell) return answer.absent == Subtree::Absent::kNoSuchObject ? SNMP_NOSUCHOBJECT : SNMP_NOSUCHINSTANCE;
  std::visit(Put{variable}, *answer.cell);
  return std::nullopt;
}

// Sets name and value of the next instance after the variable's name (or of that name itself, if `inclusive`) and before `end`, which may
// be empty. False, and nothing done, if there is none.
bool next(const Served& served, const View& view, netsnmp_variable_list* variable, bool inclusive, OidView end) {
  const OidView from = name_of(*variable);
  const OidView name = within(from, served.root) ? from.subspan(served.root.size()) : OidView{};
  if (inclusive) {
    const Subtree::Answer exact = served.subtree.get(view, name);
    if (exact.cell) return std::visit(Put{variable}, *exact.cell), true;
  }
  auto found = served.subtree.next(view, name);
  if (!found) return false;
  found->name.insert(found->name.begin(), served.root.begin(), served.root.end());
  if (!end.empty() && !before(found->name, end)) return false;
  snmp_set_var_objid(variable, found->name.data(), found->name.size());
  std::visit(Put{variable}, found->cell);
  return true;
}

// ---- by way of net-snmp's agent

void answer(const Served& served, const View& view, netsnmp_agent_request_info* info, netsnmp_request_info* request) {
  netsnmp_variable_list* const variable = request->requestvb;
  const OidView name = name_of(*variable);
  if (info->mode == MODE_GET) {
    const auto exception = within(name, served.root) ? get(served, view, variable) : SNMP_NOSUCHOBJECT;
    if (exception) netsnmp_set_request_error(info, request, *exception);
  } else if (info->mode == MODE_GETNEXT) {
    // At the subtree's end the variable is left as it is: the master then goes on to its next subtree.
    if (within(name, served.root) || before(name, served.root)) next(served, view, variable, request->inclusive != 0, {});
  } else {
    netsnmp_set_request_error(info, request, SNMP_ERR_NOTWRITABLE);
  }
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

// ---- directly

const Served* owner_of(std::span<const Served> all, const netsnmp_variable_list& variable) {
  for (const Served& served : all) {
    if (within(name_of(variable), served.root)) return &served;
  }
  return nullptr;
}

// A GetNext's value is the end of the search; 0.0 or nothing: none.
OidView search_end(const netsnmp_variable_list& variable) {
  if (variable.type != ASN_PRIV_INCL_RANGE && variable.type != ASN_PRIV_EXCL_RANGE) return {};
  const OidView end(variable.val.objid, variable.val_len / sizeof(oid));
  return end.size() == 2 && end[0] == 0 && end[1] == 0 ? OidView{} : end;
}

void answer_variable(const Served& served, const View& view, int command, netsnmp_variable_list* variable) {
  if (command == kAgentxGet) {
    if (const auto exception = get(served, view, variable)) snmp_set_var_typed_value(variable, *exception, nullptr, 0);
  } else if (!next(served, view, variable, variable->type == ASN_PRIV_INCL_RANGE, search_end(*variable))) {
    snmp_set_var_typed_value(variable, SNMP_ENDOFMIBVIEW, nullptr, 0);
  }
}

struct FreePdu {
  void operator()(netsnmp_pdu* pdu) const noexcept { snmp_free_pdu(pdu); }
};

}  // namespace

void serve(Served& served) {
  netsnmp_handler_registration* const registration =
      netsnmp_create_handler_registration(served.name, vmtraffic_snmp_request, served.root.data(), served.root.size(), HANDLER_CAN_RONLY);
  if (registration == nullptr) throw std::bad_alloc();
  registration->handler->myvoid = &served;
  if (netsnmp_register_handler(registration) != MIB_REGISTERED_OK)
    throw std::runtime_error(fmt::format("net-snmp refuses to register {}", served.name));
}

void serve_again(Served& served) {
  char context[] = "";
  register_parameters registration{};
  registration.name = served.root.data();
  registration.namelen = served.root.size();
  registration.priority = DEFAULT_MIB_PRIORITY;
  registration.contextName = context;
  snmp_call_callbacks(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_REGISTER_OID, &registration);
}

bool answer_directly(std::span<const Served> all, netsnmp_session* session, netsnmp_pdu* pdu) {
  if ((pdu->command != kAgentxGet && pdu->command != kAgentxGetNext) || pdu->community_len != 0)
    return false;  // a community is a context here
  for (const netsnmp_variable_list* one = pdu->variables; one != nullptr; one = one->next_variable) {
    if (owner_of(all, *one) == nullptr) return false;
  }
  netsnmp_variable_list* const variables = std::exchange(pdu->variables, nullptr);  // moved over, where a clone would copy them
  std::unique_ptr<netsnmp_pdu, FreePdu> response(snmp_clone_pdu(pdu));
  if (!response) {
    pdu->variables = variables;
    return false;
  }
  response->variables = variables;
  response->command = kAgentxResponse;
  response->version = session->version;
  response->flags &= ~static_cast<unsigned long>(UCD_MSG_FLAG_EXPECT_RESPONSE);
  response->errindex = 0;
  const Agent::Options& options = *all.front().options;
  response->errstat = guard(options.log, SNMP_ERR_GENERR, [&] {
    const std::shared_ptr<const Model> model = options.model();
    const View view(*model, options.clock);
    for (netsnmp_variable_list* one = variables; one != nullptr; one = one->next_variable) {
      answer_variable(*owner_of(all, *one), view, pdu->command, one);
    }
    return SNMP_ERR_NOERROR;
  });
  if (snmp_send(session, response.get()) != 0) static_cast<void>(response.release());  // it is net-snmp's then
  return true;
}

}  // namespace vmtraffic::snmp
