#include "plugins/collectd/boundary.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/text.hpp"

namespace vmtraffic::collectd {
namespace {

constexpr std::size_t kMaxLogOctets = 900;  // collectd cuts a line at 1,024

struct DestroyMetadata {
  void operator()(meta_data_t* metadata) const noexcept { meta_data_destroy(metadata); }
};
using MetadataHandle = std::unique_ptr<meta_data_t, DestroyMetadata>;

template <std::size_t N>
void copy_text(char (&target)[N], std::string_view text) {
  const std::size_t size = std::min(text.size(), N - 1);
  std::memcpy(target, text.data(), size);
  target[size] = '\0';
}

// 2^-30 s, rounded to nearest (collectd's own macro is a C compound literal).
cdtime_t to_cdtime(Nanoseconds time) {
  const auto ns = static_cast<std::uint64_t>(std::max<Nanoseconds>(time, 0));
  const std::uint64_t second = kSecond;
  return ((ns / second) << 30U) | ((((ns % second) << 30U) + second / 2) / second);
}

MetadataHandle to_meta_data(const Metadata& metadata) {
  MetadataHandle handle(meta_data_create());
  if (!handle) return handle;
  for (const auto& [key, text] : metadata) meta_data_add_string(handle.get(), key.c_str(), text.c_str());
  return handle;
}

value_t to_value(const Value& value) {
  value_t out{};
  if (const auto* derive = std::get_if<std::int64_t>(&value)) {
    out.derive = *derive;
  } else {
    out.gauge = std::get<double>(value);
  }
  return out;
}

int to_severity(Severity severity) {
  switch (severity) {
    case Severity::kFailure:
      return NOTIF_FAILURE;
    case Severity::kWarning:
      return NOTIF_WARNING;
    case Severity::kOkay:
      break;
  }
  return NOTIF_OKAY;
}

OptionItem to_item(const oconfig_item_t& item) {
  OptionItem out{.key = item.key, .values = {}, .block = item.children_num > 0};
  for (int i = 0; i < item.values_num; ++i) {
    const oconfig_value_t& value = item.values[i];
    switch (value.type) {
      case OCONFIG_TYPE_STRING:
        out.values.emplace_back(std::string(value.value.string));
        break;
      case OCONFIG_TYPE_NUMBER:
        out.values.emplace_back(value.value.number);
        break;
      default:
        out.values.emplace_back(value.value.boolean != 0);
        break;
    }
  }
  return out;
}

int to_priority(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return LOG_ERR;
    case LogLevel::kWarning:
      return LOG_WARNING;
    case LogLevel::kNotice:
      return LOG_NOTICE;
    case LogLevel::kInfo:
      return LOG_INFO;
    case LogLevel::kDebug:
      break;
  }
  return LOG_DEBUG;
}

}  // namespace

std::vector<OptionItem> to_items(const oconfig_item_t& block) {
  std::vector<OptionItem> items;
  for (int i = 0; i < block.children_num; ++i) items.push_back(to_item(block.children[i]));
  return items;
}

void log_line(LogLevel level, std::string_view text) noexcept {
  const auto size = static_cast<int>(std::min(text.size(), kMaxLogOctets));
  plugin_log(to_priority(level), "vmtraffic plugin: %.*s", size, text.data());
}

void dispatch(const std::vector<ValueList>& lists) {
  std::shared_ptr<const Metadata> shown;  // what `metadata` holds
  MetadataHandle metadata;
  for (const ValueList& list : lists) {
    if (list.metadata != shown) {
      shown = list.metadata;
      metadata = shown ? to_meta_data(*shown) : nullptr;
    }
    std::array<value_t, 4> values{};
    const std::size_t count = std::min(values.size(), list.values.size());
    std::transform(list.values.begin(), list.values.begin() + static_cast<std::ptrdiff_t>(count), values.begin(), to_value);
    value_list_t out{};
    out.values = values.data();
    out.values_len = count;
    out.time = to_cdtime(list.time);
    out.interval = to_cdtime(list.interval);
    copy_text(out.host, list.host);
    copy_text(out.plugin, list.plugin);
    copy_text(out.plugin_instance, list.plugin_instance);
    copy_text(out.type, list.type);
    copy_text(out.type_instance, list.type_instance);
    out.meta = metadata.get();
    plugin_dispatch_values(&out);
  }
}

void dispatch(const Notification& notification) {
  notification_t out{};
  out.severity = to_severity(notification.severity);
  out.time = to_cdtime(notification.time);
  copy_text(out.message, notification.message);
  copy_text(out.host, notification.host);
  copy_text(out.plugin, notification.plugin);
  copy_text(out.plugin_instance, notification.plugin_instance);
  copy_text(out.type, notification.type);
  for (const auto& [key, text] : notification.metadata) plugin_notification_meta_add_string(&out, key.c_str(), text.c_str());
  plugin_dispatch_notification(&out);
  if (out.meta != nullptr) plugin_notification_meta_free(out.meta);
}

}  // namespace vmtraffic::collectd
