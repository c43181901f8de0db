// The snapshot file as a hostile writer could make it: as it is, and with its checksums made to fit, so that FlatBuffers' verifier and the
// rows are reached.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/sampler.hpp"
#include "core/snapshot/restore.hpp"
#include "tests/unit/snapshot_walk.hpp"

namespace {

using namespace vmtraffic;

void read_all(const Snapshot& s) {
  const std::uint64_t sum = walk(s);
  (void)inventory_of(s);
  (void)numbers_of(s);
  (void)events_of(s);
  // A follower that knows another inventory under the same generation, before and after.
  SnapshotContent known;
  known.header.writer_pid = s.info().writer_pid;
  known.header.writer_program = s.info().writer_program;
  known.header.inventory_generation = s.info().inventory_generation;
  known.inventory.domains.resize(1);
  known.inventory.domains[0].vnics.resize(2);
  known.inventory.domains[0].vnics[1].ordinal = 1;
  known.numbers.totals.resize(2);
  const auto before = Snapshot::parse(encode(known));
  History history(10 * kSecond);
  if (!before.ok() || !history.follow(*before)) std::abort();
  history.follow(s);
  if (history.ledger.totals().size() != history.inventory.vnic_count()) std::abort();
  history.follow(*before);
  if (sum == 0xFFFF'FFFF'FFFF'FFFF) std::abort();  // so that nothing of the walk is left out
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> bytes(begin, begin + size);
  if (const auto s = Snapshot::parse(bytes); s.ok()) read_all(*s);
  reseal(bytes);
  if (const auto s = Snapshot::parse(std::move(bytes)); s.ok()) read_all(*s);
  return 0;
}
