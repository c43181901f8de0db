#include "core/snapshot/writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/snapshot/file_descriptor.hpp"
#include "core/snapshot/format.hpp"
#include "core/snapshot/trust.hpp"
#include "core/text.hpp"
#include "snapshot.fbs.h"

namespace vmtraffic {
namespace {

using Builder = flatbuffers::FlatBufferBuilder;

template <class T>
flatbuffers::Optional<T> nullable(const std::optional<T>& value) {
  return value ? flatbuffers::Optional<T>(*value) : flatbuffers::nullopt;
}

// The ledger's arrays have the schema's layout, so a part is one copy.
template <class Struct, class Value>
flatbuffers::Offset<flatbuffers::Vector<const Struct*>> structs(Builder& b, const std::vector<Value>& values) {
  static_assert(sizeof(Struct) == sizeof(Value) && alignof(Struct) == alignof(Value));
  return b.CreateVectorOfStructs(reinterpret_cast<const Struct*>(values.data()), values.size());
}

// A builder whose buffer ends as a multiple of the parts' alignment: the padding lies inside the part and its checksum, so that every octet
// of the file is covered by one.
Builder part_builder(std::size_t initial_size) {
  Builder b(initial_size);
  b.ForceVectorAlignment(kPartAlignment, 1, kPartAlignment);  // no more than the alignment is remembered
  return b;
}

// The part is the builder's own memory: what a tick writes is not copied once more.
EncodedPart finish(Builder& b) {
  const auto buffer = std::make_shared<const flatbuffers::DetachedBuffer>(b.Release());
  assert(buffer->size() % kPartAlignment == 0);
  return {{buffer->data(), buffer->size()}, XXH3_64bits(buffer->data(), buffer->size()), buffer};
}

fbs::Uuid uuid_struct(const DomainUuid& uuid) { return fbs::Uuid(flatbuffers::span<const std::uint8_t, 16>(uuid.octets)); }

flatbuffers::Offset<fbs::Vnic> encode_vnic(Builder& b, const Vnic& v) {
  const auto source = b.CreateString(v.source);
  const auto tap = b.CreateString(v.tap);
  const auto model = b.CreateString(v.model);
  const auto port_id = b.CreateString(v.port_id);
  const auto teaming = b.CreateString(v.teaming);
  const auto alias = b.CreateString(v.alias);
  const auto pci = v.pci ? b.CreateString(v.pci->text()) : flatbuffers::Offset<flatbuffers::String>{};
  const auto addresses = b.CreateVectorOfStrings(v.addresses);
  const auto bandwidth = [](const std::optional<Bandwidth>& w) {
    return w ? fbs::Bandwidth(w->average, w->peak, w->burst) : fbs::Bandwidth();
  };
  const fbs::Bandwidth rx = bandwidth(v.bandwidth_rx);
  const fbs::Bandwidth tx = bandwidth(v.bandwidth_tx);
  const fbs::Mac mac(flatbuffers::span<const std::uint8_t, 6>(v.mac.octets));
  fbs::VnicBuilder out(b);
  out.add_mac(&mac);
  out.add_ordinal(v.ordinal);
  out.add_number(v.number);
  out.add_type(static_cast<std::uint8_t>(v.type));
  out.add_link(static_cast<std::uint8_t>(v.link));
  out.add_source(source);
  out.add_tap(tap);
  out.add_model(model);
  out.add_port_id(port_id);
  out.add_teaming(teaming);
  out.add_alias(alias);
  if (v.bandwidth_rx) out.add_bandwidth_rx(&rx);
  if (v.bandwidth_tx) out.add_bandwidth_tx(&tx);
  if (v.pci) out.add_pci(pci);
  out.add_addresses(addresses);
  return out.Finish();
}

flatbuffers::Offset<fbs::Domain> encode_domain(Builder& b, const Domain& d) {
  std::vector<flatbuffers::Offset<fbs::Vnic>> vnics;
  for (const Vnic& v : d.vnics) vnics.push_back(encode_vnic(b, v));
  const auto vnic_vector = b.CreateVector(vnics);
  const auto name = b.CreateString(d.name);
  const auto title = b.CreateString(d.title);
  const auto connection = b.CreateSharedString(d.connection);
  const auto hypervisor = b.CreateSharedString(d.hypervisor);
  const auto os_type = b.CreateSharedString(d.os_type);
  const fbs::Uuid uuid = uuid_struct(d.uuid);
  return fbs::CreateDomain(b, &uuid, name, title, connection, hypervisor, os_type, static_cast<std::uint8_t>(d.state), d.state_reason,
                           nullable(d.persistent), nullable(d.autostart), nullable(d.vcpus), nullable(d.vcpus_max), nullable(d.memory_kib),
                           nullable(d.memory_max_kib), vnic_vector);
}

EncodedPart encode_header(const SnapshotHeader& h) {
  Builder b = part_builder(1024);
  const auto host = b.CreateString(h.host);
  const auto boot_id = b.CreateString(h.boot_id);
  const auto program = b.CreateString(h.writer_program);
  const auto version = b.CreateString(h.writer_version);
  b.Finish(fbs::CreateHeader(b, host, boot_id, h.sequence, h.sampled_boottime, h.sampled_walltime, h.interval, h.inventory_generation,
                             h.writer_pid, program, version));
  return finish(b);
}

// Writes the checksum of a file's head and directory.
void seal(std::byte* file, std::size_t entries) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, file, offsetof(FileHead, xxh3));
  XXH3_64bits_update(&state, file + sizeof(FileHead), entries * sizeof(PartEntry));
  const std::uint64_t checksum = XXH3_64bits_digest(&state);
  std::memcpy(file + offsetof(FileHead, xxh3), &checksum, sizeof(checksum));
}

// The file's head and directory, and where each part goes.
struct Layout {
  EncodedPart header;
  std::vector<const EncodedPart*> parts;
  std::vector<std::byte> front;  // FileHead, PartEntry…
  std::uint64_t file_size{0};
};

Layout lay_out(const EncodedSnapshot& snapshot) {
  Layout out;
  out.header = encode_header(snapshot.header);
  std::vector<PartEntry> entries;
  const auto add = [&](PartKind kind, const EncodedPart* part) {
    if (part == nullptr) return;
    entries.push_back({static_cast<std::uint32_t>(kind), 0, 0, part->bytes.size(), part->checksum});
    out.parts.push_back(part);
  };
  add(PartKind::kHeader, &out.header);
  add(PartKind::kInventory, snapshot.inventory);
  add(PartKind::kNumbers, snapshot.numbers);
  add(PartKind::kHealth, snapshot.health);
  add(PartKind::kEvents, snapshot.events);
  add(PartKind::kTags, snapshot.tags);
  add(PartKind::kFlows, snapshot.flows);
  add(PartKind::kAgents, snapshot.agents);
  add(PartKind::kHosts, snapshot.hosts);
  add(PartKind::kPerformance, snapshot.performance);
  std::uint64_t at = sizeof(FileHead) + entries.size() * sizeof(PartEntry);
  const std::size_t front_size = at;
  for (PartEntry& entry : entries) {
    entry.offset = at;
    at += entry.size;
  }
  out.file_size = at;
  const FileHead head{kSnapshotMagic, kSnapshotMajor, static_cast<std::uint32_t>(entries.size()), out.file_size, {}, 0};
  out.front.resize(front_size);
  std::memcpy(out.front.data(), &head, sizeof(head));
  std::memcpy(out.front.data() + sizeof(head), entries.data(), entries.size() * sizeof(PartEntry));
  seal(out.front.data(), entries.size());
  return out;
}

std::optional<passwd> user(const char* name, std::vector<char>& buffer) {
  passwd entry{};
  passwd* found = nullptr;
  buffer.resize(4096);
  if (getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
  return entry;
}

// writev may write less than asked; the file is small, so the rare rest goes piece by piece.
Status write_all(int fd, std::vector<iovec> pieces, const std::filesystem::path& path) {
  std::size_t at = 0;
  while (at < pieces.size()) {
    const ssize_t written = writev(fd, pieces.data() + at, static_cast<int>(pieces.size() - at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error(errno, "write", path);
    auto left = static_cast<std::size_t>(written);
    while (at < pieces.size() && left >= pieces[at].iov_len) left -= pieces[at++].iov_len;
    if (at < pieces.size()) {
      pieces[at].iov_base = static_cast<std::byte*>(pieces[at].iov_base) + left;
      pieces[at].iov_len -= left;
    }
  }
  return Done{};
}

}  // namespace

EncodedPart encode_inventory(const Inventory& inventory) {
  Builder b = part_builder(64 + 768 * inventory.domains.size());
  std::vector<flatbuffers::Offset<fbs::Domain>> domains;
  domains.reserve(inventory.domains.size());
  for (const Domain& d : inventory.domains) domains.push_back(encode_domain(b, d));
  b.Finish(fbs::CreateInventory(b, b.CreateVector(domains)));
  return finish(b);
}

EncodedPart encode_tags(const Inventory& inventory) {
  Builder b = part_builder(64 + 256 * inventory.domains.size());
  std::vector<flatbuffers::Offset<fbs::DomainTags>> domains;
  domains.reserve(inventory.domains.size());
  for (const Domain& d : inventory.domains) {
    std::vector<flatbuffers::Offset<fbs::Tag>> tags;
    for (const auto& [key, value] : d.tags) {
      const auto k = b.CreateSharedString(key);
      tags.push_back(fbs::CreateTag(b, k, b.CreateString(value)));
    }
    domains.push_back(fbs::CreateDomainTags(b, b.CreateVector(tags)));
  }
  b.Finish(fbs::CreateTags(b, b.CreateVector(domains)));
  return finish(b);
}

EncodedPart encode_numbers(const std::vector<DomainNumbers>& domains, const std::vector<VnicTotals>& totals,
                           const std::array<std::vector<VnicRates>, kWindowCount>& rates) {
  Builder b = part_builder(256 + 24 * domains.size() + (sizeof(VnicTotals) + kWindowCount * sizeof(VnicRates)) * totals.size());
  std::vector<fbs::DomainNumbers> domain_structs;
  domain_structs.reserve(domains.size());
  for (const DomainNumbers& d : domains) {
    domain_structs.emplace_back(d.cpu_time_ns.value_or(0), d.confirmed_boottime.value_or(0),
                                (d.cpu_time_ns ? 1u : 0u) | (d.confirmed_boottime ? 2u : 0u));
  }
  const auto domain_vector = b.CreateVectorOfStructs(domain_structs);
  const auto total_vector = structs<fbs::VnicTotals>(b, totals);
  const auto interval = structs<fbs::VnicRates>(b, rates[0]);
  const auto minute = structs<fbs::VnicRates>(b, rates[1]);
  const auto five_minutes = structs<fbs::VnicRates>(b, rates[2]);
  b.Finish(fbs::CreateNumbers(b, domain_vector, total_vector, interval, minute, five_minutes));
  return finish(b);
}

EncodedPart encode_health(const std::vector<ProbeHealth>& health) {
  Builder b = part_builder(1024);
  std::vector<flatbuffers::Offset<fbs::ProbeHealth>> probes;
  for (const ProbeHealth& p : health) {
    std::vector<flatbuffers::Offset<fbs::HealthCounter>> counters;
    for (const auto& [name, value] : p.counters) counters.push_back(fbs::CreateHealthCounter(b, b.CreateString(name), value));
    const auto counter_vector = b.CreateVector(counters);
    const auto name = b.CreateString(p.name);
    const auto message = b.CreateString(p.message);
    probes.push_back(fbs::CreateProbeHealth(b, name, static_cast<std::uint8_t>(p.state), message, p.since_boottime,
                                            nullable(p.last_ok_boottime), counter_vector));
  }
  b.Finish(fbs::CreateHealth(b, b.CreateVector(probes)));
  return finish(b);
}

EncodedPart encode_events(const std::vector<Event>& events, std::uint64_t last_sequence) {
  Builder b = part_builder(128 + 128 * events.size());
  std::vector<flatbuffers::Offset<fbs::Event>> out;
  for (const Event& e : events) {
    const auto domain = b.CreateString(e.domain);
    const auto detail = b.CreateString(e.detail);
    const fbs::Uuid uuid = uuid_struct(e.uuid);
    out.push_back(fbs::CreateEvent(b, e.sequence, e.boottime, e.walltime, static_cast<std::uint8_t>(e.kind), &uuid, domain, detail));
  }
  b.Finish(fbs::CreateEvents(b, last_sequence, b.CreateVector(out)));
  return finish(b);
}

EncodedPart encode_flows(const FlowRows& f) {
  Builder b = part_builder(512 + sizeof(VnicFlowSums) * f.vnics.size() + sizeof(ProtocolFlowSums) * f.protocols.size() +
                           sizeof(ServiceFlowSums) * f.services.size() + sizeof(ConversationSums) * f.conversations.size() +
                           128 * f.drops.size() + sizeof(std::uint32_t) * f.peers.size() +
                           sizeof(NetworkPrefix) * f.network_prefixes.size() + sizeof(ApplicationFlowSums) * f.applications.size());
  std::vector<flatbuffers::Offset<fbs::Drop>> drops;
  for (const DropSums& d : f.drops) {
    const auto reason = b.CreateSharedString(d.reason);
    drops.push_back(fbs::CreateDrop(b, nullable(d.vnic), static_cast<std::uint8_t>(d.direction), reason, d.packets, d.octets,
                                    d.recent_packets, d.since));
  }
  const auto drop_vector = b.CreateVector(drops);
  const auto networks = b.CreateVectorOfStrings(f.networks);
  const auto vnics = structs<fbs::VnicFlows>(b, f.vnics);
  const auto protocols = structs<fbs::ProtocolFlows>(b, f.protocols);
  const auto services = structs<fbs::ServiceFlows>(b, f.services);
  const auto conversations = structs<fbs::Conversation>(b, f.conversations);
  const auto peers = f.peers.empty() ? 0 : b.CreateVector(f.peers);
  const auto prefixes = f.network_prefixes.empty() ? 0 : structs<fbs::NetworkPrefix>(b, f.network_prefixes);
  const auto applications = f.applications.empty() ? 0 : structs<fbs::ApplicationFlows>(b, f.applications);
  const auto strings = [&b](const std::vector<std::string>& v) {
    return v.empty() ? flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>>() : b.CreateVectorOfStrings(v);
  };
  const auto application_names = strings(f.application_names);
  const auto application_categories = strings(f.application_categories);
  const auto server_names = strings(f.server_names);
  b.Finish(fbs::CreateFlows(b, f.covered_s, f.samples, f.packets, f.octets, f.unattributed_packets, f.unattributed_octets, vnics, protocols,
                            services, conversations, networks, drop_vector, peers, prefixes, applications, application_names,
                            application_categories, server_names));
  return finish(b);
}

EncodedPart encode_agents(const std::vector<AgentStatus>& agents) {
  Builder b = part_builder(64 + 256 * agents.size());
  std::vector<flatbuffers::Offset<fbs::Agent>> out;
  for (const AgentStatus& a : agents) {
    const auto address = b.CreateString(a.address);
    const auto sender = b.CreateString(a.sender);
    const auto host = b.CreateString(a.host);
    out.push_back(fbs::CreateAgent(b, address, a.sub_agent, sender, host, a.local, a.first, a.last, a.uptime_ms, a.datagrams, a.lost,
                                   a.late, a.duplicates, a.restarts, a.samples, a.samples_lost, a.counter_samples, a.discarded_packets,
                                   a.agent_drops, a.discard_drops, a.data_sources, a.sampling_rate, a.stated_rate));
  }
  b.Finish(fbs::CreateAgents(b, b.CreateVector(out)));
  return finish(b);
}

EncodedPart encode_hosts(const std::vector<HostStatus>& hosts) {
  Builder b = part_builder(64 + 128 * hosts.size());
  std::vector<flatbuffers::Offset<fbs::Host>> out;
  for (const HostStatus& h : hosts) {
    const auto name = b.CreateString(h.name);
    out.push_back(fbs::CreateHost(b, name, b.CreateString(h.address), h.last, h.domains, h.vnics));
  }
  b.Finish(fbs::CreateHosts(b, b.CreateVector(out)));
  return finish(b);
}

EncodedPart encode_performance(const PerformanceRows& p) {
  Builder b = part_builder(256 + sizeof(VnicLatency) * p.latencies.size() + sizeof(VnicLoss) * p.losses.size());
  const auto latencies = structs<fbs::VnicLatency>(b, p.latencies);
  const auto losses = structs<fbs::VnicLoss>(b, p.losses);
  b.Finish(fbs::CreatePerformance(b, p.covered_s, p.kept_share, latencies, losses));
  return finish(b);
}

std::vector<std::byte> assemble(const EncodedSnapshot& snapshot) {
  const Layout layout = lay_out(snapshot);
  std::vector<std::byte> out;
  out.reserve(layout.file_size);
  out.insert(out.end(), layout.front.begin(), layout.front.end());
  for (const EncodedPart* part : layout.parts) {
    const auto* bytes = reinterpret_cast<const std::byte*>(part->bytes.data());
    out.insert(out.end(), bytes, bytes + part->bytes.size());
  }
  return out;
}

std::vector<std::byte> encode(const SnapshotContent& content) {
  assert(content.numbers.totals.empty() || content.numbers.totals.size() == content.inventory.vnic_count());
  const EncodedPart inventory = encode_inventory(content.inventory);
  const EncodedPart numbers = encode_numbers(content.numbers.domains, content.numbers.totals, content.numbers.rates);
  const EncodedPart health = encode_health(content.health);
  const EncodedPart events = encode_events(content.events, content.events.empty() ? 0 : content.events.back().sequence);
  const EncodedPart tags = encode_tags(content.inventory);
  const EncodedPart flows = content.flows ? encode_flows(*content.flows) : EncodedPart{};
  const EncodedPart agents = encode_agents(content.agents);
  const EncodedPart performance = content.performance ? encode_performance(*content.performance) : EncodedPart{};
  return assemble({content.header, &inventory, &numbers, &health, &events, &tags, content.flows ? &flows : nullptr, &agents, nullptr,
                   content.performance ? &performance : nullptr});
}

void reseal(std::vector<std::byte>& file) {
  FileHead head{};
  if (file.size() < sizeof(head)) return;
  std::memcpy(&head, file.data(), sizeof(head));
  const std::size_t room = (file.size() - sizeof(head)) / sizeof(PartEntry);
  if (head.part_count > room) return;
  for (std::size_t i = 0; i < head.part_count; ++i) {
    PartEntry entry{};
    std::byte* at = file.data() + sizeof(head) + i * sizeof(entry);
    std::memcpy(&entry, at, sizeof(entry));
    if (entry.offset > file.size() || entry.size > file.size() - entry.offset) continue;
    entry.xxh3 = XXH3_64bits(file.data() + entry.offset, entry.size);
    std::memcpy(at, &entry, sizeof(entry));
  }
  seal(file.data(), head.part_count);
}

Status publish(const std::filesystem::path& directory, const EncodedSnapshot& snapshot) {
  const FileDescriptor dir(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return system_error(errno, "write", directory / kSnapshotFileName);
  return publish_into(dir.get(), directory, snapshot);
}

Status publish_into(int descriptor, const std::filesystem::path& directory, const EncodedSnapshot& snapshot) {
  constexpr const char* kTemporary = "snapshot.new";
  const std::filesystem::path path = directory / kSnapshotFileName;
  struct stat info {};
  if (fstat(descriptor, &info) != 0) return system_error(errno, "write", path);
  if (auto s = trusted_directory(info, directory); !s) return s;
  // What a killed collector left; the lease sees to it that nobody is writing it now.
  if (unlinkat(descriptor, kTemporary, 0) != 0 && errno != ENOENT) return system_error(errno, "replace", directory / kTemporary);
  const FileDescriptor file(openat(descriptor, kTemporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!file) return system_error(errno, "write", path);
  // The group vmtraffic reads what root wrote, and the user vmtraffic may take over from root. Harmless where we may not: then we are that
  // user.
  if (fchown(file.get(), geteuid() == 0 ? info.st_uid : static_cast<uid_t>(-1), info.st_gid) != 0 && geteuid() == 0)
    return system_error(errno, "hand over", path);
  if (fchmod(file.get(), 0640) != 0) return system_error(errno, "write", path);
  const Layout layout = lay_out(snapshot);
  std::vector<iovec> pieces;
  pieces.push_back({const_cast<std::byte*>(layout.front.data()), layout.front.size()});
  for (const EncodedPart* part : layout.parts) pieces.push_back({const_cast<std::uint8_t*>(part->bytes.data()), part->bytes.size()});
  Status written = write_all(file.get(), std::move(pieces), path);
  if (written.ok() && renameat(descriptor, kTemporary, descriptor, kSnapshotFileName) != 0) written = system_error(errno, "write", path);
  if (!written) unlinkat(descriptor, kTemporary, 0);
  return written;
}

Status prepare_runtime_directory(const std::filesystem::path& directory) {
  if (mkdir(directory.c_str(), 0750) == 0) {
    std::vector<char> buffer;
    if (geteuid() == 0) {
      if (const auto owner = user("vmtraffic", buffer); owner && chown(directory.c_str(), owner->pw_uid, owner->pw_gid) != 0) {
        return system_error(errno, "hand over", directory);
      }
    }
    if (chmod(directory.c_str(), 0750) != 0) return system_error(errno, "protect", directory);
  } else if (errno != EEXIST) {
    return system_error(errno, "create", directory);
  }
  struct stat info {};
  if (stat(directory.c_str(), &info) != 0) return system_error(errno, "read", directory);
  return trusted_directory(info, directory);
}

}  // namespace vmtraffic
