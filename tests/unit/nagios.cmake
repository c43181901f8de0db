vmtraffic_test(nagios_test
  SOURCES nagios_threshold_test.cpp nagios_result_test.cpp nagios_selection_test.cpp nagios_quantity_test.cpp nagios_traffic_test.cpp
          nagios_collector_test.cpp nagios_process_test.cpp nagios_peer_rules_test.cpp nagios_talkers_test.cpp nagios_host_test.cpp nagios_latency_test.cpp
          nagios_loss_test.cpp
  LIBRARIES vmtraffic_nagios vmtraffic_core)
target_compile_definitions(nagios_test PRIVATE
  CHECK_VM_TRAFFIC="$<TARGET_FILE:check_vm_traffic>" CHECK_VM_TALKERS="$<TARGET_FILE:check_vm_talkers>"
  CHECK_VM_LATENCY="$<TARGET_FILE:check_vm_latency>" CHECK_VM_LOSS="$<TARGET_FILE:check_vm_loss>"
  CHECK_VM_COLLECTOR="$<TARGET_FILE:check_vm_collector>")
add_dependencies(nagios_test check_vm_traffic check_vm_talkers check_vm_latency check_vm_loss check_vm_collector)
