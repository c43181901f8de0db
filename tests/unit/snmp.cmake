vmtraffic_test(snmp_test
  SOURCES snmp_tables_test.cpp snmp_flow_tables_test.cpp snmp_host_tables_test.cpp snmp_performance_tables_test.cpp snmp_options_test.cpp
          snmp_index_store_test.cpp snmp_watcher_test.cpp snmp_mib_test.cpp
  LIBRARIES vmtraffic_snmp_tables)
set(vmtraffic_mib ${PROJECT_SOURCE_DIR}/plugins/snmp-subagent/VMTRAFFIC-MIB.txt)
target_compile_definitions(snmp_test PRIVATE VMTRAFFIC_MIB="${vmtraffic_mib}")

# Debian has smilint but not the standard modules that every MIB imports: $VMTRAFFIC_MIBS names a directory with them.
find_program(SMILINT smilint)
add_test(NAME snmp.lint COMMAND ${CMAKE_CURRENT_LIST_DIR}/snmp_lint ${SMILINT} ${vmtraffic_mib})
set_tests_properties(snmp.lint PROPERTIES SKIP_RETURN_CODE 77)

# Behind a real snmpd.
include(${PROJECT_SOURCE_DIR}/tests/bench/make_snapshot.cmake)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME snmp.master COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/snmp_master_test.py
  $<TARGET_FILE:vmtraffic-agentx> $<TARGET_FILE:make_snapshot>)
set_tests_properties(snmp.master PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
