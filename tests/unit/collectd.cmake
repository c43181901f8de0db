vmtraffic_test(collectd_options_test SOURCES collectd_options_test.cpp LIBRARIES vmtraffic_collectd vmtraffic_core)
vmtraffic_test(collectd_naming_test SOURCES collectd_naming_test.cpp LIBRARIES vmtraffic_collectd vmtraffic_core)
vmtraffic_test(collectd_values_test SOURCES collectd_values_test.cpp LIBRARIES vmtraffic_collectd vmtraffic_core)
vmtraffic_test(collectd_flows_test SOURCES collectd_flows_test.cpp LIBRARIES vmtraffic_collectd vmtraffic_core)
vmtraffic_test(collectd_latency_test SOURCES collectd_latency_test.cpp LIBRARIES vmtraffic_collectd vmtraffic_core)
vmtraffic_test(collectd_hosts_test SOURCES collectd_hosts_test.cpp LIBRARIES vmtraffic_collectd vmtraffic_core)
vmtraffic_test(collectd_events_test SOURCES collectd_events_test.cpp LIBRARIES vmtraffic_collectd vmtraffic_core)
vmtraffic_test(collectd_feed_test SOURCES collectd_feed_test.cpp LIBRARIES vmtraffic_collectd vmtraffic_core)

# The module in a real collectd.
add_executable(collectd_publisher collectd_publisher.cpp)
target_link_libraries(collectd_publisher PRIVATE vmtraffic_core GTest::gtest)
if(NOT VMTRAFFIC_SANITIZE)  # collectd itself is not built with sanitizers, so it cannot load such a module
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME collectd_daemon_test COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/collectd_daemon_test.py
    $<TARGET_FILE:vmtraffic_collectd_module> $<TARGET_FILE:collectd_publisher>)
  set_tests_properties(collectd_daemon_test PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
endif()
