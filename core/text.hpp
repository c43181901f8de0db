// Names come from tenants: slashes, quotes, newlines, escape sequences and broken UTF-8 included. Every output goes through
// one of these functions, and each is injective: two names that differ never look the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vmtraffic {

// For terminals, logs and the text of checks: valid UTF-8 without control characters, bidirectional overrides or newlines.
// A backslash becomes `\\`, an octet that may not stand there becomes `\xHH`; all else is unchanged.
// Characters of `also` (ASCII) are written as `\xHH` too.
std::string printable(std::string_view text, std::string_view also = {});

// A JSON string with its quotes. Invalid UTF-8 octets become the text `\\xHH` (and a literal backslash `\\\\`), so JSON is always valid
// and the mapping stays unambiguous.
std::string json_string(std::string_view text);

// A hash of the octets (FNV-1a, 64 bits), the same on every machine and in every release.
std::uint64_t fnv1a(std::string_view octets);

// At most `limit` octets (17 at least); a text that was cut ends with '~' and a hash of the whole, so that two stay two.
std::string fitted(std::string text, std::size_t limit);

// At most `limit` octets, cut between characters of valid UTF-8, with "…" in place of the end when something was cut.
std::string shortened(std::string_view text, std::size_t limit);

}  // namespace vmtraffic
