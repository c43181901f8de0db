// What every program of ours in the foreground does alike: log to standard error, and not be ended by what is no fault of its own.
#pragma once

#include <string>
#include <string_view>

#include "core/log.hpp"

namespace vmtraffic {

// First thing in main(): opens /dev/null in the place of standard descriptors that are closed, since the next file opened would otherwise
// become standard error and get the log; and ignores SIGPIPE (a peer that went away) and SIGXFSZ (a file limit), which then come as errors.
void begin_daemon() noexcept;

// True when `journal_stream` (the environment's JOURNAL_STREAM, "device:inode") names what descriptor `fd` writes to. It is inherited by
// processes whose standard error is something else by now.
bool writes_to_journal(const char* journal_stream, int fd);

// "<4>text" for the journal, "PROGRAM: warning: text" for a person.
std::string log_line(std::string_view program, LogLevel level, std::string_view text, bool journal);

// Writes lines to standard error. Notices and worse; with `verbose` all. Never waits: a line that a full pipe would not take now is lost,
// and the next one that goes through says how many were.
Log stderr_log(std::string program, bool verbose);

}  // namespace vmtraffic
