// A network namespace of a test's own, for what makes links there.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace vmtraffic {

// To be called in SetUp(), by ASSERT_NO_FATAL_FAILURE().
inline void enter_own_network() {
  ASSERT_EQ(::geteuid(), 0U) << "these tests make network namespaces and links: run them as root";
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "cannot make a network namespace";
  // No chatter: the tests count packets.
  for (const char* which : {"default", "all"}) std::ofstream(std::string("/proc/sys/net/ipv6/conf/") + which + "/disable_ipv6") << 1;
}

}  // namespace vmtraffic
