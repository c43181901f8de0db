// Our values to and from collectd's structures. The only header that shows collectd's own types.
#pragma once

#include "plugins/collectd/feed.hpp"
#include "plugins/collectd/option_item.hpp"

extern "C" {
#ifndef HAVE_CONFIG_H
#define HAVE_CONFIG_H 1
#endif
#include <collectd/core/daemon/plugin.h>
}
// collectd's headers define these for C.
#undef ERROR
#undef WARNING
#undef NOTICE
#undef INFO
#undef DEBUG

namespace vmtraffic::collectd {

std::vector<OptionItem> to_items(const oconfig_item_t& block);

void log_line(LogLevel level, std::string_view text) noexcept;

// To collectd's queues, which copy what they are given.
void dispatch(const std::vector<ValueList>& lists);
void dispatch(const Notification& notification);

}  // namespace vmtraffic::collectd
