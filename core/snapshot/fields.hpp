// How a field of a verified part is read. Private to core/snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "snapshot.fbs.h"

namespace vmtraffic {

inline std::string_view view(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view{} : std::string_view(text->c_str(), text->size());
}

template <class T>
std::optional<T> optional_of(const flatbuffers::Optional<T>& value) {
  return value.has_value() ? std::optional<T>(*value) : std::nullopt;
}

template <class Vector>
std::size_t size_of(const Vector* vector) {
  return vector == nullptr ? 0 : vector->size();
}

// Enumerations come from a file: a number that we do not know becomes `fallback`, so that a newer writer cannot make us lie.
template <class Enum>
Enum enum_of(std::uint8_t value, Enum last, Enum fallback) {
  return value <= static_cast<std::uint8_t>(last) ? static_cast<Enum>(value) : fallback;
}

// FlatBuffers' verifier checks where a vector's length stands, not where its structs do.
template <class Struct>
bool aligned(const flatbuffers::Vector<const Struct*>* rows) {
  return size_of(rows) == 0 || reinterpret_cast<std::uintptr_t>(rows->Data()) % alignof(Struct) == 0;
}

}  // namespace vmtraffic
