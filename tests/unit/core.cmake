include(probes.cmake)
vmtraffic_test(text_test SOURCES text_test.cpp LIBRARIES vmtraffic_snapshot)
vmtraffic_test(core_test
  SOURCES counter_delta_test.cpp sampling_test.cpp flow_ledger_test.cpp windows_test.cpp event_ring_test.cpp ledger_test.cpp config_test.cpp snapshot_test.cpp snapshot_flows_test.cpp described_host_test.cpp snapshot_file_test.cpp address_test.cpp flow_addresses_test.cpp flow_view_test.cpp
          collector_test.cpp sampler_test.cpp history_test.cpp log_test.cpp bounded_thread_test.cpp
  LIBRARIES vmtraffic_core)
vmtraffic_test(capture_test SOURCES capture_intake_test.cpp capture_applications_test.cpp capture_share_test.cpp latency_window_test.cpp tcp_connection_test.cpp LIBRARIES vmtraffic_core)
# Connections of real guests, and tshark's opinion of the same.
add_executable(tcp_dump tcp_dump.cpp)
target_link_libraries(tcp_dump PRIVATE vmtraffic_core)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME capture.oracle COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/tcp_oracle_test.py
  $<TARGET_FILE:tcp_dump> ${PROJECT_SOURCE_DIR}/tests/data/capture)
set_tests_properties(capture.oracle PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
vmtraffic_test(replay_test SOURCES replay_test.cpp LIBRARIES vmtraffic_core)

# A later version of the schema, to prove that this reader reads its files.
set(next_header ${CMAKE_CURRENT_BINARY_DIR}/generated/next.fbs.h)
add_custom_command(
  OUTPUT ${next_header}
  COMMAND ${FLATC} --cpp --scoped-enums --filename-suffix .fbs --cpp-std c++17 -o ${CMAKE_CURRENT_BINARY_DIR}/generated
          ${CMAKE_CURRENT_SOURCE_DIR}/evolution/next.fbs
  DEPENDS evolution/next.fbs)
vmtraffic_test(evolution_test SOURCES evolution_test.cpp ${next_header} LIBRARIES vmtraffic_core)
target_include_directories(evolution_test SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
