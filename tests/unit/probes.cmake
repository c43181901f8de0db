# The probes' pure halves, and the link counters on the kernel (root: namespaces and links of their own).
vmtraffic_test(inventory_test SOURCES inventory_test.cpp LIBRARIES vmtraffic_core)
vmtraffic_test(domain_xml_test SOURCES domain_xml_test.cpp LIBRARIES vmtraffic_core)
vmtraffic_test(link_table_test SOURCES link_table_test.cpp LIBRARIES vmtraffic_core)
vmtraffic_test(link_counters_test SOURCES link_counters_test.cpp LIBRARIES vmtraffic_core)
vmtraffic_test(link_counters_fake_test SOURCES link_counters_fake_test.cpp LIBRARIES vmtraffic_core)
vmtraffic_test(neighbours_test SOURCES neighbours_test.cpp LIBRARIES vmtraffic_core)
vmtraffic_test(capture_filter_test SOURCES capture_filter_test.cpp LIBRARIES vmtraffic_core)
vmtraffic_test(cpu_budget_test SOURCES cpu_budget_test.cpp LIBRARIES vmtraffic_core)
pkg_check_modules(LIBPCAP REQUIRED IMPORTED_TARGET libpcap)
vmtraffic_test(packet_file_test SOURCES packet_file_test.cpp LIBRARIES vmtraffic_core PkgConfig::LIBPCAP)
vmtraffic_test(packet_ring_test SOURCES packet_ring_test.cpp LIBRARIES vmtraffic_core)
vmtraffic_test(capture_probe_test SOURCES capture_probe_test.cpp LIBRARIES vmtraffic_core)

# The sFlow probe. A program of its own: it counts its allocations.
vmtraffic_test(sflow_test
  SOURCES sflow_intake_test.cpp sflow_records_test.cpp sflow_listener_test.cpp wire_allocations.cpp
  LIBRARIES vmtraffic_core)
