vmtraffic_test(nagios_test
  SOURCES nagios_threshold_test.cpp nagios_result_test.cpp nagios_selection_test.cpp nagios_quantity_test.cpp nagios_traffic_test.cpp
  LIBRARIES vmtraffic_nagios vmtraffic_core)
target_compile_definitions(nagios_test PRIVATE CHECK_VM_TRAFFIC="$<TARGET_FILE:check_vm_traffic>")
add_dependencies(nagios_test check_vm_traffic)
