// The snapshot as a file: publishing, reading, whom to trust, and the lease.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/snapshot/lease.hpp"
#include "snapshot_fixture.hpp"

namespace vmtraffic {
namespace {

namespace fs = std::filesystem;

class SnapshotFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "vmtraffic-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { fs::remove_all(dir_); }

  Status publish_one(std::uint64_t sequence = 42) {
    SnapshotContent c = small_snapshot();
    c.header.sequence = sequence;
    const EncodedPart inventory = encode_inventory(c.inventory);
    const EncodedPart numbers = encode_numbers(c.numbers.domains, c.numbers.totals, c.numbers.rates);
    return publish(dir_, {c.header, &inventory, &numbers, nullptr, nullptr});
  }
  fs::path file() const { return dir_ / kSnapshotFileName; }
  fs::path dir_;
};

TEST_F(SnapshotFile, IsReadBack) {
  ASSERT_TRUE(publish_one().ok());
  const auto s = read_snapshot(dir_);
  ASSERT_TRUE(s.ok()) << s.error().text;
  EXPECT_EQ(s->info().sequence, 42u);
  EXPECT_EQ(s->vnic_count(), 3u);
  EXPECT_EQ(s->health_count(), 0u);
  struct stat info {};
  ASSERT_EQ(stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_FALSE(fs::exists(dir_ / "snapshot.new"));
}

TEST_F(SnapshotFile, WhatAKilledWriterLeftIsNoHindrance) {
  std::ofstream(dir_ / "snapshot.new") << "half";
  EXPECT_TRUE(publish_one().ok());
}

TEST_F(SnapshotFile, AReaderSeesAReplacedFileAndKeepsAnUnchangedOne) {
  SnapshotReader reader(dir_);
  EXPECT_EQ(reader.poll().error().code, ErrorCode::kMissing);
  ASSERT_TRUE(publish_one(1).ok());
  const auto first = reader.poll();
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*reader.poll(), *first);
  ASSERT_TRUE(publish_one(2).ok());
  const auto second = reader.poll();
  EXPECT_EQ((*second)->info().sequence, 2u);
  EXPECT_EQ((*first)->info().sequence, 1u) << "a snapshot in use stays as it is";
}

TEST_F(SnapshotFile, MissingSaysWhatToStart) {
  EXPECT_EQ(read_snapshot(dir_).error(),
            (Error{ErrorCode::kMissing, "there is no snapshot at " + file().string() +
                                            ": start collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect"}));
  EXPECT_EQ(read_snapshot(dir_ / "none").error().code, ErrorCode::kMissing);
}

TEST_F(SnapshotFile, EmptyTruncatedAndForeignFilesAreTold) {
  std::ofstream(file()) << "";
  chmod(file().c_str(), 0640);
  EXPECT_EQ(read_snapshot(dir_).error().code, ErrorCode::kTruncated);
  std::ofstream(file()) << "this is not a snapshot at all, not even nearly one";
  EXPECT_EQ(read_snapshot(dir_).error().code, ErrorCode::kForeign);
  ASSERT_TRUE(publish_one().ok());
  fs::resize_file(file(), fs::file_size(file()) / 2);
  EXPECT_EQ(read_snapshot(dir_).error().code, ErrorCode::kTruncated);
}

TEST_F(SnapshotFile, ADirectoryOrFileThatOthersMayWriteIsRefused) {
  ASSERT_TRUE(publish_one().ok());
  for (const mode_t mode : {0777u, 0770u, 01777u, 0722u}) {
    chmod(dir_.c_str(), mode);
    EXPECT_EQ(read_snapshot(dir_).error().code, ErrorCode::kInsecure) << std::oct << mode;
    EXPECT_EQ(prepare_runtime_directory(dir_).error().code, ErrorCode::kInsecure);
  }
  chmod(dir_.c_str(), 0750);
  EXPECT_TRUE(prepare_runtime_directory(dir_).ok());
  chmod(file().c_str(), 0666);
  EXPECT_EQ(read_snapshot(dir_).error().code, ErrorCode::kInsecure);
}

TEST_F(SnapshotFile, AnotherUsersFileIsRefused) {
  if (geteuid() != 0) FAIL() << "this test gives files away: run it as root";
  ASSERT_TRUE(publish_one().ok());
  ASSERT_EQ(chown(file().c_str(), 65534, 65534), 0);
  EXPECT_EQ(read_snapshot(dir_).error().code, ErrorCode::kInsecure);
  ASSERT_EQ(chown(dir_.c_str(), 65534, 65534), 0);
  EXPECT_EQ(read_snapshot(dir_).error().code, ErrorCode::kInsecure) << "a directory of nobody's choice";
}

TEST_F(SnapshotFile, AHardLinkIsNotTakenForTheLease) {
  std::ofstream(dir_ / "elsewhere") << "another's";
  fs::create_hard_link(dir_ / "elsewhere", dir_ / kLeaseFileName);
  const auto lease = Lease::acquire(dir_);
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error(), (Error{ErrorCode::kInsecure, (dir_ / kLeaseFileName).string() + " has another hard link: remove it"}));
}

TEST_F(SnapshotFile, NothingIsPublishedWhereOthersMayWrite) {
  fs::permissions(dir_, fs::perms::all);
  EXPECT_EQ(publish_one().error().code, ErrorCode::kInsecure);
  EXPECT_EQ(Lease::acquire(dir_).error().code, ErrorCode::kInsecure);
  EXPECT_TRUE(fs::is_empty(dir_));
  fs::permissions(dir_, fs::perms::owner_all);
}

TEST_F(SnapshotFile, ASymbolicLinkOrAFifoIsRefusedAndDoesNotHang) {
  ASSERT_TRUE(publish_one().ok());
  fs::rename(file(), dir_ / "elsewhere");
  fs::create_symlink(dir_ / "elsewhere", file());
  EXPECT_EQ(read_snapshot(dir_).error().code, ErrorCode::kForeign);
  fs::remove(file());
  ASSERT_EQ(mkfifo(file().c_str(), 0600), 0);
  EXPECT_EQ(read_snapshot(dir_).error().code, ErrorCode::kForeign);
}

TEST_F(SnapshotFile, AMissingRuntimeDirectoryIsMade) {
  const fs::path made = dir_ / "run";
  ASSERT_TRUE(prepare_runtime_directory(made).ok());
  struct stat info {};
  ASSERT_EQ(stat(made.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0750u);
  EXPECT_EQ(prepare_runtime_directory(dir_ / "no" / "parent").error().code, ErrorCode::kMissing);
}

TEST_F(SnapshotFile, TheLeaseIsHeldByOneAndItsHolderIsTold) {
  EXPECT_EQ(lease_holder(dir_), std::nullopt) << "no file yet";
  {
    const auto lease = Lease::acquire(dir_);
    ASSERT_TRUE(lease.ok()) << lease.error().text;
    EXPECT_EQ(Lease::acquire(dir_).error().code, ErrorCode::kBusy);
    const auto holder = lease_holder(dir_);
    ASSERT_TRUE(holder.has_value());
    EXPECT_EQ(holder->pid, getpid());
    EXPECT_FALSE(holder->stopped);
    EXPECT_TRUE(lease->valid());
    fs::remove(dir_ / kLeaseFileName);
    EXPECT_FALSE(lease->valid());
  }
  EXPECT_TRUE(Lease::acquire(dir_).ok());
}

TEST_F(SnapshotFile, TheLeaseOfAKilledHolderIsFreeAndAStoppedHolderKeepsIt) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lease = Lease::acquire(dir_);
    const char ok = lease.ok() ? 'y' : 'n';
    (void)!write(ready[1], &ok, 1);
    pause();
    _exit(0);
  }
  char ok = 0;
  ASSERT_EQ(read(ready[0], &ok, 1), 1);
  EXPECT_EQ(ok, 'y');
  EXPECT_EQ(Lease::acquire(dir_).error().code, ErrorCode::kBusy);
  int status = 0;
  kill(child, SIGSTOP);
  waitpid(child, &status, WUNTRACED);
  EXPECT_EQ(Lease::acquire(dir_).error().code, ErrorCode::kBusy) << "never stolen";
  const auto holder = lease_holder(dir_);
  ASSERT_TRUE(holder.has_value());
  EXPECT_EQ(holder->pid, child);
  EXPECT_TRUE(holder->stopped);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  EXPECT_TRUE(Lease::acquire(dir_).ok());
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace vmtraffic
