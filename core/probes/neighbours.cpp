#include "core/probes/neighbours.hpp"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "core/probes/netlink_socket.hpp"

namespace vmtraffic {
namespace {

constexpr std::chrono::milliseconds kPatience{600};
// A dump that a coming or going entry interrupted is made again this often; then what was seen must do until the next.
constexpr int kTries = 3;

constexpr std::uint16_t kKnownStates = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;

// The text of an address that one station can have.
std::optional<std::string> station_address(int family, netlink::Octets octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto first = octets.empty() ? 0u : static_cast<unsigned>(octets[0]);
  if (family == AF_INET) {
    if (octets.size() != 4 || first == 0 || first == 127 || first >= 224)
      return std::nullopt;  // this network, loopback, multicast and beyond
  } else {
    if (octets.size() != 16 || first == 0xFF) return std::nullopt;
    in6_addr address{};
    std::memcpy(&address, octets.data(), sizeof(address));
    if (IN6_IS_ADDR_UNSPECIFIED(&address) || IN6_IS_ADDR_LOOPBACK(&address)) return std::nullopt;
  }
  if (::inet_ntop(family, octets.data(), text.data(), text.size()) == nullptr) return std::nullopt;
  return std::string(text.data());
}

std::optional<MacAddress> station_mac(netlink::Octets octets) {
  MacAddress mac;
  if (octets.size() != mac.octets.size()) return std::nullopt;
  std::memcpy(mac.octets.data(), octets.data(), octets.size());
  const bool group = (mac.octets[0] & 1u) != 0;
  if (group || mac == MacAddress{}) return std::nullopt;
  return mac;
}

}  // namespace

std::optional<Neighbour> read_neighbour(const netlink::Message& message) {
  if (message.type != RTM_NEWNEIGH) return std::nullopt;
  const auto header = netlink::value_at<ndmsg>(message.payload);
  if (!header || header->ndm_ifindex <= 0 || (header->ndm_family != AF_INET && header->ndm_family != AF_INET6)) return std::nullopt;
  if ((header->ndm_state & kKnownStates) == 0 || (header->ndm_flags & NTF_PROXY) != 0) return std::nullopt;
  std::optional<std::string> address;
  std::optional<MacAddress> mac;
  const bool whole = netlink::for_each_attribute(netlink::after(message.payload, sizeof(ndmsg)), [&](unsigned type, netlink::Octets value) {
    if (type == NDA_DST) address = station_address(header->ndm_family, value);
    if (type == NDA_LLADDR) mac = station_mac(value);
  });
  if (!whole || !address || !mac) return std::nullopt;
  return Neighbour{static_cast<std::uint32_t>(header->ndm_ifindex), *mac, std::move(*address), header->ndm_state};
}

void NeighbourAddresses::add(const Neighbour& neighbour) {
  const auto found = by_mac_.find(neighbour.mac);
  if (found == by_mac_.end()) {
    if (size_ == kMost) return;
    by_mac_[neighbour.mac].push_back(neighbour.address);
    ++size_;
    return;
  }
  std::vector<std::string>& addresses = found->second;
  const auto place = std::lower_bound(addresses.begin(), addresses.end(), neighbour.address);
  if (place != addresses.end() && *place == neighbour.address) return;  // the same station on another link
  if (addresses.size() < kMostOfOneMac) {
    if (size_ == kMost) return;
    ++size_;
    addresses.insert(place, neighbour.address);
  } else if (place != addresses.end()) {
    addresses.insert(place, neighbour.address);
    addresses.pop_back();
  }
}

struct Neighbours::Impl {
  netlink::Dialogue kernel;
  netlink::Request request = netlink::Request::neighbours();
  std::uint64_t dumps{0}, failures{0};
};

Neighbours::Neighbours(std::function<Result<int>(unsigned groups)> open_socket) : impl_(std::make_unique<Impl>()) {
  if (open_socket) impl_->kernel.open_socket = std::move(open_socket);
}
Neighbours::~Neighbours() = default;

Result<AddressesByMac> Neighbours::list() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  NeighbourAddresses addresses;
  for (int turn = 0; turn < kTries; ++turn) {
    addresses = {};
    ++impl_->dumps;
    const auto answer = impl_->kernel.ask(impl_->request, deadline, [&](const netlink::Message& message) {
      if (const auto neighbour = read_neighbour(message)) addresses.add(*neighbour);
    });
    if (!answer) {
      ++impl_->failures;
      return answer.error();
    }
    if (*answer == netlink::Dialogue::Answer::kWhole) break;
  }
  return addresses.by_mac();
}

std::vector<std::pair<std::string, std::uint64_t>> Neighbours::counters() const {
  return {{"neighbour_dumps", impl_->dumps}, {"neighbour_failures", impl_->failures}};
}

}  // namespace vmtraffic
