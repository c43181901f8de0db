#include "plugins/nagios/talkers_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "plugins/nagios/quantity.hpp"

namespace vmtraffic::nagios {
namespace {

std::string_view plural(std::size_t count) { return count == 1 ? "" : "s"; }

std::size_t names_asked(const TalkersOptions& options) {
  const bool all = options.perfdata == PerfdataScope::kAll || options.common.verbosity > 0;
  return all ? std::numeric_limits<std::size_t>::max() : options.top;
}

std::size_t running(const Talkers& talkers) { return talkers.all.size() - talkers.not_running; }

// " WARNING", " CRITICAL (denied by 10.0.0.0/8)".
std::string verdict(const Talk& talk) {
  std::string text = talk.state == State::kOk ? "" : fmt::format(" {}", name_of(talk.state));
  if (!talk.judgement.why.empty()) text += fmt::format(" ({})", talk.judgement.why);
  return text;
}

}  // namespace

TalkersText::TalkersText(const Snapshot& snapshot, const FlowsInfo& flows, const TalkersOptions& options, const Talkers& talkers)
    : snapshot_(snapshot),
      options_(options),
      talkers_(talkers),
      names_(talkers.vms.names, names_asked(options)),
      window_(human_duration(flows.covered_s)) {}

std::string TalkersText::human(double value) const { return options_.share ? human_percent(value) : human_rate(value, options_.metric); }

std::string TalkersText::text_of(const Talk& talk) const {
  std::string text;
  switch (talk.peer.kind) {
    case PeerKind::kNone:
      text = "service";
      break;
    case PeerKind::kVnic:
      text = fmt::format("VM {}", names_.text(snapshot_.domain(talk.peer.domain)));
      break;
    case PeerKind::kAddress:
      text = talk.peer.address.text();
      break;
    case PeerKind::kNetwork:
      text = fmt::format("network {}", text_name(talk.peer.network));
      break;
  }
  if (const std::string service = talk.service.text(); !service.empty()) text += fmt::format(" {}", service);
  if (!talk.application.empty()) text += fmt::format(" {}", text_name(talk.application));
  std::string_view separator = " ";
  for (std::size_t i = 0; i < kTalkDirections.size(); ++i) {
    if (!talk.values[i]) continue;
    const TalkValue& value = *talk.values[i];
    const std::string_view direction = i == 2 ? "rx+tx" : kTalkDirections[i];
    text += separator;
    separator = ", ";
    if (value.samples == 0) {
      text += fmt::format("no {}", direction);
    } else {
      text += fmt::format("{} {} ±{} ({} sample{}{})", direction, human(value.value), human_percent(value.error_95 * 100), value.samples,
                          plural(value.samples), value.enough ? "" : ", few");
    }
  }
  if (talk.source == FlowSource::kCapture) text += ", captured";
  if (talk.source == FlowSource::kCaptureScaled) text += ", captured in part";
  return text;
}

std::string TalkersText::without_talk(const Talker& talker) const {
  const DomainRow domain = snapshot_.domain(talker.domain);
  const std::string name = names_.text(domain);
  switch (talker.kind) {
    case TalkerKind::kNotRunning:
      return fmt::format("{} is {}", name, name_of(domain.state));
    case TalkerKind::kNeverSampled:
      return fmt::format("{} was never sampled: see whether an sFlow agent or [capture] covers its vNICs", name);
    case TalkerKind::kSampled:
      break;
  }
  return fmt::format("{} talked to nobody in {}, as far as samples tell", name, window_);
}

std::string TalkersText::text_of(const Entry& entry) const {
  if (entry.talk == nullptr) return without_talk(*entry.talker);
  return fmt::format("{} {} {}", names_.text(snapshot_.domain(entry.talker->domain)),
                     entry.talk->peer.kind == PeerKind::kNone ? "has" : "to", text_of(*entry.talk));
}

std::vector<TalkersText::Entry> TalkersText::entries() const {
  std::vector<Entry> entries;
  for (const Talker& talker : talkers_.all) {
    if (talker.talks.empty() && talker.state != State::kOk) entries.push_back({&talker, nullptr});
    for (std::size_t i = 0; i < talker.talks.size(); ++i) {
      if (i == 0 || talker.talks[i].state != State::kOk) entries.push_back({&talker, &talker.talks[i]});
    }
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.state() != b.state() ? a.state() > b.state() : a.largest() > b.largest();
  });
  return entries;
}

std::string TalkersText::summary() const {
  return summary_of("VM", talkers_.counts, {{talkers_.not_running, "not running"}, {talkers_.never_sampled, "never sampled"}}, window_);
}

std::string TalkersText::list() const {
  const std::vector<Entry> all = entries();
  std::size_t talks = 0;
  for (const Talker& talker : talkers_.all) talks += talker.talks.size() + talker.unpublished;
  std::string list;
  std::size_t named = 0;
  for (; named < std::min(options_.top, all.size()); ++named) {
    const Entry& entry = all[named];
    list += fmt::format("{}{}{}", named == 0 ? ": " : "; ", text_of(entry),
                        entry.talk != nullptr ? verdict(*entry.talk) : fmt::format(" {}", name_of(entry.state())));
    talks -= entry.talk != nullptr;
  }
  if (talks > 0 && named > 0) list += fmt::format("; {} more", talks);
  return list;
}

std::string TalkersText::finding() const {
  std::string text;
  if (running(talkers_) > 0 && !talkers_.recently_sampled) {
    text = fmt::format("no packet of any VM was sampled in {}: see whether the sFlow agents, or the capture, still work; ", window_);
  }
  if (talkers_.all.size() != 1) return text + summary() + list();
  const Talker& talker = talkers_.all.front();
  if (talker.talks.empty()) return text + without_talk(talker);
  text +=
      fmt::format("{} talks to {} peer{} ({})", names_.text(snapshot_.domain(talker.domain)), talker.peers, plural(talker.peers), window_);
  const std::size_t named = std::min(options_.top, talker.talks.size());
  for (std::size_t i = 0; i < named; ++i) {
    text += fmt::format("{}{}{}", i == 0 ? ": " : "; ", text_of(talker.talks[i]), verdict(talker.talks[i]));
  }
  const std::size_t more = talker.talks.size() + talker.unpublished - named;
  if (named > 0 && more > 0) text += fmt::format("; {} more", more);
  return text;
}

std::vector<std::string> TalkersText::details() const {
  std::vector<std::string> lines;
  for (const Talker& talker : talkers_.all) {
    if (talker.talks.empty()) lines.push_back(fmt::format("{}: {}", name_of(talker.state), without_talk(talker)));
    for (const Talk& talk : talker.talks) {
      std::string why = talk.judgement.why.empty() ? "" : fmt::format(" ({})", talk.judgement.why);
      lines.push_back(fmt::format("{}: {}{}", name_of(talk.state), text_of(Entry{&talker, &talk}), why));
    }
  }
  return lines;
}

void TalkersText::add_talker(const Talker& talker, std::vector<PerfValue>& perfdata) const {
  if (talker.kind != TalkerKind::kSampled) return;
  const std::string label = names_.label(snapshot_.domain(talker.domain));
  const std::array<bool, 3> wanted{wants_rx(options_.direction), wants_tx(options_.direction), options_.direction == Direction::kSum};
  for (std::size_t i = 0; i < kTalkDirections.size(); ++i) {
    if (!wanted[i]) continue;
    perfdata.push_back(
        {.label = fmt::format("{}_top_{}_{}", label, kTalkDirections[i], options_.share ? "percent" : name_of(options_.metric)),
         .value = talker.top[i] ? talker.top[i]->value : 0.0,
         .unit = options_.share ? Unit::kPercent : Unit::kNone,
         .thresholds = options_.thresholds,
         .min = 0,
         .max = options_.share ? std::optional<double>(100) : std::nullopt});
  }
  perfdata.push_back({.label = label + "_peers", .value = static_cast<std::uint64_t>(talker.peers), .min = 0});
  perfdata.push_back({.label = label + "_forbidden", .value = static_cast<std::uint64_t>(talker.forbidden), .min = 0});
}

void TalkersText::add_perfdata(std::vector<PerfValue>& perfdata) const {
  if (options_.perfdata == PerfdataScope::kNone) return;
  if (talkers_.all.size() + talkers_.vms.missing.count() != 1) add_counts("vms", talkers_.counts, perfdata);
  // A single one is always named.
  const bool all = options_.perfdata == PerfdataScope::kAll || talkers_.all.size() == 1;
  const std::size_t most = all ? talkers_.all.size() : options_.top;
  for (std::size_t i = 0; i < std::min(most, talkers_.all.size()); ++i) add_talker(talkers_.all[i], perfdata);
}

}  // namespace vmtraffic::nagios
