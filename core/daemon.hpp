// The log of a program in the foreground: standard error, in the journal's terms when that is what reads it.
#pragma once

#include <string>
#include <string_view>

#include "core/log.hpp"

namespace vmtraffic::standalone {

// True when `journal_stream` (the environment's JOURNAL_STREAM, "device:inode") names what descriptor `fd` writes to. It is inherited by
// processes whose standard error is something else by now.
bool writes_to_journal(const char* journal_stream, int fd);

// "<4>text" for the journal, "vmtraffic-collect: warning: text" for a person.
std::string log_line(LogLevel level, std::string_view text, bool journal);

// Writes lines to standard error. Notices and worse; with `verbose` all.
Log stderr_log(bool verbose);

}  // namespace vmtraffic::standalone
