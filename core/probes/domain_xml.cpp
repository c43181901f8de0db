#include "core/probes/domain_xml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <pugixml.hpp>
#include <utility>

namespace vmtraffic {
namespace {

using pugi::xml_node;

std::string attribute(xml_node node, const char* name) { return node.attribute(name).value(); }

// All text of an element: comments and CDATA sections may divide it.
std::string text_in(xml_node node) {
  std::string text;
  for (const xml_node child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) text += child.value();
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

template <class T>
std::optional<T> number(std::string_view text, int base = 10) {
  text = trimmed(text);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> times(std::optional<std::uint64_t> value, std::uint64_t factor) {
  if (!value || *value > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
  return *value * factor;
}

// Octets in one `unit`, as virScaleInteger reads it: "KiB" and "k" are 1024, "KB" is 1000, without regard to case.
std::optional<std::uint64_t> octets_in(std::string_view unit) {
  std::string lower(unit);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (lower.empty()) return 1024;
  if (lower == "b" || lower == "byte" || lower == "bytes") return 1;
  const std::size_t power = std::string_view("kmgtpe").find(lower[0]);
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = std::string_view(lower).substr(1);
  if (!rest.empty() && rest != "ib" && rest != "b") return std::nullopt;
  std::uint64_t octets = 1;
  for (std::size_t i = 0; i <= power; ++i) octets *= rest == "b" ? 1000u : 1024u;
  return octets;
}

std::optional<std::uint64_t> memory_kib(xml_node node) {
  const auto unit = octets_in(attribute(node, "unit"));
  if (!node || !unit) return std::nullopt;
  const auto octets = times(number<std::uint64_t>(text_in(node)), *unit);
  if (!octets) return std::nullopt;
  return *octets / 1024 + (*octets % 1024 != 0 ? 1 : 0);
}

// ---- Interfaces

VnicType type_of(std::string_view type) {
  constexpr std::array<std::pair<std::string_view, VnicType>, 8> kTypes{{{"bridge", VnicType::kBridge},
                                                                         {"network", VnicType::kNetwork},
                                                                         {"direct", VnicType::kDirect},
                                                                         {"ethernet", VnicType::kEthernet},
                                                                         {"hostdev", VnicType::kHostdev},
                                                                         {"vhostuser", VnicType::kVhostUser},
                                                                         {"user", VnicType::kUser},
                                                                         {"vdpa", VnicType::kVdpa}}};
  for (const auto& [name, value] : kTypes) {
    if (name == type) return value;
  }
  return VnicType::kOther;
}

std::string source_of(xml_node source) {
  for (const char* name : {"network", "bridge", "dev", "name", "path"}) {
    if (const auto found = source.attribute(name); *found.value() != '\0') return found.value();
  }
  const auto port = source.attribute("port");
  if (!port) return {};
  return attribute(source, "address") + ":" + port.value();
}

// libvirt reads these with strtoul's base 0.
std::optional<std::uint32_t> pci_number(xml_node address, const char* name, std::uint32_t largest) {
  std::string_view text = trimmed(address.attribute(name).value());
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  const auto value = number<std::uint32_t>(text, base);
  return value && *value <= largest ? value : std::nullopt;
}

std::optional<PciAddress> pci_of(xml_node source) {
  const xml_node address = source.find_child_by_attribute("address", "type", "pci");
  const auto domain = pci_number(address, "domain", 0xFFFFFFFF);
  const auto bus = pci_number(address, "bus", 0xFF);
  const auto slot = pci_number(address, "slot", 0x1F);
  const auto function = pci_number(address, "function", 7);
  if (!domain || !bus || !slot || !function) return std::nullopt;
  return PciAddress{*domain, *bus, *slot, *function};
}

// A direction with a floor alone promises no limit.
std::optional<Bandwidth> bandwidth_of(xml_node direction) {
  const auto value = [&](const char* name, std::uint64_t factor) {
    return times(number<std::uint64_t>(attribute(direction, name)), factor);
  };
  const auto average = value("average", 1000);
  if (!average || *average == 0) return std::nullopt;
  return Bandwidth{.average = *average, .peak = value("peak", 1000).value_or(0), .burst = value("burst", 1024).value_or(0)};
}

LinkState link_of(xml_node interface, VnicType type) {
  const auto state = interface.child("link").attribute("state");
  if (!state) return type == VnicType::kHostdev ? LinkState::kUnknown : LinkState::kUp;
  const std::string_view text = state.value();
  return text == "up" ? LinkState::kUp : text == "down" ? LinkState::kDown : LinkState::kUnknown;
}

std::optional<Vnic> read_interface(xml_node interface) {
  const auto mac = MacAddress::parse(trimmed(interface.child("mac").attribute("address").value()));
  if (!mac) return std::nullopt;
  Vnic vnic;
  vnic.mac = *mac;
  vnic.type = type_of(interface.attribute("type").value());
  vnic.source = source_of(interface.child("source"));
  vnic.tap = attribute(interface.child("target"), "dev");
  vnic.model = attribute(interface.child("model"), "type");
  vnic.port_id = attribute(interface.child("virtualport").child("parameters"), "interfaceid");
  vnic.teaming = attribute(interface.child("teaming"), "type");
  vnic.alias = attribute(interface.child("alias"), "name");
  vnic.link = link_of(interface, vnic.type);
  vnic.bandwidth_rx = bandwidth_of(interface.child("bandwidth").child("inbound"));
  vnic.bandwidth_tx = bandwidth_of(interface.child("bandwidth").child("outbound"));
  vnic.pci = pci_of(interface.child("source"));
  return vnic;
}

// ---- Nova's metadata

constexpr std::size_t kMostMetadata = 32;  // elements of <metadata> looked at

// The namespace that a node's prefix (or its lack of one) stands for there. The prefix itself means nothing.
std::string_view namespace_of(xml_node node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  const std::string declaration = colon == std::string_view::npos ? "xmlns" : "xmlns:" + std::string(name.substr(0, colon));
  for (xml_node scope = node; scope; scope = scope.parent()) {
    if (const auto found = scope.attribute(declaration.c_str())) return found.value();
  }
  return {};
}

std::string_view local_name(xml_node node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

// The first child of that name in that namespace, among as many as sane metadata has.
xml_node child_in(xml_node parent, std::string_view space, std::string_view name) {
  std::size_t seen = 0;
  for (const xml_node child : parent.children()) {
    if (child.type() != pugi::node_element) continue;
    if (++seen > kMostMetadata) break;
    if (local_name(child) == name && namespace_of(child) == space) return child;
  }
  return {};
}

void read_nova(xml_node metadata, Domain& domain) {
  for (const std::string_view space : {"http://openstack.org/xmlns/libvirt/nova/1.1", "http://openstack.org/xmlns/libvirt/nova/1.0"}) {
    const xml_node instance = child_in(metadata, space, "instance");
    if (!instance) continue;
    const auto tag = [&](const char* name, std::string value) {
      if (!value.empty()) domain.tags.emplace(name, std::move(value));
    };
    const xml_node owner = child_in(instance, space, "owner");
    const xml_node project = child_in(owner, space, "project");
    const xml_node user = child_in(owner, space, "user");
    tag("nova.instance", text_in(child_in(instance, space, "name")));
    tag("nova.flavor", attribute(child_in(instance, space, "flavor"), "name"));
    tag("nova.project", text_in(project));
    tag("nova.project_id", attribute(project, "uuid"));
    tag("nova.user", text_in(user));
    tag("nova.user_id", attribute(user, "uuid"));
    return;
  }
}

// Names may consist of spaces alone, which pugixml drops unless asked.
constexpr unsigned kParse = pugi::parse_default | pugi::parse_ws_pcdata_single;

Error invalid(std::string text) { return Error{ErrorCode::kInvalid, "domain XML: " + std::move(text)}; }

}  // namespace

Result<Domain> parse_domain_xml(std::string_view xml) {
  if (xml.size() > kLargestDomainXml) return invalid(fmt::format("{} octets are more than libvirt can send", xml.size()));
  if (xml.find('\0') != std::string_view::npos) return invalid("it contains a NUL");  // pugixml would take it for the end
  // pugixml knows the five predefined entities and character references alone: nothing expands. Parsing and freeing are loops, so depth
  // costs memory and no stack.
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size(), kParse, pugi::encoding_utf8);
  if (!parsed) return invalid(fmt::format("{} at octet {}", parsed.description(), parsed.offset));
  const xml_node root = document.document_element();
  if (std::string_view(root.name()) != "domain") return invalid("its root is not <domain>");
  const auto uuid = DomainUuid::parse(trimmed(text_in(root.child("uuid"))));
  if (!uuid) return invalid("it has no uuid");

  Domain domain;
  domain.uuid = *uuid;
  domain.name = text_in(root.child("name"));
  domain.title = text_in(root.child("title"));
  domain.os_type = text_in(root.child("os").child("type"));
  domain.vcpus_max = number<std::uint32_t>(text_in(root.child("vcpu")));
  domain.vcpus = number<std::uint32_t>(attribute(root.child("vcpu"), "current"));
  if (!domain.vcpus) domain.vcpus = domain.vcpus_max;
  domain.memory_max_kib = memory_kib(root.child("memory"));
  domain.memory_kib = memory_kib(root.child("currentMemory"));
  if (!domain.memory_kib) domain.memory_kib = domain.memory_max_kib;

  std::uint32_t place = 0;
  for (const xml_node interface : root.child("devices").children("interface")) {
    if (place == kMostInterfaces) break;
    auto vnic = read_interface(interface);
    if (vnic) {
      vnic->number = place;
      domain.vnics.push_back(std::move(*vnic));
    }
    ++place;
  }
  read_nova(root.child("metadata"), domain);

  Inventory alone;
  alone.domains.push_back(std::move(domain));
  normalize(alone);
  return std::move(alone.domains.front());
}

}  // namespace vmtraffic
