#include "plugins/nagios/check_vm_collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plugins/nagios/fresh_snapshot.hpp"
#include "plugins/nagios/quantity.hpp"
#include "plugins/nagios/result.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr Nanoseconds kLongStart = 60 * kSecond;

double seconds(Nanoseconds time) { return static_cast<double>(time) / kSecond; }

// Collects what is wrong (said first) and what is well.
class Report {
 public:
  void add(State state, std::string sentence) {
    state_ = worse(state_, state);
    auto& sentences = state == State::kOk ? well_ : problems_;
    sentences.push_back(std::move(sentence));
  }
  State state() const { return state_; }
  std::string text() const {
    std::string all;
    for (const auto* sentences : {&problems_, &well_}) {
      for (const std::string& sentence : *sentences) all += fmt::format("{}{}", all.empty() ? "" : "; ", sentence);
    }
    return all;
  }

 private:
  State state_{State::kOk};
  std::vector<std::string> problems_, well_;
};

State state_of(const ProbeHealthRow& probe, Nanoseconds now, const CollectorOptions& options) {
  switch (probe.state) {
    case HealthState::kUp:
      return State::kOk;
    case HealthState::kStarting:
      return now - probe.since_boottime > kLongStart ? worse(options.starting, options.degraded) : options.starting;
    case HealthState::kDegraded:
      return options.degraded;
    case HealthState::kDown:
      break;
  }
  return options.down;
}

void check_probes(const Snapshot& snapshot, const CollectorOptions& options, Nanoseconds now, Report& report) {
  std::string well;
  for (std::size_t index = 0; index < snapshot.health_count(); ++index) {
    const ProbeHealthRow probe = snapshot.health(index);
    if (probe.state == HealthState::kUp) {
      well += fmt::format("{}{}", well.empty() ? "" : ", ", line_of(probe.name));
      continue;
    }
    std::string sentence = fmt::format("{} is {} for {}", line_of(probe.name), name_of(probe.state),
                                       human_duration(seconds(std::max<Nanoseconds>(0, now - probe.since_boottime))));
    if (!probe.message.empty()) sentence += fmt::format(" ({})", line_of(probe.message));
    report.add(state_of(probe, now, options), std::move(sentence));
  }
  if (!well.empty()) report.add(State::kOk, well + " up");
  if (snapshot.health_count() == 0) report.add(State::kUnknown, "no probe says how it is");
}

bool counts_losses(std::string_view counter) {
  return counter.ends_with("_dropped") || counter.ends_with("_refused") || counter.ends_with("lost");
}

// Losses and unattributed shares: counters of the probes, known by their names.
void check_counters(const Snapshot& snapshot, const CollectorOptions& options, Report& report, std::vector<PerfValue>& perfdata) {
  std::uint64_t lost = 0;
  std::string where;
  bool share_published = false;
  for (std::size_t index = 0; index < snapshot.health_count(); ++index) {
    const ProbeHealthRow probe = snapshot.health(index);
    for (const HealthCounter& counter : probe.counters) {
      const std::string label = fmt::format("{}_{}", label_part(probe.name), label_part(counter.name));
      if (counts_losses(counter.name)) {
        lost += counter.value;
        if (counter.value > 0)
          where += fmt::format("{}{} {} {}", where.empty() ? "" : ", ", line_of(probe.name), line_of(counter.name), counter.value);
        perfdata.push_back({.label = label, .value = counter.value, .unit = Unit::kCount});
      } else if (counter.name.ends_with("unattributed_ppm")) {
        share_published = true;
        const double percent = static_cast<double>(counter.value) / 10'000;
        report.add(options.unattributed.state(percent),
                   fmt::format("{} leaves {} without a vNIC", line_of(probe.name), human_percent(percent)));
        perfdata.push_back({.label = label.substr(0, label.size() - 4),
                            .value = percent,
                            .unit = Unit::kPercent,
                            .thresholds = options.unattributed,
                            .min = 0,
                            .max = 100});
      }
    }
  }
  const State state = options.drops.state(static_cast<double>(lost));
  if (lost > 0 || state != State::kOk)
    report.add(state, fmt::format("{} lost since the start{}{}", lost, where.empty() ? "" : ": ", where));
  // Asked for and not there: it cannot be said to be in order.
  const bool share_wanted = options.unattributed.warning || options.unattributed.critical;
  if (share_wanted && !share_published) report.add(State::kUnknown, "no probe publishes its unattributed share");
}

struct Connection {
  std::size_t domains{0}, old{0};
  Nanoseconds oldest{0};
  std::string_view oldest_name;
};

void check_names(const Snapshot& snapshot, const CollectorOptions& options, Nanoseconds now, Report& report,
                 std::vector<PerfValue>& perfdata) {
  std::map<std::string_view, Connection> connections;
  const Nanoseconds interval = snapshot.info().interval;
  for (std::size_t index = 0; index < snapshot.domain_count(); ++index) {
    const DomainRow domain = snapshot.domain(index);
    if (!domain.confirmed_boottime) continue;
    Connection& connection = connections[domain.connection];
    const Nanoseconds age = std::max<Nanoseconds>(0, now - *domain.confirmed_boottime);
    ++connection.domains;
    connection.old += names_are_old(age, interval);
    if (age < connection.oldest) continue;
    connection.oldest = age;
    connection.oldest_name = domain.name;
  }
  const bool own_thresholds = options.names.warning || options.names.critical;
  for (const auto& [uri, connection] : connections) {
    const double age_s = seconds(connection.oldest);
    const State state = own_thresholds ? options.names.state(age_s) : connection.old > 0 ? State::kWarning : State::kOk;
    std::string sentence = fmt::format("names of {} VM{} of {} up to {} old", connection.domains, connection.domains == 1 ? "" : "s",
                                       line_of(uri), human_duration(age_s));
    if (connection.old > 0) {
      sentence = fmt::format("{} has not confirmed {} of {} VMs, {} for {}", line_of(uri), connection.old, connection.domains,
                             text_name(connection.oldest_name), human_duration(age_s));
    }
    report.add(state, std::move(sentence));
    perfdata.push_back({.label = fmt::format("names_age_{}", label_part(uri)),
                        .value = age_s,
                        .unit = Unit::kSeconds,
                        .thresholds = options.names,
                        .min = 0});
  }
}

// Of what was sent, as the sequence numbers have it.
double lost_percent(const AgentRow& agent) {
  if (agent.lost == 0) return 0;
  const auto lost = static_cast<double>(agent.lost);
  return lost / (lost + static_cast<double>(agent.datagrams)) * 100;
}

double silent_s(const AgentRow& agent, Nanoseconds now) { return seconds(std::max<Nanoseconds>(0, now - agent.last_boottime)); }

std::string agent_name(const AgentRow& agent) {
  std::string name = line_of(agent.address);
  if (agent.sub_agent != 0) name += fmt::format("/{}", agent.sub_agent);
  if (!agent.host.empty()) name += fmt::format(" ({})", text_name(agent.host));
  return name;
}

// The worst of each kind: one sentence and one label, however many agents there are.
void check_agents(const Snapshot& snapshot, const CollectorOptions& options, Nanoseconds now, Report& report,
                  std::vector<PerfValue>& perfdata) {
  if (!options.judges_agents()) return;
  if (snapshot.agent_count() == 0) {
    report.add(State::kUnknown, "no sFlow agent has sent a datagram");
    return;
  }
  AgentRow lossy = snapshot.agent(0);
  AgentRow silent = lossy;
  for (std::size_t index = 1; index < snapshot.agent_count(); ++index) {
    const AgentRow agent = snapshot.agent(index);
    if (lost_percent(agent) > lost_percent(lossy)) lossy = agent;
    if (agent.last_boottime < silent.last_boottime) silent = agent;
  }
  const double lost = lost_percent(lossy);
  report.add(options.agent_loss.state(lost),
             lossy.lost == 0 ? std::string("no datagram of an sFlow agent was lost")
                             : fmt::format("sFlow agent {} lost {} of its datagrams", agent_name(lossy), human_percent(lost)));
  const double age_s = silent_s(silent, now);
  report.add(options.agent_silent.state(age_s), fmt::format("sFlow agent {} was heard {} ago", agent_name(silent), human_duration(age_s)));
  perfdata.push_back(
      {.label = "agents_lost", .value = lost, .unit = Unit::kPercent, .thresholds = options.agent_loss, .min = 0, .max = 100});
  perfdata.push_back({.label = "agents_silent", .value = age_s, .unit = Unit::kSeconds, .thresholds = options.agent_silent, .min = 0});
}

std::vector<std::string> details(const Snapshot& snapshot, Nanoseconds now) {
  std::vector<std::string> lines;
  for (std::size_t index = 0; index < snapshot.health_count(); ++index) {
    const ProbeHealthRow probe = snapshot.health(index);
    std::string line = fmt::format("{}: {}", line_of(probe.name), name_of(probe.state));
    for (const HealthCounter& counter : probe.counters) line += fmt::format(", {} {}", line_of(counter.name), counter.value);
    lines.push_back(std::move(line));
  }
  for (std::size_t index = 0; index < snapshot.agent_count(); ++index) {
    const AgentRow agent = snapshot.agent(index);
    lines.push_back(fmt::format("sFlow agent {}: heard {} ago from {}, {} datagrams, {} lost, {} samples, {} lost, 1 of {} packets sampled",
                                agent_name(agent), human_duration(silent_s(agent, now)), line_of(agent.sender), agent.datagrams, agent.lost,
                                agent.samples, agent.samples_lost,
                                agent.sampling_rate > 0 ? plain_number(agent.sampling_rate, 1) : std::string("?")));
  }
  return lines;
}

CheckResult judged(const Snapshot& snapshot, const CollectorOptions& options, const Clock& clock) {
  const SnapshotInfo info = snapshot.info();
  const Nanoseconds now = clock.boottime();
  const std::optional<Nanoseconds> age = snapshot.age(clock);
  CheckResult result;
  Report report;
  if (snapshot.stale(clock)) {
    report.add(options.stale, staleness(snapshot, local_place(options.common), clock));
    if (age)
      report.add(options.age.state(seconds(*age)),
                 fmt::format("it was published by {}, pid {}", line_of(info.writer_program), info.writer_pid));
  } else {
    report.add(options.age.state(seconds(age.value_or(0))),
               fmt::format("{}, pid {}, published snapshot {} {} ago, every {} s", line_of(info.writer_program), info.writer_pid,
                           info.sequence, human_duration(seconds(age.value_or(0))), plain_number(seconds(info.interval))));
  }
  if (age) result.perfdata.push_back({.label = "age", .value = seconds(*age), .unit = Unit::kSeconds, .thresholds = options.age, .min = 0});
  // What a stale snapshot says of probes and names is as old as itself.
  if (!snapshot.stale(clock)) {
    check_probes(snapshot, options, now, report);
    check_counters(snapshot, options, report, result.perfdata);
    check_names(snapshot, options, now, report, result.perfdata);
    check_agents(snapshot, options, now, report, result.perfdata);
  }
  result.state = report.state();
  result.text = report.text();
  if (options.common.verbosity > 0) result.long_text = details(snapshot, now);
  return result;
}

}  // namespace

Outcome check_vm_collector(const CollectorOptions& options, const Clock& clock) {
  // Agents are a part of their own: what is not asked for need not be verified.
  const bool agents = options.judges_agents() || options.common.verbosity > 0;
  const unsigned parts = kPartInventory | kPartNumbers | kPartHealth | (agents ? static_cast<unsigned>(kPartAgents) : 0u);
  const Result<Snapshot> snapshot = readable_snapshot(local_place(options.common), parts);
  const CheckResult result =
      snapshot ? judged(*snapshot, options, clock) : CheckResult{.state = options.stale, .text = snapshot.error().text};
  return {result.state, render(kCollectorCheck.service, result, options.common.max_output)};
}

}  // namespace vmtraffic::nagios
