// Result<T>: a value or an Error. For everything that the environment can refuse (files, daemons, rights,
// configuration); our own bugs assert, hostile bytes have enums of their own.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace vmtraffic {

enum class ErrorCode {
  kMissing,      // what was asked for does not exist
  kDenied,       // it exists, and we may not
  kInsecure,     // others may write what we would have to trust
  kInvalid,      // a configuration or an argument that makes no sense
  kTruncated,    // a snapshot shorter than it says
  kCorrupt,      // a snapshot whose bytes do not agree with their checksum or their schema
  kForeign,      // a file that is no snapshot of ours
  kFuture,       // a snapshot of a format newer than this program
  kUnavailable,  // the other side does not answer or is not there; worth another try
  kBusy,         // somebody else holds it
  kIo,           // the system said no for another reason
};

struct Error {
  ErrorCode code{ErrorCode::kIo};
  std::string text;  // one sentence for an operator: what is wrong, with what, and what to do

  friend bool operator==(const Error&, const Error&) = default;
  // For a test's failure.
  template <class Stream>
  friend Stream& operator<<(Stream& out, const Error& error) {
    out << "[" << static_cast<int>(error.code) << "] " << error.text;
    return out;
  }
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }

  const Error& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

// Success without a value.
struct Done {
  friend bool operator==(const Done&, const Done&) = default;
};
using Status = Result<Done>;

}  // namespace vmtraffic
