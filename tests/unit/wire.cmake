# Packets and sFlow from octets: the golden inputs, what is asserted of them, and tshark's opinion.
add_library(wire_golden STATIC wire_golden_packets.cpp wire_golden_records.cpp wire_json.cpp)
target_link_libraries(wire_golden PUBLIC vmtraffic_wire vmtraffic_snapshot)
vmtraffic_test(wire_test
  SOURCES wire_byte_reader_test.cpp wire_packet_test.cpp wire_sflow_test.cpp wire_robust_test.cpp
          wire_allocations.cpp
  LIBRARIES wire_golden)
add_executable(wire_dump wire_dump.cpp)
target_link_libraries(wire_dump PRIVATE wire_golden)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME wire.oracle COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/wire_oracle_test.py
  $<TARGET_FILE:wire_dump> ${PROJECT_SOURCE_DIR}/tests/data/sflow/ovs.pcap)
set_tests_properties(wire.oracle PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
