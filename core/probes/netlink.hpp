// Octets of rtnetlink messages, read without trust: views that cannot look past their record.
// Formats: RFC 3549 section 2.3.2, linux/netlink.h. Numbers are in the host's order.
//
//   message:   | length 4 | type 2 | flags 2 | sequence 4 | port 4 | payload … | padding to 4 |
//   attribute: | length 2 | type 2 | payload … | padding to 4 |                 (length counts the header, not the padding)
//
// libmnl builds our requests. It does not read the answers, because its mnl_attr_for_each does not compile as C++.
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace vmtraffic::netlink {

using Octets = std::span<const std::byte>;

// The T that stands at `offset`, when all of it is there. Answers are aligned to 4 octets at best: always copied.
template <class T>
std::optional<T> value_at(Octets octets, std::size_t offset = 0) {
  if (offset > octets.size() || octets.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, octets.data() + offset, sizeof(T));
  return value;
}

// Text up to its NUL, or to the end when there is none.
inline std::string_view text_of(Octets octets) {
  if (octets.empty()) return {};
  const char* text = reinterpret_cast<const char*>(octets.data());
  return {text, ::strnlen(text, octets.size())};
}

// A message's payload behind its fixed header (ifinfomsg, if_stats_msg): the attributes.
inline Octets after(Octets payload, std::size_t header) {
  const std::size_t aligned = (header + 3) & ~std::size_t{3};
  return payload.subspan(std::min(aligned, payload.size()));
}

struct Message {
  std::uint16_t type{0};
  std::uint16_t flags{0};
  std::uint32_t sequence{0};
  Octets payload;
};

// Calls visit(Message) for each whole message. False: octets remain that are none; what was whole has been visited.
template <class Visit>
bool for_each_message(Octets octets, Visit&& visit) {
  while (!octets.empty()) {
    const auto header = value_at<nlmsghdr>(octets);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > octets.size()) return false;
    visit(Message{header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq,
                  octets.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr))});
    octets = after(octets, header->nlmsg_len);
  }
  return true;
}

// Calls visit(type, payload) for each whole attribute; the flags in the type (nested, byte order) are taken off. False as above.
template <class Visit>
bool for_each_attribute(Octets octets, Visit&& visit) {
  while (!octets.empty()) {
    const auto header = value_at<nlattr>(octets);
    if (!header || header->nla_len < sizeof(nlattr) || header->nla_len > octets.size()) return false;
    visit(static_cast<unsigned>(header->nla_type & NLA_TYPE_MASK), octets.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr)));
    octets = after(octets, header->nla_len);
  }
  return true;
}

}  // namespace vmtraffic::netlink
