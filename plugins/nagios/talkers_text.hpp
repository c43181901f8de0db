// check_vm_talkers' findings as text and as perfdata. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/nagios/result.hpp"
#include "plugins/nagios/talkers_rows.hpp"
#include "plugins/nagios/vm_names.hpp"

namespace vmtraffic::nagios {

class TalkersText {
 public:
  TalkersText(const Snapshot& snapshot, const FlowsInfo& flows, const TalkersOptions& options, const Talkers& talkers);

  // The whole finding but for VMs that are missing: one VM with all its peers, or several with the worst of theirs.
  std::string finding() const;
  // One line for each conversation, and for each VM without any.
  std::vector<std::string> details() const;
  void add_perfdata(std::vector<PerfValue>& perfdata) const;

 private:
  // A line of the list: a VM with one of its talks, or without any.
  struct Entry {
    const Talker* talker;
    const Talk* talk;
    State state() const { return talk == nullptr ? talker->state : talk->state; }
    double largest() const { return talk == nullptr ? 0 : talk->largest(); }
  };
  std::vector<Entry> entries() const;
  std::string summary() const;
  std::string list() const;
  std::string human(double value) const;
  std::string text_of(const Talk& talk) const;           // "192.0.2.9 tcp/443 rx 40 kbit/s ±25 % (300 samples), no tx"
  std::string text_of(const Entry& entry) const;         // "web1 to 192.0.2.9 …"
  std::string without_talk(const Talker& talker) const;  // why there is none
  void add_talker(const Talker& talker, std::vector<PerfValue>& perfdata) const;

  const Snapshot& snapshot_;
  const TalkersOptions& options_;
  const Talkers& talkers_;
  VmNames names_;
  std::string window_;  // "80 s"
};

}  // namespace vmtraffic::nagios
