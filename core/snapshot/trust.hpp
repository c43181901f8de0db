// Whose files we believe: those of root, of ourselves, of the user vmtraffic and of the directory's owner, when nobody else may write them.
#pragma once

#include <sys/stat.h>

#include <filesystem>

#include "core/result.hpp"

namespace vmtraffic {

// For a runtime directory that was stat'ed. kInsecure with a sentence that says how to mend it.
Status trusted_directory(const struct stat& info, const std::filesystem::path& directory);

// For a file in a trusted directory.
Status trusted_file(const struct stat& info, const struct stat& directory_info, const std::filesystem::path& file);

// Why opening or writing `path` failed, by errno.
Error system_error(int code, std::string_view doing, const std::filesystem::path& path);

}  // namespace vmtraffic
