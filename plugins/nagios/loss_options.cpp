#include "plugins/nagios/loss_options.hpp"

#include <array>
#include <utility>

namespace vmtraffic::nagios {
namespace {

constexpr std::string_view kDescription =
    "Checks what virtual machines lose, by the packets at their taps: the guest's side is the VM with its software, the network's side is\n"
    "everything else. Both stand in the text, the worse first: is it the VM or the network?\n\n"
    "RANGE is [@]START:END: alert outside START to END, with @ inside; ~ is minus infinity, 10 is 0:10, 10: has no end.\n"
    "It is of a percentage, with resets and zero-windows of a number per minute.";

constexpr std::string_view kFooter =
    "METRIC, of the recent window (capture.window):\n"
    "  lost            TCP segments of which the first copy was lost between the tap and the guest, or between the tap and the peer\n"
    "  spurious        segments that the guest or the peer sent again although they had arrived\n"
    "  reordered       segments that were overtaken between the guest or the peer and the tap\n"
    "  unseen          segments that were acknowledged and never passed the tap: the capture missed them, on no side\n"
    "  unanswered      connections that the guest or the peers did not answer\n"
    "  refused         connections that the guest or the peers refused\n"
    "  dns-unanswered  DNS queries that the guest or its name servers did not answer\n"
    "  resets          connections that the guest or the peers reset, per minute\n"
    "  zero-windows    times that the guest or the peers closed their window, as they did not read, per minute\n"
    "Perfdata: NAME_guest_lost, NAME_network_lost and so on.";

constexpr std::string_view kExamples =
    "  check_vm_loss -w 1 -c 5\n"
    "  check_vm_loss --name web1 --missing critical --metric refused --guest-warning 5\n"
    "  check_vm_loss --tag nova.project=shop --metric dns-unanswered -w 10";

constexpr std::array<std::pair<std::string_view, LossMetric>, 9> kMetrics{{{"lost", LossMetric::kLost},
                                                                           {"spurious", LossMetric::kSpurious},
                                                                           {"reordered", LossMetric::kReordered},
                                                                           {"unseen", LossMetric::kUnseen},
                                                                           {"unanswered", LossMetric::kUnanswered},
                                                                           {"refused", LossMetric::kRefused},
                                                                           {"dns-unanswered", LossMetric::kDnsUnanswered},
                                                                           {"resets", LossMetric::kResets},
                                                                           {"zero-windows", LossMetric::kZeroWindows}}};

}  // namespace

std::string_view name_of(LossMetric metric) {
  for (const auto& [name, known] : kMetrics) {
    if (known == metric) return name;
  }
  return "";
}

Parsed<LossOptions> parse_loss_options(const std::vector<std::string>& arguments) {
  LossOptions options;
  CommandLine line(kLossCheck,
                   {.description = kDescription, .footer = kFooter, .examples = kExamples, .range_example = "5", .percent_use = ""},
                   options.common);
  add_which(line, options);
  line.add_text("-m,--metric", one_of(options.metric, kMetrics), "METRIC", "What is counted, see below (default lost)");
  line.add_count("--minimum-segments", options.minimum_segments, 1, 1'000'000'000, "A share of fewer segments is not judged (default 100)");
  line.add_count("--minimum-attempts", options.minimum_attempts, 1, 1'000'000'000,
                 "A share of fewer connections or queries is not judged (default 10)");
  add_side_ranges(line, options.thresholds, "percent, or per minute", parse_plain_number);
  add_worth_and_output(line, options);
  if (std::optional<Outcome> outcome = line.parse(arguments)) return *outcome;

  const bool has_sides = options.metric != LossMetric::kUnseen;
  if (const auto idle = idle_range(options.thresholds, has_sides, has_sides)) return line.mistake(*idle);
  return options;
}

}  // namespace vmtraffic::nagios
