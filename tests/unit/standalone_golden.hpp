// Comparison with the files of tests/golden/standalone. VMTRAFFIC_UPDATE_GOLDEN=1 writes them anew.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace vmtraffic::standalone {

inline void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path file = std::filesystem::path(GOLDEN_DIRECTORY) / name;
  if (std::getenv("VMTRAFFIC_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(file, std::ios::binary) << text;
    return;
  }
  std::stringstream golden;
  golden << std::ifstream(file, std::ios::binary).rdbuf();
  EXPECT_EQ(text, golden.str()) << file;
}

}  // namespace vmtraffic::standalone
