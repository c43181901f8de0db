# make_snapshot, for benchmarks and for tests of front ends.
include_guard(GLOBAL)
find_package(CLI11 REQUIRED)
add_executable(make_snapshot ${CMAKE_CURRENT_LIST_DIR}/make_snapshot.cpp)
target_link_libraries(make_snapshot PRIVATE vmtraffic_core CLI11::CLI11)
set_target_properties(make_snapshot PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bench)  # whoever included this first
